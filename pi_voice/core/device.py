"""The device: every decision, and nothing else. Events in, actions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern, Sound
from pi_voice.core.activation import Activation, Press, Release
from pi_voice.core.announcement import Announcement
from pi_voice.core.buttons import Asked, Bindings, Buttons, Hands, MuteSwitched
from pi_voice.core.conversation import OUTAGE_MS, OUTAGE_TIMER, USER, Conversation
from pi_voice.core.events import Event, Wish
from pi_voice.core.gestures import Stuck
from pi_voice.core.handle import Handle
from pi_voice.core.local_turns import LocalTurns
from pi_voice.core.mute import Mute
from pi_voice.core.rules import Rules
from pi_voice.core.states import Condition, Mic, Turn, pattern
from pi_voice.frames import FRAME_MS

IDLE_TIMER = "idle"
COMPLAINT_TIMER = "complaint"
COMPLAINT_MS = 30_000.0  # a television talks all evening


class Device:
    """A pure function of its history: no clock, no sleep, no hardware.

    It owns mute, the buttons and the wish for the microphone; the conversation owns the rest.
    """

    def __init__(
        self,
        activation: Activation,
        rules: Rules | None = None,
        bindings: Bindings | None = None,
        conversation: Callable[[Rules], Conversation] = LocalTurns,
    ) -> None:
        """Begin without a microphone and without a session.

        Args:
            activation: What a press and speech ask for.
            rules: How the owner wants it.
            bindings: What the buttons mean.
            conversation: Who finds the user's turns.
        """
        bindings = bindings or Bindings()
        self._mute = Mute(has_switch=bindings.has_switch)
        self._buttons = Buttons(bindings)
        self._rules = rules or Rules()
        self._activation = activation
        self._conversation = conversation(self._rules)
        self._announcement = Announcement(self._conversation)
        self._pre_roll: deque[ev.MicFrame] = deque(maxlen=int(self._rules.pre_roll_ms / FRAME_MS))
        self._handle = Handle()
        self._speaker_lost = False
        self._waits_to_sleep = False
        self._complained = False
        self._shown: Pattern | None = None
        self._handlers = self._every_handler()

    def _every_handler(self) -> dict[type, Callable[[Any], Iterator[Action]]]:
        return {
            **self._conversation.handlers,
            ev.Started: self._on_started,
            ev.TimerFired: self._on_timer,
            ev.ButtonEdge: self._on_edge,
            ev.Cue: self._on_cue,
            ev.MicHeard: self._on_heard,
            ev.MicOpened: self._on_mic_opened,
            ev.MicClosed: self._on_mic_closed,
            ev.MicLost: self._on_mic_lost,
            ev.SpeakerLost: self._on_speaker_lost,
            ev.SpeakerOpened: self._on_speaker_back,
            ev.PlaybackStarted: self._on_speaker_back,
            ev.NetworkUp: self._on_change_around,
            ev.ClockSet: self._on_change_around,
            ev.Say: self._announcement.on_say,
            ev.Remembered: self._on_remembered,
        }

    @property
    def muted(self) -> bool:
        """Somebody asked for it, or the switch is closed."""
        return self._mute.muted

    @property
    def mute(self) -> Mute:
        """What is muted, why, and whether a power cut would change it; only to look at."""
        return self._mute

    @property
    def microphone(self) -> Mic:
        """What became of the capture handle; open while nobody can promise otherwise."""
        return self._handle.promise

    @property
    def turn(self) -> Turn:
        """Whose turn it is to speak."""
        return self._conversation.turn

    @property
    def condition(self) -> Condition:
        """Everything that the light and a report show of it."""
        reach = self._conversation.reach
        return Condition(
            self.turn,
            reach.connection,
            self._handle.mic,
            muted=self.muted,
            trouble=reach.trouble,
            speaker_lost=self._speaker_lost,
            safe_mode=self._rules.safe_mode,
        )

    def handle(self, event: Event) -> list[Action]:
        """Decide what to do about one event; all of it is decided when this returns."""
        decide, turn = self._handlers.get(type(event)), self.turn
        decided = list(decide(event)) if decide else []
        if self.turn is not turn or not isinstance(event, ev.MicHeard):
            decided.extend(self._settle())  # sound alone changes nothing that it looks at
        return decided

    def _on_started(self, event: ev.Started) -> Iterator[Action]:
        self._mute.asked = event.muted
        yield do.GateLink(muted=True)
        yield do.ShowMic(is_open=False)
        yield do.StartTimer(OUTAGE_TIMER, OUTAGE_MS)

    # -- buttons and wishes

    def _on_edge(self, event: ev.ButtonEdge) -> Iterator[Action]:
        for touch in self._buttons.edge(event):
            yield from self._on_hand(touch)

    def _on_timer(self, event: ev.TimerFired) -> Iterator[Action]:
        if event.name == COMPLAINT_TIMER:
            self._complained = False
        elif event.name == IDLE_TIMER:
            yield from self._conversation.hang_up()
        yield from self._conversation.on_timer(event)
        for touch in self._buttons.timer(event.name):
            yield from self._on_hand(touch)

    def _on_hand(self, touch: Hands) -> Iterator[Action]:
        if isinstance(touch, do.StartTimer | do.StopTimer):
            yield touch
        elif isinstance(touch, Stuck):
            yield do.Warn(f"button {touch.button!r} is held down; it counts once it is let go")
        elif isinstance(touch, MuteSwitched):
            yield from self._change_mute(asked=self._mute.asked, switched_off=touch.closed)
        elif isinstance(touch, Asked):
            yield from self._on_asked(touch)
        elif not self.muted:
            yield from self._on_touch(touch)

    def _on_touch(self, touch: Press | Release) -> Iterator[Action]:
        """Silence and hear at once; whether it is a turn may be known only later."""
        if isinstance(touch, Release) and self._conversation.is_held_back:
            if not self._activation.outlasts_release:
                yield from self._conversation.drop()
            return
        wish = self._activation.gate(touch, self.turn)
        if wish is Wish.DONE and isinstance(touch, Press) and not self._buttons.is_sure:
            return  # the gesture will tell
        if wish is Wish.TALK:
            yield from self._talk(held_back=not self._buttons.is_sure)
        elif wish is not None:
            yield from self._grant(wish, touch.at_s, self._rules.tail_ms)

    def _on_asked(self, asked: Asked) -> Iterator[Action]:
        """A gesture is certain."""
        if asked.wish is Wish.TALK:
            yield from self._on_certain(asked.at_s)
            return
        if self._conversation.is_held_back:
            yield from self._conversation.drop()
        if asked.wish is Wish.MUTE and self.muted:
            yield from self._unmute()
        else:
            yield from self._on_cue(ev.Cue(asked.wish, asked.at_s, local=True))

    def _on_certain(self, at_s: float) -> Iterator[Action]:
        """What was pressed a moment ago is the wish to talk, or to be done."""
        trouble = self._conversation.reach.trouble
        if self.muted:
            yield do.PlaySound(Sound.MUTED)
        elif self._conversation.is_held_back:
            yield from self._conversation.confirm()
            if self._handle.is_looked_for:
                yield do.PlaySound(Sound.NO_MICROPHONE)
        elif self._buttons.is_sure:
            return
        elif self._activation.outlasts_release and self.turn is Turn.LISTENING:
            yield from self._grant(Wish.DONE, at_s, self._rules.tail_ms)
        elif trouble:
            yield do.PlaySound(Sound(trouble))
        elif self._handle.is_looked_for and self.turn is Turn.IDLE:
            yield do.PlaySound(Sound.NO_MICROPHONE)

    def _on_cue(self, event: ev.Cue) -> Iterator[Action]:
        if event.wish is Wish.MUTE:
            yield from self._change_mute(asked=True, switched_off=self._mute.switched_off)
        elif event.wish is Wish.UNMUTE:
            if event.local or self._rules.remote_unmute:
                yield from self._unmute()
        elif event.wish is Wish.SAY_STATUS:
            yield do.PlaySound(self._status())
        elif not self.muted or event.wish in (Wish.INTERRUPT, Wish.HANG_UP):
            yield from self._grant(event.wish, event.at_s)

    def _unmute(self) -> Iterator[Action]:
        if self._mute.switched_off:
            yield do.PlaySound(Sound.MUTED)
        yield from self._change_mute(asked=False, switched_off=self._mute.switched_off)

    def _change_mute(self, *, asked: bool, switched_off: bool) -> Iterator[Action]:
        was_muted = self.muted
        told = list(self._mute.change(asked=asked, switched_off=switched_off))
        if self.muted and not was_muted:
            self._pre_roll.clear()
            yield from self._conversation.mute()
            yield from self._settle()
        yield from told

    def _on_remembered(self, _: ev.Remembered) -> Iterator[Action]:
        yield from self._mute.remembered()

    def _grant(self, wish: Wish, at_s: float, tail_ms: float = 0.0) -> Iterator[Action]:
        if wish is Wish.TALK:
            yield from self._talk()
        elif wish is Wish.DONE and self.turn is Turn.LISTENING:
            yield from self._conversation.close(at_s, tail_ms)
        elif wish is Wish.INTERRUPT:
            yield from self._conversation.interrupt()
        elif wish is Wish.HANG_UP:
            yield from self._conversation.hang_up()

    def _talk(self, *, held_back: bool = False) -> Iterator[Action]:
        if self.turn is not Turn.LISTENING:
            yield from self._conversation.open(self._pre_roll, held_back=held_back)
            self._pre_roll.clear()
            is_asked = self._conversation.listens and not held_back
            if is_asked and self._handle.is_looked_for:
                yield do.PlaySound(Sound.NO_MICROPHONE)

    def _talk_hands_free(self) -> Iterator[Action]:
        """Somebody talks, maybe not to us: why there is no answer is not told at every word."""
        trouble = self._conversation.reach.trouble
        if trouble is None:
            yield from self._talk()
        elif not self._complained:
            self._complained = True
            yield do.StartTimer(COMPLAINT_TIMER, COMPLAINT_MS)
            yield do.PlaySound(Sound(trouble))

    def _status(self) -> Sound:
        if self.muted:
            return Sound.MUTED
        if self._handle.is_lost:
            return Sound.NO_MICROPHONE
        if self._speaker_lost:
            return Sound.NO_SPEAKER
        reach = self._conversation.reach
        well = Sound.SAFE_MODE if self._rules.safe_mode else Sound.READY
        return Sound(reach.trouble or reach.missing or well)

    # -- the microphone

    def _on_heard(self, event: ev.MicHeard) -> Iterator[Action]:
        if not self._handle.wanted:
            return
        for frame in event.frames:
            wish = self._activation.gate(frame, self.turn)
            if wish is Wish.TALK:
                yield from self._talk_hands_free()
            if self.turn in USER:
                self._conversation.hear(frame)
            else:
                self._pre_roll.append(frame)
            if wish is Wish.DONE:
                yield from self._grant(wish, frame.at_s + FRAME_MS / 1000)
        yield from self._conversation.stream(event.frames)

    def _on_mic_opened(self, event: ev.MicOpened) -> Iterator[Action]:
        self._handle.opened()
        self._pre_roll.clear()
        yield do.ShowMic(is_open=True)

    def _on_mic_closed(self, event: ev.MicClosed) -> Iterator[Action]:
        self._handle.closed()
        self._pre_roll.clear()
        yield do.ShowMic(is_open=False)

    def _on_mic_lost(self, event: ev.MicLost) -> Iterator[Action]:
        is_told = self._handle.is_looked_for  # at the press
        self._handle.lost()
        self._pre_roll.clear()
        yield do.ShowMic(is_open=False)
        yield from self._conversation.lose_microphone(is_told=is_told)

    # -- the speaker, and what goes on around the box

    def _on_speaker_lost(self, _: ev.SpeakerLost) -> Iterator[Action]:
        self._speaker_lost = True
        yield from ()

    def _on_speaker_back(self, _: ev.SpeakerOpened | ev.PlaybackStarted) -> Iterator[Action]:
        self._speaker_lost = False
        yield from ()

    def _on_change_around(self, _: ev.NetworkUp | ev.ClockSet) -> Iterator[Action]:
        yield do.RetryLink()

    # -- what follows from the state

    def _settle(self) -> Iterator[Action]:
        """The handle and the light follow from the state; say only what changed."""
        yield from self._conversation.settle(muted=self.muted)
        looked_for = self._handle.is_lost  # so that the light tells when it is back
        wanted = self._conversation.listens or looked_for or self._activation.keeps_open
        yield from self._handle.want(wanted and not self.muted)
        yield from self._announcement.settle()
        online = self._conversation.reach.is_online
        waits = bool(self._rules.idle_hang_up_ms) and online and self.turn is Turn.IDLE
        if waits is not self._waits_to_sleep:
            self._waits_to_sleep = waits
            after_ms = self._rules.idle_hang_up_ms
            yield do.StartTimer(IDLE_TIMER, after_ms) if waits else do.StopTimer(IDLE_TIMER)
        shown = pattern(self.condition)
        if shown is not self._shown:
            self._shown = shown
            yield do.Show(shown)
