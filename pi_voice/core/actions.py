"""What the device may ask for. Performing one returns at once and never fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OpenMic:
    """Get the capture handle; MicOpened or MicLost follows."""


@dataclass(frozen=True, slots=True)
class CloseMic:
    """Give the capture handle back and forget what waits in it; MicClosed follows."""


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Stream a piece of the user's turn.

    Attributes:
        pcm: Mono samples at the rate of the wire.
    """

    pcm: bytes


@dataclass(frozen=True, slots=True)
class StreamAudio:
    """Stream what is heard, whoever talks: the service finds the turns in it.

    Attributes:
        pcm: Mono samples at the rate of the wire.
    """

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SendTurn:
    """Send a turn again from its first sample, because what was sent of it is lost.

    Attributes:
        pcm: All of it so far; the link must not drop any.
    """

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The user's turn is complete; ask for a reply."""


@dataclass(frozen=True, slots=True)
class DiscardTurn:
    """Make the service forget the audio that was not committed."""


@dataclass(frozen=True, slots=True)
class ForgetSound:
    """Nothing that was heard and still waits on its way out may leave any more."""


@dataclass(frozen=True, slots=True)
class GateLink:
    """Let audio through to the service, or none at all, whoever sends it.

    Attributes:
        muted: True closes the gate on the wire.
    """

    muted: bool


@dataclass(frozen=True, slots=True)
class CancelReply:
    """End the reply that runs or was asked for; nothing of it arrives after this."""


@dataclass(frozen=True, slots=True)
class TruncateReply:
    """Tell the service how much of an item was heard.

    Attributes:
        item_id: The part of the reply.
        heard_ms: What left the speaker, in ms.
    """

    item_id: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class ReportHeard:
    """Tell the link that an item was heard to its end.

    Attributes:
        item_id: The part of the reply.
        heard_ms: All of it, in ms.
    """

    item_id: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the session until WakeUp; what was said before is told to the next one."""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Open a session again, at once."""


@dataclass(frozen=True, slots=True)
class RetryLink:
    """Something changed around the box: do not wait out the pause before the next attempt."""


@dataclass(frozen=True, slots=True)
class Say:
    """Let the service speak a text.

    Attributes:
        text: What the box shall say.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep over power cuts whether the box is muted; Remembered follows.

    Attributes:
        muted: By hand or by wish; a switch is read again at every start.
    """

    muted: bool


@dataclass(frozen=True, slots=True)
class PrepareSpeaker:
    """Open the speaker now: a reply is near."""


@dataclass(frozen=True, slots=True)
class Play:
    """Queue a piece of a reply for the speaker.

    Attributes:
        item_id: The part of the reply.
        pcm: Mono samples at the rate of the wire.
    """

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndItem:
    """No more of this item will be queued; PlaybackEnded follows when it was heard."""

    item_id: str


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Silence now; PlaybackEnded follows for every item that was not heard to its end."""


class Sound(StrEnum):
    """Short local sounds; each is a file or a tone, never the network."""

    READY = "ready"
    MUTED = "muted"
    UNMUTED = "unmuted"
    TOO_LONG = "too_long"
    NO_REPLY = "no_reply"
    NO_MICROPHONE = "no_microphone"
    NO_SPEAKER = "no_speaker"
    SAFE_MODE = "safe_mode"
    NO_NETWORK = "no_network"
    SERVICE_DOWN = "service_down"
    CLOCK_WRONG = "clock_wrong"
    CERTIFICATE = "certificate"
    KEY_REFUSED = "key_refused"
    QUOTA_SPENT = "quota_spent"
    BUDGET_SPENT = "budget_spent"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class PlaySound:
    sound: Sound


class Pattern(StrEnum):
    """What the status light tells."""

    STARTING = "starting"
    IDLE = "idle"
    OPENING = "opening"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    ASLEEP = "asleep"
    MUTED = "muted"
    NO_MICROPHONE = "no_microphone"
    NO_SPEAKER = "no_speaker"
    SAFE_MODE = "safe_mode"
    NO_NETWORK = "no_network"
    SERVICE_DOWN = "service_down"
    CLOCK_WRONG = "clock_wrong"
    CERTIFICATE = "certificate"
    KEY_REFUSED = "key_refused"
    QUOTA_SPENT = "quota_spent"
    BUDGET_SPENT = "budget_spent"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Show:
    """Set the status light."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class ShowMic:
    """Set the microphone light; it follows the open handle and nothing else."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Post TimerFired later; a running timer of the same name starts again.

    Attributes:
        name: Which.
        after_ms: How much later.
    """

    name: str
    after_ms: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Forget a timer; harmless when it does not run."""

    name: str


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell the operator something, in the log.

    Attributes:
        text: One sentence with what to do, without a word that was said.
    """

    text: str


Action = (
    OpenMic
    | CloseMic
    | SendAudio
    | StreamAudio
    | SendTurn
    | CommitTurn
    | DiscardTurn
    | ForgetSound
    | GateLink
    | CancelReply
    | TruncateReply
    | ReportHeard
    | HangUp
    | WakeUp
    | RetryLink
    | Say
    | Remember
    | PrepareSpeaker
    | Play
    | EndItem
    | StopPlayback
    | PlaySound
    | Show
    | ShowMic
    | StartTimer
    | StopTimer
    | Warn
)
