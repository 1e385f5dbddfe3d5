"""The device: every decision, and nothing else. Events in, actions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern, Sound
from pi_voice.core.activation import Activation, Press, Release
from pi_voice.core.conversation import OUTAGE_MS, OUTAGE_TIMER, Conversation, Rules
from pi_voice.core.events import Event, Wish
from pi_voice.core.states import Mic, Turn, pattern
from pi_voice.frames import FRAME_MS


class Device:
    """A pure function of its history: no clock, no sleep, no hardware.

    It owns mute, the buttons and the wish for the microphone; the conversation owns the rest.
    """

    def __init__(self, activation: Activation, rules: Rules | None = None) -> None:
        self.muted = False
        self._rules = rules or Rules()
        self._activation = activation
        self._conversation = Conversation(self._rules)
        self._pre_roll: deque[ev.MicFrame] = deque(maxlen=int(self._rules.pre_roll_ms / FRAME_MS))
        self._mic = Mic.CLOSED
        self._mic_wanted = False
        self._shown: Pattern | None = None
        talk = self._conversation
        self._handlers: dict[type, Callable[[Any], Iterator[Action]]] = {
            ev.Started: self._on_started,
            ev.TimerFired: talk.on_timer,
            ev.ButtonEdge: self._on_edge,
            ev.Cue: self._on_cue,
            ev.MicHeard: self._on_heard,
            ev.MicOpened: self._on_mic_opened,
            ev.MicClosed: self._on_mic_closed,
            ev.MicLost: self._on_mic_lost,
            ev.LinkUp: talk.on_link_up,
            ev.LinkDown: talk.on_link_down,
            ev.AudioDropped: talk.on_audio_dropped,
            ev.TurnRefused: talk.on_turn_refused,
            ev.ReplyStarted: talk.on_reply_started,
            ev.ReplyAudio: talk.on_reply_audio,
            ev.ReplyAudioEnded: talk.on_reply_audio_ended,
            ev.ReplyEnded: talk.on_reply_ended,
            ev.PlaybackEnded: talk.on_playback_ended,
        }

    @property
    def turn(self) -> Turn:
        """Whose turn it is to speak."""
        return self._conversation.turn

    def handle(self, event: Event) -> list[Action]:
        """Decide what to do about one event; all of it is decided when this returns."""
        decide = self._handlers.get(type(event))
        decided = list(decide(event)) if decide else []
        decided.extend(self._settle())
        return decided

    def _on_started(self, event: ev.Started) -> Iterator[Action]:
        self.muted = event.muted
        yield do.GateLink(muted=True)
        yield do.ShowMic(is_open=False)
        yield do.StartTimer(OUTAGE_TIMER, OUTAGE_MS)

    # -- buttons and wishes

    def _on_edge(self, event: ev.ButtonEdge) -> Iterator[Action]:
        if self.muted:
            if event.pressed:
                yield do.PlaySound(Sound.MUTED)
            return
        gesture = Press(event.at_s) if event.pressed else Release(event.at_s)
        wish = self._activation.gate(gesture, self.turn)
        if wish is not None:
            yield from self._grant(wish, event.at_s, self._rules.tail_ms)

    def _on_cue(self, event: ev.Cue) -> Iterator[Action]:
        if event.wish is Wish.MUTE:
            yield from self._mute()
        elif event.wish is Wish.UNMUTE:
            if self.muted and (event.local or self._rules.remote_unmute):
                self.muted = False
                yield do.PlaySound(Sound.UNMUTED)
        elif not self.muted or event.wish is Wish.INTERRUPT:
            yield from self._grant(event.wish, event.at_s)

    def _mute(self) -> Iterator[Action]:
        if self.muted:
            return
        self.muted = True
        self._pre_roll.clear()
        yield from self._conversation.mute()
        yield from self._settle()
        yield do.PlaySound(Sound.MUTED)

    def _grant(self, wish: Wish, at_s: float, tail_ms: float = 0.0) -> Iterator[Action]:
        if wish is Wish.TALK and self.turn is not Turn.LISTENING:
            yield from self._conversation.open(self._pre_roll)
            self._pre_roll.clear()
        elif wish is Wish.DONE and self.turn is Turn.LISTENING:
            yield from self._conversation.close(at_s, tail_ms)
        elif wish is Wish.INTERRUPT:
            yield from self._conversation.interrupt()

    # -- the microphone

    def _on_heard(self, event: ev.MicHeard) -> Iterator[Action]:
        if self.muted or not self._mic_wanted:
            return
        for frame in event.frames:
            wish = self._activation.gate(frame, self.turn)
            if wish is Wish.TALK:
                yield from self._grant(wish, frame.at_s)
            if self.turn in (Turn.LISTENING, Turn.ENDING):
                self._conversation.hear(frame)
            else:
                self._pre_roll.append(frame)
            if wish is Wish.DONE:
                yield from self._grant(wish, frame.at_s + FRAME_MS / 1000)
        yield from self._conversation.stream(event.frames)

    def _on_mic_opened(self, event: ev.MicOpened) -> Iterator[Action]:
        self._mic = Mic.OPEN
        yield do.ShowMic(is_open=True)

    def _on_mic_closed(self, event: ev.MicClosed) -> Iterator[Action]:
        if self._mic is Mic.OPEN:
            self._mic = Mic.CLOSED
        self._pre_roll.clear()
        yield do.ShowMic(is_open=False)

    def _on_mic_lost(self, event: ev.MicLost) -> Iterator[Action]:
        self._mic = Mic.LOST
        self._pre_roll.clear()
        yield do.ShowMic(is_open=False)
        yield from self._conversation.lose_microphone()

    # -- what follows from the state

    def _settle(self) -> Iterator[Action]:
        """The handle and the light follow from the state; say only what changed."""
        in_turn = self.turn in (Turn.LISTENING, Turn.ENDING)
        wanted = not self.muted and (in_turn or self._activation.keeps_open)
        if wanted is not self._mic_wanted:
            self._mic_wanted = wanted
            yield do.OpenMic() if wanted else do.CloseMic()
        shown = pattern(self.turn, self._conversation.connection, self._mic, muted=self.muted)
        if shown is not self._shown:
            self._shown = shown
            yield do.Show(shown)
