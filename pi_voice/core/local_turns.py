"""Turns that the device itself finds: by the button, or by the speech that it hears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.conversation import (
    REPLY_TIMER,
    TAIL_TIMER,
    TURN_TIMER,
    USER,
    Conversation,
)
from pi_voice.core.rules import Rules
from pi_voice.core.states import Step, Turn
from pi_voice.core.utterance import Utterance

TAIL_GRACE_MS = 500.0  # two batches of 60 ms and a slow card: then what we have is the turn


class LocalTurns(Conversation):
    """Keeps what the user says until its reply is heard, so that no broken link costs a word."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self._utterance = Utterance(rules.wire)
        self._held_back = False

    @property
    def handlers(self) -> Mapping[type, Callable[[Any], Iterator[Action]]]:
        return {**super().handlers, ev.AudioDropped: self.on_audio_dropped}

    @property
    def is_held_back(self) -> bool:
        """The user's turn is captured, and nothing of it is sent before it is certain."""
        return self._held_back and self.turn in USER

    @property
    def listens(self) -> bool:
        return self.turn in USER

    # -- the user's turn

    def open(self, pre_roll: Iterable[ev.MicFrame], *, held_back: bool = False) -> Iterator[Action]:
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
        self._held_back = False
        yield do.GateLink(muted=False)
        yield from self._stream()

    def hear(self, frame: ev.MicFrame) -> None:
        self._utterance.hear([frame])

    def close(self, done_s: float, tail_ms: float) -> Iterator[Action]:
        self._utterance.close(done_s, tail_ms)
        yield from self._go(Step.CLOSE)

    def stream(self, frames: tuple[ev.MicFrame, ...]) -> Iterator[Action]:
        """Send what was added, and ask for a reply once the turn is complete."""
        if self.turn in USER:
            yield from self._stream()
        if self.turn is Turn.ENDING and self._utterance.is_complete(frames):
            yield from self._finish()

    def mute(self) -> Iterator[Action]:
        yield from super().mute()
        self._utterance.forget()

    def on_timer(self, event: ev.TimerFired) -> Iterator[Action]:
        if event.name == TAIL_TIMER and self.turn is Turn.ENDING:
            yield from self._finish()
        else:
            yield from super().on_timer(event)

    def _end_longest(self) -> Iterator[Action]:
        yield from self._go(Step.CLOSE)
        yield from self._finish()

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

    def _went(self, old: Turn, step: Step) -> Iterator[Action]:
        new = self.turn
        if step in (Step.DROP, Step.REPLY):
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

    # -- the link

    def _begin_session(self) -> Iterator[Action]:
        if self.turn in USER and not self._held_back:
            yield do.SendTurn(self._utterance.take_whole())
        elif self.turn is Turn.THINKING:
            yield from self._ask_again()

    def _lose_session(self) -> Iterator[Action]:
        self._utterance.lose()
        if self.turn is Turn.THINKING:
            self._replies.ask()
        yield from ()

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

    def on_audio_dropped(self, event: ev.AudioDropped) -> Iterator[Action]:
        self._utterance.lose()
        if self.turn is Turn.THINKING and self.reach.is_online:
            yield do.CancelReply()
            self._replies.cut()
            self._replies.ask()
            yield from self._ask_again()
