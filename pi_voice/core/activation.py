"""When a turn begins and ends: one class for each way to talk to the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pi_voice.core.events import MicFrame, Wish
from pi_voice.core.states import Turn


@dataclass(frozen=True, slots=True)
class Press:
    """The talk button went down; bounces are gone."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Release:
    """The talk button went up."""

    at_s: float


class Activation(Protocol):
    """Turns presses and speech into the wish to talk, to be done, or to interrupt.

    Attributes:
        keeps_open: The microphone is open between turns.
        outlasts_release: A turn goes on when the button is let go.
    """

    keeps_open: bool
    outlasts_release: bool

    def gate(self, event: Press | Release | MicFrame, turn: Turn) -> Wish | None: ...


class PushToTalk:
    """Hold the button while you talk; a press over a reply interrupts it."""

    outlasts_release = False

    def __init__(self, *, hot: bool = False) -> None:
        self.keeps_open = hot

    def gate(self, event: Press | Release | MicFrame, turn: Turn) -> Wish | None:
        if isinstance(event, Press):
            return Wish.TALK
        if isinstance(event, Release) and turn is Turn.LISTENING:
            return Wish.DONE
        return None


class Toggle:
    """Press once to talk, press again when you are done; a press over a reply ends it."""

    outlasts_release = True

    def __init__(self, *, hot: bool = False) -> None:
        self.keeps_open = hot

    def gate(self, event: Press | Release | MicFrame, turn: Turn) -> Wish | None:
        if not isinstance(event, Press):
            return None
        if turn is Turn.LISTENING:
            return Wish.DONE
        return Wish.INTERRUPT if turn in (Turn.THINKING, Turn.SPEAKING) else Wish.TALK


class ServiceActivated:
    """Just talk, also over a reply, and the service hears it; a press ends a reply, or wakes."""

    keeps_open = False  # only while the line is open
    outlasts_release = True

    def gate(self, event: Press | Release | MicFrame, turn: Turn) -> Wish | None:
        if not isinstance(event, Press):
            return None
        return Wish.INTERRUPT if turn in (Turn.THINKING, Turn.SPEAKING) else Wish.TALK


class VoiceActivated:
    """Just talk; a press over a reply ends it.

    Args:
        over_replies: The microphone does not hear the speaker (echo cancellation in hardware or
            software), so a voice may interrupt a reply. Otherwise only the button may.
    """

    keeps_open = True
    outlasts_release = True
    DEAF_FRAMES = 8  # 160 ms: what card and room still hold when the last sample was played

    def __init__(self, *, over_replies: bool = False) -> None:
        self._over_replies = over_replies
        self._deaf_frames = 0
        self._heard_speech = False
        self._begun = False  # since the last reply, and not told yet

    def gate(self, event: Press | Release | MicFrame, turn: Turn) -> Wish | None:
        if isinstance(event, Press):
            return Wish.INTERRUPT if turn in (Turn.THINKING, Turn.SPEAKING) else None
        if isinstance(event, MicFrame):
            return self._hear(event, turn)
        return None

    def _hear(self, frame: MicFrame, turn: Turn) -> Wish | None:
        began = frame.speech and not self._heard_speech
        self._heard_speech = frame.speech
        if turn is Turn.LISTENING:
            return None if frame.speech else Wish.DONE
        if turn is Turn.SPEAKING and not self._over_replies:
            self._deaf_frames, self._begun = self.DEAF_FRAMES, False
            return None
        self._begun = frame.speech and (self._begun or began)
        if self._deaf_frames:
            self._deaf_frames -= 1
            return None
        begun, self._begun = self._begun, False
        return Wish.TALK if begun else None
