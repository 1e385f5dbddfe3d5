"""The conversation: whose turn it is, what may be heard, and whether anybody would answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.reach import Reach
from pi_voice.core.replies import Replies
from pi_voice.core.rules import Rules
from pi_voice.core.states import TRANSITIONS, Connection, Step, Turn

TURN_TIMER = "longest turn"
TAIL_TIMER = "tail"
REPLY_TIMER = "reply"
OUTAGE_TIMER = "outage"

# A question waits this long for a session; longer is told to the user. Outages of 5 s are common,
# and the handshake after one takes up to 3 s over a phone network.
OUTAGE_MS = 8000.0
USER = (Turn.LISTENING, Turn.ENDING)
ASSISTANT = (Turn.THINKING, Turn.SPEAKING)


class Conversation(ABC):
    """The turn machine with the reply that is heard; its heirs know who finds the user's turns.

    Its methods decide and yield what to do.

    Attributes:
        turn: Whose turn it is to speak.
        reach: Whether a question would be answered now.
    """

    def __init__(self, rules: Rules, reach: Reach | None = None) -> None:
        self.turn = Turn.IDLE
        self.reach = reach or Reach()
        self._rules = rules
        self._replies = Replies()

    @property
    def handlers(self) -> Mapping[type, Callable[[Any], Iterator[Action]]]:
        """What it does about which event."""
        return {
            ev.LinkUp: self.on_link_up,
            ev.LinkDown: self.on_link_down,
            ev.TurnRefused: self.on_turn_refused,
            ev.ReplyStarted: self.on_reply_started,
            ev.ReplyAudio: self.on_reply_audio,
            ev.ReplyAudioEnded: self.on_reply_audio_ended,
            ev.ReplyEnded: self.on_reply_ended,
            ev.BudgetChanged: self.on_budget_changed,
            ev.SessionFull: self.on_session_full,
            ev.PlaybackEnded: self.on_playback_ended,
            ev.PlaybackFull: self.on_playback_full,
        }

    @property
    @abstractmethod
    def is_held_back(self) -> bool:
        """Somebody pressed, and nothing comes of it before it is certain."""

    @property
    @abstractmethod
    def listens(self) -> bool:
        """It needs the microphone."""

    # -- the user's turn

    @abstractmethod
    def open(self, pre_roll: Iterable[ev.MicFrame], *, held_back: bool = False) -> Iterator[Action]:
        """Somebody wants to talk, perhaps over a reply.

        Args:
            pre_roll: What was heard just before.
            held_back: It may turn out to mean something else; nothing of it goes out before
                `confirm`.
        """

    @abstractmethod
    def confirm(self) -> Iterator[Action]:
        """What was held back is the wish to talk."""

    @abstractmethod
    def hear(self, frame: ev.MicFrame) -> None:
        """Add a frame to the user's turn."""

    @abstractmethod
    def close(self, done_s: float, tail_ms: float) -> Iterator[Action]:
        """The user is done; what was captured before that, and the tail, is the turn."""

    @abstractmethod
    def stream(self, frames: tuple[ev.MicFrame, ...]) -> Iterator[Action]:
        """Send what is to be sent now that these were heard."""

    def settle(self, *, muted: bool) -> Iterator[Action]:
        """Do what follows from the state, once an event was decided."""
        yield from ()

    def interrupt(self) -> Iterator[Action]:
        """Silence, and no reply."""
        if self.turn in ASSISTANT:
            yield from self._go(Step.DROP)

    def drop(self) -> Iterator[Action]:
        """Forget the turn, whoever's it is."""
        if self.turn is not Turn.IDLE:
            yield from self._go(Step.DROP)

    def mute(self) -> Iterator[Action]:
        """Nothing that was said may be sent or answered any more; a reply may still be heard."""
        yield do.ForgetSound()
        if self.turn in USER or (self.turn is Turn.THINKING and self._replies.awaited):
            yield from self._go(Step.DROP)

    def lose_microphone(self, *, is_told: bool) -> Iterator[Action]:
        """Half a sentence is no question."""
        if self.turn in USER:
            is_told = is_told or self.is_held_back
            yield from self._go(Step.DROP)
            if not is_told:
                yield do.PlaySound(Sound.NO_MICROPHONE)

    def on_timer(self, event: ev.TimerFired) -> Iterator[Action]:
        if event.name == OUTAGE_TIMER and self.reach.is_hoping:
            self.reach.give_up()
            yield from self._break_off()
        elif event.name == TURN_TIMER and self.turn is Turn.LISTENING:
            yield do.PlaySound(Sound.TOO_LONG)
            yield from self._end_longest()
        elif event.name == REPLY_TIMER and self.turn in ASSISTANT:
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound.NO_REPLY)

    @abstractmethod
    def _end_longest(self) -> Iterator[Action]:
        """Nobody talks for so long: end the user's turn."""

    # -- the link

    def on_link_up(self, event: ev.LinkUp) -> Iterator[Action]:
        if self.reach.connection is Connection.ASLEEP:
            return  # it crossed with our hanging up
        self.reach.up()
        yield do.StopTimer(OUTAGE_TIMER)
        yield from self._begin_session()

    @abstractmethod
    def _begin_session(self) -> Iterator[Action]:
        """The new session knows nothing of the turn."""

    def on_link_down(self, event: ev.LinkDown) -> Iterator[Action]:
        if self.reach.connection is Connection.ASLEEP:
            return
        was_online = self.reach.is_online
        is_over = self.reach.down(event.fault)
        if was_online:
            for item_id in self._replies.end():
                yield do.EndItem(item_id)
            yield from self._leave_when_silent()
            yield do.StartTimer(OUTAGE_TIMER, OUTAGE_MS)
            yield from self._lose_session()
        if is_over:
            yield from self._break_off()

    @abstractmethod
    def _lose_session(self) -> Iterator[Action]:
        """What the session knew of the turn is gone with it."""

    def on_turn_refused(self, event: ev.TurnRefused) -> Iterator[Action]:
        if self.turn is Turn.THINKING:
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound.NO_REPLY)

    def on_budget_changed(self, event: ev.BudgetChanged) -> Iterator[Action]:
        self.reach.budget_spent = bool(event.reason)
        if event.reason:
            yield do.Warn(event.reason)
            if self.turn in USER:
                yield from self._break_off()

    def on_session_full(self, event: ev.SessionFull) -> Iterator[Action]:
        """The next question gets a session of its own."""
        yield from self.hang_up()

    def _break_off(self) -> Iterator[Action]:
        """Nobody will answer: say so instead of keeping the question any longer."""
        if self.turn in (*USER, Turn.THINKING) and (trouble := self.reach.trouble):
            is_certain = not self.is_held_back
            yield from self._go(Step.DROP)
            if is_certain:
                yield do.PlaySound(Sound(trouble))

    def hang_up(self) -> Iterator[Action]:
        """Close the session until somebody talks; what runs is forgotten."""
        yield from self.drop()
        if self.reach.is_online or self.reach.is_hoping:
            self._replies.cut()
            self.reach.sleep()
            yield do.StopTimer(OUTAGE_TIMER)
            yield do.HangUp()

    def wake(self) -> Iterator[Action]:
        """Somebody needs the session that was closed."""
        if self.reach.connection is Connection.ASLEEP:
            self.reach.wake()
            yield do.WakeUp()
            yield do.StartTimer(OUTAGE_TIMER, OUTAGE_MS)

    # -- the reply

    def on_reply_started(self, event: ev.ReplyStarted) -> Iterator[Action]:
        if self.turn in USER or not self.reach.is_online:
            self._replies.refuse(event.reply_id)
            yield do.CancelReply()
            return
        if event.reply_id != self._replies.current:
            for item_id in self._replies.end():
                yield do.EndItem(item_id)
        self._replies.begin(event.reply_id)

    def on_reply_audio(self, event: ev.ReplyAudio) -> Iterator[Action]:
        if self.turn in USER or not self.reach.is_online:
            return
        if not self._replies.admits(event.reply_id):
            return
        if not self._replies.add(event.item_id, self._rules.wire.duration_ms(len(event.pcm))):
            return
        yield do.Play(event.item_id, event.pcm)
        if self.turn is not Turn.SPEAKING:
            yield from self._go(Step.REPLY)
        yield do.StartTimer(REPLY_TIMER, self._replies.received_ms + self._rules.reply_timeout_ms)

    def on_reply_audio_ended(self, event: ev.ReplyAudioEnded) -> Iterator[Action]:
        if self._replies.close_item(event.item_id):
            yield do.EndItem(event.item_id)

    def on_reply_ended(self, event: ev.ReplyEnded) -> Iterator[Action]:
        if not self._replies.admits(event.reply_id):
            return
        for item_id in self._replies.end():
            yield do.EndItem(item_id)
        yield from self._leave_when_silent()
        if self.turn is Turn.THINKING and event.status != "completed":
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound.NO_REPLY)

    def on_playback_ended(self, event: ev.PlaybackEnded) -> Iterator[Action]:
        lost = event.interrupted and self._replies.plays(event.item_id)
        self._replies.item_ended(event.item_id)
        if event.interrupted:
            yield do.TruncateReply(event.item_id, event.played_ms)
        else:
            yield do.ReportHeard(event.item_id, event.played_ms)
        if lost:  # the speaker is gone: the rest would play from its middle, or not at all
            yield from self.interrupt()
        yield from self._leave_when_silent()

    def on_playback_full(self, event: ev.PlaybackFull) -> Iterator[Action]:
        """Hear what came of an endless reply, and let the service make no more of it."""
        if self._replies.plays(event.item_id) and self._replies.is_running:
            yield do.CancelReply()
            for item_id in self._replies.end():
                yield do.EndItem(item_id)
            yield do.Warn("two minutes of a reply wait to be heard; the rest was cancelled")

    def _leave_when_silent(self) -> Iterator[Action]:
        if self.turn is Turn.SPEAKING and self._replies.is_silent:
            yield from self._go(Step.SILENT)

    # -- the table

    def _go(self, step: Step) -> Iterator[Action]:
        """Take one step of the table, with what leaving and entering asks for."""
        old, new = self.turn, TRANSITIONS[self.turn][step]
        self.turn = new
        if timer := _TIMERS.get(old):
            yield do.StopTimer(timer)
        if old in ASSISTANT and step in (Step.OPEN, Step.DROP):
            yield from self._cut_reply()
        yield from self._went(old, step)

    @abstractmethod
    def _went(self, old: Turn, step: Step) -> Iterator[Action]:
        """A step was taken: do what it means for what was said."""

    def _cut_reply(self) -> Iterator[Action]:
        """Silence first; the service hears of it after."""
        if self._replies.is_playing:
            yield do.StopPlayback()
        if self._replies.is_running:
            yield do.CancelReply()
        self._replies.cut()


_TIMERS = {
    Turn.LISTENING: TURN_TIMER,
    Turn.ENDING: TAIL_TIMER,
    Turn.THINKING: REPLY_TIMER,
    Turn.SPEAKING: REPLY_TIMER,
}
