"""How much of a reply was heard: the speaker reports, the transport asks when it must truncate."""

from __future__ import annotations

from math import floor

from msgspec import Struct

Key = tuple[str, int]  # item id and content index

PCM_RATE_HZ = 24_000
G711_RATE_HZ = 8_000
MOST_ITEMS = 128  # a program that never reports what it played shall not grow for months


class AudioShape(Struct, frozen=True):
    """How the sound of a session is coded on the wire, mono always.

    Attributes:
        rate_hz: Sample frames per second: 24,000 for PCM, 8,000 for G.711.
        frame_bytes: Bytes of one sample frame: 2 for PCM, 1 for G.711.
    """

    rate_hz: int = PCM_RATE_HZ
    frame_bytes: int = 2

    def duration_ms(self, size_bytes: int) -> float:
        return size_bytes * 1000 / (self.rate_hz * self.frame_bytes)


class Position(Struct, frozen=True):
    """One part of a reply that was not heard to its end.

    Attributes:
        item_id: The conversation item.
        content_index: The part of it.
        response_id: The reply it belongs to, if the service says.
        received_ms: Sound that arrived, in ms.
        played_ms: Sound that left the speaker, in ms; never more than `received_ms`.
        complete: No more of it will arrive.
    """

    item_id: str
    content_index: int
    response_id: str | None
    received_ms: float
    played_ms: float
    complete: bool

    @property
    def end_ms(self) -> int:
        """Where to truncate: whole milliseconds, rounded down, since too much is an error."""
        return floor(min(self.played_ms, self.received_ms))

    @property
    def finished(self) -> bool:
        return self.complete and self.played_ms >= self.received_ms


class _Part(Struct):
    response_id: str | None
    received: int = 0  # bytes
    played: int = 0  # sample frames
    complete: bool = False


class PlaybackTracker:
    """What arrived and what was heard, per (item, content), in the order of arrival.

    The transport enqueues what it gives to `audio` listeners; the speaker reports what left it.
    Without reports nothing counts as heard, and an interruption truncates at 0; but then only the
    newest reply counts, since older ones are over for a program that does not tell. Positions
    outlive the end of generation: they go when the part was heard, interrupted, or the session
    ended. Called from the event loop only.

    Attributes:
        shape: Coding of the session's output.
    """

    def __init__(self) -> None:
        self.shape = AudioShape()
        self._parts: dict[Key, _Part] = {}
        self._told = False  # the speaker reports at all

    def enqueue(
        self, item_id: str, content_index: int, response_id: str | None, pcm: bytes
    ) -> None:
        """Count sound that arrived, as it came over the wire."""
        if not pcm:
            return
        part = self._parts.get((item_id, content_index))
        if part is None:
            self._make_room(response_id)
            part = self._parts[item_id, content_index] = _Part(response_id)
        part.received += len(pcm)

    def on_played(self, item_id: str, content_index: int, frames: int) -> None:
        """Count sound that left the speaker since the last call.

        Args:
            item_id: As in the `audio` event.
            content_index: As in the `audio` event.
            frames: Sample frames at the rate of the wire's output format (24 kHz PCM, 8 kHz
                G.711), without silence and underruns.
        """
        self._told = True
        part = self._parts.get((item_id, content_index))
        if part is not None:
            part.played += max(0, frames)
            self._forget_if_heard((item_id, content_index))

    def played_until(self, item_id: str, content_index: int, played_ms: float) -> None:
        """Set how much of a part left the speaker since its beginning; it never goes back."""
        part = self._parts.get((item_id, content_index))
        if part is not None:
            frames = floor(played_ms * self.shape.rate_hz / 1000)
            self.on_played(item_id, content_index, frames - part.played)

    def position(self) -> list[Position]:
        """The parts that were not heard to their end, in the order of arrival."""
        return [self._position(key, part) for key, part in self._parts.items()]

    @property
    def is_reported(self) -> bool:
        """The speaker tells at all what it played."""
        return self._told

    def find(self, item_id: str, content_index: int) -> Position | None:
        part = self._parts.get((item_id, content_index))
        return None if part is None else self._position((item_id, content_index), part)

    def audio_done(self, item_id: str, content_index: int) -> None:
        """No more sound of this part will arrive."""
        part = self._parts.get((item_id, content_index))
        if part is not None:
            part.complete = True
            self._forget_if_heard((item_id, content_index))

    def response_done(self, response_id: str | None) -> None:
        """No more sound of this reply will arrive."""
        for key in [key for key, part in self._parts.items() if part.response_id == response_id]:
            self.audio_done(*key)

    def forget(self, item_id: str, content_index: int) -> None:
        self._parts.pop((item_id, content_index), None)

    def clear(self) -> None:
        self._parts.clear()

    def _make_room(self, response_id: str | None) -> None:
        if not self._told:
            self._parts = {
                key: part for key, part in self._parts.items() if part.response_id == response_id
            }
        while len(self._parts) >= MOST_ITEMS:
            del self._parts[next(iter(self._parts))]

    def _forget_if_heard(self, key: Key) -> None:
        if self._position(key, self._parts[key]).finished:
            del self._parts[key]

    def _position(self, key: Key, part: _Part) -> Position:
        received_frames = part.received // self.shape.frame_bytes
        ms_per_frame = 1000 / self.shape.rate_hz
        return Position(
            item_id=key[0],
            content_index=key[1],
            response_id=part.response_id,
            received_ms=received_frames * ms_per_frame,
            played_ms=min(part.played, received_frames) * ms_per_frame,
            complete=part.complete,
        )
