"""What can happen to the device. Times are seconds of the event loop's clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pi_voice.core.link_events import (
    AudioDropped,
    LinkDown,
    LinkEvent,
    LinkFault,
    LinkUp,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
    SpeechStarted,
    SpeechStopped,
    TurnRefused,
    Used,
)

__all__ = [  # all events have one address
    "AudioDropped",
    "BudgetChanged",
    "ButtonEdge",
    "ClockSet",
    "Cue",
    "Event",
    "LinkDown",
    "LinkEvent",
    "LinkFault",
    "LinkUp",
    "MicClosed",
    "MicEvent",
    "MicFrame",
    "MicHeard",
    "MicLost",
    "MicOpened",
    "NetworkUp",
    "PlaybackEnded",
    "PlaybackFull",
    "PlaybackReport",
    "PlaybackStarted",
    "Remembered",
    "ReplyAudio",
    "ReplyAudioEnded",
    "ReplyEnded",
    "ReplyStarted",
    "Say",
    "SessionFull",
    "SpeakerEvent",
    "SpeakerLost",
    "SpeakerOpened",
    "SpeechStarted",
    "SpeechStopped",
    "Started",
    "Surrounding",
    "TimerFired",
    "TurnRefused",
    "Used",
    "Wish",
]

# -- the microphone


@dataclass(frozen=True, slots=True)
class MicFrame:
    """20 ms of sound, ready for the wire and judged by the speech detector.

    Attributes:
        pcm: Mono samples at the rate of the wire.
        at_s: When the first sample was taken.
        speech: Somebody is talking (the detector's gate is open).
    """

    pcm: bytes
    at_s: float
    speech: bool


@dataclass(frozen=True, slots=True)
class MicHeard:
    """One batch of the microphone, cut into frames; the loop wakes once for all of them."""

    frames: tuple[MicFrame, ...]


@dataclass(frozen=True, slots=True)
class MicOpened:
    """The capture handle is open. Nothing was heard before."""


@dataclass(frozen=True, slots=True)
class MicClosed:
    """The capture handle is closed, as we asked. Nothing will be heard after."""


@dataclass(frozen=True, slots=True)
class MicLost:
    """There is no capture handle although we want one; the microphone keeps trying."""

    reason: str


# -- the button, and everything that stands in for one


@dataclass(frozen=True, slots=True)
class ButtonEdge:
    """The contact of a button changed, bounces included.

    Attributes:
        pressed: The level after the edge.
        at_s: The kernel's time of the edge.
        button: Which one, as named in the configuration.
        found: True if this is no edge: the level was read, first of all when the line was opened.
    """

    pressed: bool
    at_s: float
    button: str = "talk"
    found: bool = False


class Wish(StrEnum):
    """What a gesture, the control socket or an outside trigger can ask for."""

    TALK = "talk"
    DONE = "done"
    INTERRUPT = "interrupt"
    MUTE = "mute"
    UNMUTE = "unmute"
    HANG_UP = "hang_up"
    SAY_STATUS = "say_status"


@dataclass(frozen=True, slots=True)
class Cue:
    """Somebody asks for something: the control socket, a wake word, another program.

    Attributes:
        wish: What is asked for.
        at_s: When.
        local: True if it comes from the hands of a person at the box; only they may unmute.
    """

    wish: Wish
    at_s: float
    local: bool = False


# -- the speaker


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of an item left the speaker.

    Attributes:
        item_id: The part of the reply that is heard now.
        at_s: When its first sample left the speaker.
    """

    item_id: str
    at_s: float


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """An item will not be heard any further.

    Attributes:
        item_id: The part of the reply that was playing or waiting.
        played_ms: How much of it left the speaker, in ms; never more than was received.
        interrupted: True after StopPlayback, False when it was heard to its end.
    """

    item_id: str
    played_ms: float
    interrupted: bool


@dataclass(frozen=True, slots=True)
class PlaybackFull:
    """More sound waits to be played than anybody has patience for; told once for an item.

    Attributes:
        item_id: The part of the reply that grew too long.
    """

    item_id: str


@dataclass(frozen=True, slots=True)
class SpeakerLost:
    """Nothing can be heard although we play; the speaker keeps trying, and says why it fails."""

    reason: str


@dataclass(frozen=True, slots=True)
class SpeakerOpened:
    """The speaker's card is open; after SpeakerLost it says that all is well again."""


# -- what goes on around the box


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """The kernel has a link or an address that it had not before."""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The clock was set by somebody who knows the time."""


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    """What the owner allows to be spent is used up, or there is some again.

    Attributes:
        reason: One sentence with the limit; empty when turns are allowed again.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionFull:
    """The session was used so much that the next question deserves a new one."""


@dataclass(frozen=True, slots=True)
class Say:
    """Somebody at the control socket wants the box to speak.

    Attributes:
        text: What.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was asked to be remembered outlives a power cut from now on, or cannot be kept."""


# -- life and time


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of all.

    Attributes:
        muted: What was remembered from the last run.
    """

    muted: bool


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that was started ran out."""

    name: str


MicEvent = MicOpened | MicClosed | MicLost
PlaybackReport = PlaybackStarted | PlaybackEnded | PlaybackFull
SpeakerEvent = PlaybackReport | SpeakerLost | SpeakerOpened
Surrounding = NetworkUp | ClockSet
Event = (
    MicHeard
    | MicEvent
    | ButtonEdge
    | Cue
    | SpeakerEvent
    | LinkEvent
    | Surrounding
    | BudgetChanged
    | SessionFull
    | Say
    | Remembered
    | Started
    | TimerFired
)
