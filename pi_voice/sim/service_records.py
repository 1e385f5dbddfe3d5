"""What the embedded service remembers, so that a test or a person can read it back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

TEXT_KEPT = 10_000  # of one string: words, but no image
SHELF_BYTES = 16 * 2**20  # about six minutes of PCM: months in a daemon must not cost more


@dataclass(slots=True)
class Recording:
    """Sound in the format of the wire; empty once newer sound needed the room."""

    pcm: bytes


class Shelf:
    """Keeps the newest recordings of all sessions, up to a bound, and empties the oldest.

    Attributes:
        limit_bytes: The bound.
    """

    def __init__(self, limit_bytes: int = SHELF_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._size_bytes = 0
        self._recordings: deque[Recording] = deque()

    def keep(self, pcm: bytes) -> Recording:
        recording = Recording(pcm)
        self._recordings.append(recording)
        self._size_bytes += len(pcm)
        while self._size_bytes > self.limit_bytes and len(self._recordings) > 1:
            oldest = self._recordings.popleft()
            self._size_bytes -= len(oldest.pcm)
            oldest.pcm = b""
        return recording


@dataclass(slots=True)
class Turn:
    """What the user said between two commits, and what became of the reply.

    Attributes:
        recording: The committed audio, in the input format of the session.
        first_byte_at_s: When the first of it arrived.
        committed_at_s: When it became an item.
        item_id: The user's item.
        replied_ms: Audio of the reply that was sent so far.
        reply_item_id: The assistant's item; empty before there is one.
        status: "committed", then the wire's word for the response: "in_progress", "completed",
            "cancelled".
    """

    recording: Recording
    first_byte_at_s: float
    committed_at_s: float
    item_id: str
    replied_ms: float = 0.0
    reply_item_id: str = ""
    status: str = "committed"

    @property
    def pcm(self) -> bytes:
        """The committed audio, byte for byte; empty once newer turns needed the room."""
        return self.recording.pcm


@dataclass(frozen=True, slots=True)
class Truncation:
    """The client told how much of an item was heard, and the service accepted it."""

    item_id: str
    content_index: int
    audio_end_ms: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """A response was cut short.

    Attributes:
        response_id: Which.
        reason: "client_cancelled", or "turn_detected" when the user talked over it.
        at_s: When.
    """

    response_id: str
    reason: str
    at_s: float


def shortened(value: Any) -> Any:
    """The same without the images and sounds that items carry."""
    if isinstance(value, dict):
        return {key: shortened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shortened(entry) for entry in value]
    return value[:TEXT_KEPT] if isinstance(value, str) else value
