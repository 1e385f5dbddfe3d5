"""The conversation: whose turn it is, what was said and what may be heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.reach import Reach
from pi_voice.core.replies import Replies
from pi_voice.core.rules import Rules
from pi_voice.core.states import TRANSITIONS, Connection, Step, Turn
from pi_voice.core.utterance import Utterance

TURN_TIMER = "longest turn"
TAIL_TIMER = "tail"
REPLY_TIMER = "reply"
OUTAGE_TIMER = "outage"

TAIL_GRACE_MS = 500.0  # two batches of 60 ms and a slow card: then what we have is the turn
# A question waits this long for a session; longer is told to the user. Outages of 5 s are common,
# and the handshake after one takes up to 3 s over a phone network.
OUTAGE_MS = 8000.0
USER = (Turn.LISTENING, Turn.ENDING)
ASSISTANT = (Turn.THINKING, Turn.SPEAKING)


class Conversation:
    """The turn machine with the utterance that is spoken and the reply that is heard.

    Its methods decide and yield what to do.

    Attributes:
        turn: Whose turn it is to speak.
        reach: Whether a question would be answered now.
    """

    def __init__(self, rules: Rules) -> None:
        self.turn = Turn.IDLE
        self.reach = Reach()
        self._rules = rules
        self._replies = Replies()
        self._utterance = Utterance(rules.wire)
        self._held_back = False

    @property
    def is_held_back(self) -> bool:
        """The user's turn is captured, and nothing of it is sent before it is certain."""
        return self._held_back and self.turn in USER

    # -- the user's turn

    def open(self, pre_roll: Iterable[ev.MicFrame], *, held_back: bool = False) -> Iterator[Action]:
        """The user begins to talk, perhaps over a reply; the pre-roll belongs to the turn.

        Args:
            pre_roll: What was heard just before.
            held_back: It may turn out to be no turn at all; send nothing before `confirm`.
        """
        if trouble := self.reach.trouble:
            yield from self.interrupt()
            if not held_back:
                yield do.PlaySound(Sound(trouble))
            return
        yield from self.wake()
        if self.turn is not Turn.ENDING:
            self._utterance = Utterance(self._rules.wire, pre_roll)
            self._held_back = held_back
        self._utterance.reopen()
        yield from self._go(Step.OPEN)
        yield do.PrepareSpeaker()
        yield from self._stream()

    def confirm(self) -> Iterator[Action]:
        """It is a turn: what was held back is sent."""
        self._held_back = False
        yield do.GateLink(muted=False)
        yield from self._stream()

    def hear(self, frame: ev.MicFrame) -> None:
        """Add a frame to the user's turn."""
        self._utterance.hear([frame])

    def close(self, done_s: float, tail_ms: float) -> Iterator[Action]:
        """The user is done; what was captured before that, and the tail, is the turn."""
        self._utterance.close(done_s, tail_ms)
        yield from self._go(Step.CLOSE)

    def stream(self, frames: tuple[ev.MicFrame, ...]) -> Iterator[Action]:
        """Send what was added, and ask for a reply once the turn is complete."""
        if self.turn in USER:
            yield from self._stream()
        if self.turn is Turn.ENDING and self._utterance.is_complete(frames):
            yield from self._finish()

    def interrupt(self) -> Iterator[Action]:
        """Silence, and no reply."""
        if self.turn in ASSISTANT:
            yield from self._go(Step.DROP)

    def drop(self) -> Iterator[Action]:
        """Forget the turn, whoever's it is."""
        if self.turn is not Turn.IDLE:
            yield from self._go(Step.DROP)

    def mute(self) -> Iterator[Action]:
        """Nothing that was said may be sent any more; a reply may still be heard."""
        yield do.ForgetSound()
        if self.turn in USER or (self.turn is Turn.THINKING and self._replies.awaited):
            yield from self._go(Step.DROP)
        self._utterance.forget()

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
            yield from self._go(Step.CLOSE)
            yield from self._finish()
        elif event.name == TAIL_TIMER and self.turn is Turn.ENDING:
            yield from self._finish()
        elif event.name == REPLY_TIMER and self.turn in ASSISTANT:
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound.NO_REPLY)

    def _stream(self) -> Iterator[Action]:
        if self.reach.is_online and self._utterance.is_whole and not self._held_back:
            unsent = self._utterance.take_unsent()
            if unsent:
                yield do.SendAudio(unsent)

    def _finish(self) -> Iterator[Action]:
        """All of the turn was captured: ask for a reply, or forget it."""
        if self._held_back or self._utterance.held_ms < self._rules.shortest_turn_ms:
            yield from self._go(Step.DROP)
            return
        if self.reach.is_online:
            if not self._utterance.is_whole:
                yield do.DiscardTurn()
                yield do.SendTurn(self._utterance.take_whole())
            yield from self._commit()
        self._replies.ask()
        yield from self._go(Step.SENT)
        yield self._reply_timer()

    def _commit(self) -> Iterator[Action]:
        yield from self._stream()
        yield do.CommitTurn()

    # -- the link

    def on_link_up(self, event: ev.LinkUp) -> Iterator[Action]:
        if self.reach.connection is Connection.ASLEEP:
            return  # it crossed with our hanging up
        self.reach.up()
        yield do.StopTimer(OUTAGE_TIMER)
        if self.turn in USER and not self._held_back:
            yield do.SendTurn(self._utterance.take_whole())
        elif self.turn is Turn.THINKING:
            yield from self._ask_again()

    def _ask_again(self) -> Iterator[Action]:
        """The session does not know the question: send it whole."""
        trouble = self.reach.trouble
        if trouble or not self._utterance.duration_ms:
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound(trouble or Sound.NO_REPLY))
            return
        yield do.GateLink(muted=False)
        yield do.SendTurn(self._utterance.take_whole())
        yield from self._commit()
        yield do.GateLink(muted=True)
        yield self._reply_timer()

    def _reply_timer(self) -> Action:
        """A turn that is sent again takes as long as it was spoken, over the slowest link."""
        upload_ms = self._utterance.duration_ms if self._utterance.sent_again else 0.0
        return do.StartTimer(REPLY_TIMER, upload_ms + self._rules.reply_timeout_ms)

    def on_link_down(self, event: ev.LinkDown) -> Iterator[Action]:
        if self.reach.connection is Connection.ASLEEP:
            return
        was_online = self.reach.is_online
        is_over = self.reach.down(event.fault)
        if was_online:
            self._utterance.lose()
            for item_id in self._replies.end():
                yield do.EndItem(item_id)
            if self.turn is Turn.THINKING:
                self._replies.ask()
            yield from self._leave_when_silent()
            yield do.StartTimer(OUTAGE_TIMER, OUTAGE_MS)
        if is_over:
            yield from self._break_off()

    def on_budget_changed(self, event: ev.BudgetChanged) -> Iterator[Action]:
        self.reach.budget_spent = bool(event.reason)
        if event.reason:
            yield do.Warn(event.reason)
            if self.turn in USER:
                yield from self._break_off()

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

    def on_audio_dropped(self, event: ev.AudioDropped) -> Iterator[Action]:
        self._utterance.lose()
        if self.turn is Turn.THINKING and self.reach.is_online:
            yield do.CancelReply()
            self._replies.cut()
            self._replies.ask()
            yield from self._ask_again()

    def on_turn_refused(self, event: ev.TurnRefused) -> Iterator[Action]:
        if self.turn is Turn.THINKING:
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound.NO_REPLY)

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
        self._utterance.forget()
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
        if step is Step.DROP:
            self._utterance.forget()
        if old in USER and new not in USER and not self._held_back:
            if step is Step.DROP:
                yield do.DiscardTurn()
            yield do.GateLink(muted=True)
        elif new in USER and old not in USER and not self._held_back:
            yield do.GateLink(muted=False)
        if new is Turn.LISTENING:
            left_ms = self._rules.longest_turn_ms - self._utterance.held_ms
            yield do.StartTimer(TURN_TIMER, max(0.0, left_ms))
        elif new is Turn.ENDING:
            yield do.StartTimer(TAIL_TIMER, self._rules.tail_ms + TAIL_GRACE_MS)

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
