"""What the link to the service tells the device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkFault(StrEnum):
    """Why there is no session, by what it means to the person at the box."""

    NETWORK = "network"
    SERVICE = "service"
    REFUSED = "refused"
    QUOTA = "quota"
    CLOCK = "clock"
    CERTIFICATE = "certificate"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A session is open and our configuration is acknowledged.

    Attributes:
        session_id: A new one after every reconnect.
    """

    session_id: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """There is no session; the link keeps trying by itself.

    Attributes:
        fault: What it means.
        reason: One sentence for the operator.
    """

    fault: LinkFault
    reason: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The service hears the user begin to talk; the reply that runs, it ends by itself."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The service has heard the end of the user's turn, and will answer it."""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The service began a reply."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of a reply, faster than it can be played.

    Attributes:
        reply_id: The reply it belongs to.
        item_id: The part of the reply; opaque, the link gives it.
        pcm: Mono samples at the rate of the wire.
    """

    reply_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ReplyAudioEnded:
    """No more audio of this item will come."""

    reply_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The service finished a reply; its sound may still be playing for seconds.

    Attributes:
        reply_id: Which.
        status: completed, cancelled, failed or incomplete.
        reason: For the log, when it is not completed.
    """

    reply_id: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """The service will not answer what was sent, for example because it was empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """The uplink was too slow: a part of the turn that is being sent was lost on the way out."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one response cost, in tokens; those the service remembered are in no other number."""

    text_in: int = 0
    text_cached: int = 0
    text_out: int = 0
    audio_in: int = 0
    audio_cached: int = 0
    audio_out: int = 0


LinkEvent = (
    LinkUp
    | LinkDown
    | SpeechStarted
    | SpeechStopped
    | ReplyStarted
    | ReplyAudio
    | ReplyAudioEnded
    | ReplyEnded
    | TurnRefused
    | AudioDropped
    | Used
)
