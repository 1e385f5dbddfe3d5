"""Turns that the service finds: it hears everything while the line is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.conversation import ASSISTANT, REPLY_TIMER, TURN_TIMER, Conversation
from pi_voice.core.reach import Reach
from pi_voice.core.rules import Rules
from pi_voice.core.states import Connection, Step, Turn


class ServiceTurns(Conversation):
    """Streams what the microphone hears, and follows what the service makes of it.

    Nothing is kept: nobody here knows where a sentence began, so what is said into an outage is
    lost, and the light shows that nobody hears. The line is open unless the box is muted, asleep
    or without hope of an answer; the microphone is closed whenever the line is.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules, Reach(hope=Connection.STARTING))
        self._held_back = False
        self._muted = False
        self._is_open = False

    @property
    def handlers(self) -> Mapping[type, Callable[[Any], Iterator[Action]]]:
        return {
            **super().handlers,
            ev.SpeechStarted: self.on_speech_started,
            ev.SpeechStopped: self.on_speech_stopped,
        }

    @property
    def is_held_back(self) -> bool:
        """A press may be the wish to wake the box."""
        return self._held_back and self._sleeps

    @property
    def listens(self) -> bool:
        return not self._sleeps and self.reach.trouble is None

    @property
    def _sleeps(self) -> bool:
        return self.reach.connection is Connection.ASLEEP

    # -- what hands ask for

    def open(self, pre_roll: Iterable[ev.MicFrame], *, held_back: bool = False) -> Iterator[Action]:
        """Somebody wants to be heard: wake, or tell why that is not possible."""
        self._held_back = held_back
        if held_back:
            return
        if trouble := self.reach.trouble:
            yield do.PlaySound(Sound(trouble))
        yield from self.wake()

    def confirm(self) -> Iterator[Action]:
        self._held_back = False
        yield from self.wake()

    def hear(self, frame: ev.MicFrame) -> None:
        """Nothing is kept."""

    def close(self, done_s: float, tail_ms: float) -> Iterator[Action]:
        """Only the service knows when the user is done."""
        yield from ()

    # -- the line

    def stream(self, frames: tuple[ev.MicFrame, ...]) -> Iterator[Action]:
        if frames and self._is_open and self.reach.is_online:
            yield do.StreamAudio(b"".join(frame.pcm for frame in frames))

    def settle(self, *, muted: bool) -> Iterator[Action]:
        """The gate on the wire follows the state; who unmutes wants to be heard."""
        if self._muted and not muted:
            yield from self.wake()
        self._muted = muted
        is_open = self.listens and not muted
        if is_open is not self._is_open:
            self._is_open = is_open
            yield do.GateLink(muted=not is_open)

    def on_session_full(self, event: ev.SessionFull) -> Iterator[Action]:
        """Nobody here hears a next question: another session begins at once."""
        if self.reach.is_online:
            yield from self.hang_up()
            yield from self.wake()

    def _begin_session(self) -> Iterator[Action]:
        yield from ()

    def _lose_session(self) -> Iterator[Action]:
        """Half a sentence, and a question without its answer, are lost: say so."""
        if self.turn in (Turn.LISTENING, Turn.THINKING):
            yield from self._go(Step.DROP)
            yield do.PlaySound(Sound(self.reach.trouble or Sound.NO_REPLY))

    # -- what the service hears

    def on_speech_started(self, event: ev.SpeechStarted) -> Iterator[Action]:
        """The user begins, perhaps over a reply: silence; the service ends the reply itself."""
        if self.turn in ASSISTANT:
            self._replies.end()
        if not (self._is_open and self.reach.is_online):
            yield from self.interrupt()  # it crossed with mute, and the reply is dead all the same
        elif self.turn is not Turn.LISTENING:
            yield from self._go(Step.OPEN)
            yield do.PrepareSpeaker()

    def on_speech_stopped(self, event: ev.SpeechStopped) -> Iterator[Action]:
        """The service has all of the turn, and answers it unasked."""
        if self.turn is Turn.LISTENING:
            self._replies.ask()
            yield from self._go(Step.SENT)
            yield do.StartTimer(REPLY_TIMER, self._rules.reply_timeout_ms)

    def _end_longest(self) -> Iterator[Action]:
        """Nobody talks for so long without a breath: a television does, and it is forgotten."""
        yield from self._go(Step.DROP)

    def _went(self, old: Turn, step: Step) -> Iterator[Action]:
        if self.turn is Turn.LISTENING:
            yield do.StartTimer(TURN_TIMER, self._rules.longest_turn_ms)
        elif old is Turn.LISTENING and step is Step.DROP:
            yield do.DiscardTurn()
