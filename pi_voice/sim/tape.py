"""What left a speaker, and when: one stream on the card's own clock."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator

from pi_voice.frames import SAMPLE_BYTES
from pi_voice.sim.card import SampleClock


class Tape:
    """Blocks of mono sound by the index of their first sample; between them there is silence.

    Attributes:
        end: The sample after the last block.
    """

    def __init__(self, clock: SampleClock, keep_s: float | None = None) -> None:
        self.end = 0
        self._clock = clock
        self._keep = None if keep_s is None else keep_s * clock.rate_hz
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._silence = b""

    def add(self, first: int, block: bytes) -> None:
        """Append a block; silent ones share their memory."""
        if not block.strip(b"\0"):
            if len(block) != len(self._silence):
                self._silence = block
            block = self._silence
        self._blocks.append((first, block))
        self.end = first + len(block) // SAMPLE_BYTES
        while self._keep is not None and self._blocks[0][0] < first - self._keep:
            self._blocks.popleft()

    def cut(self, at_s: float) -> None:
        """Forget what would have left after this moment."""
        self._blocks = deque(self._between(self._first, self._clock.count(at_s)))

    def stream(self, until_s: float) -> bytes:
        """Everything up to this moment in one piece, with the silence between the blocks."""
        stream = bytearray()
        for first, block in self._between(self._first, self._clock.count(until_s)):
            stream += bytes((first - self._first) * SAMPLE_BYTES - len(stream))
            stream += block
        return bytes(stream)

    @property
    def begins_s(self) -> float:
        return self._clock.time_s(self._first)

    def loud_from(self, at_s: float, until_s: float) -> float | None:
        """When the first sample that is not silence left, between these moments."""
        for first, block in self._loud(at_s, until_s):
            silent = len(block) - len(block.lstrip(b"\0"))
            return self._clock.time_s(first + silent // SAMPLE_BYTES)
        return None

    def loud_until(self, at_s: float, until_s: float) -> float | None:
        """When the last sample that is not silence had left, between these moments."""
        ends_s = None
        for first, block in self._loud(at_s, until_s):
            loud = len(block.rstrip(b"\0"))
            ends_s = self._clock.time_s(first + -(-loud // SAMPLE_BYTES))
        return ends_s

    def samples(self, first: int, count: int) -> array[int] | None:
        """So many samples from this one on; None if all of them are silence."""
        found: array[int] | None = None
        for index, block in self._between(first, first + count):
            if block is not self._silence:
                found = found or array("h", bytes(count * SAMPLE_BYTES))
                samples = array("h", block)
                found[index - first : index - first + len(samples)] = samples
        return found

    @property
    def _first(self) -> int:
        return self._blocks[0][0] if self._blocks else self.end

    def _loud(self, at_s: float, until_s: float) -> Iterator[tuple[int, bytes]]:
        for first, block in self._between(self._clock.count(at_s), self._clock.count(until_s)):
            if block is not self._silence and block.strip(b"\0"):
                yield first, block

    def _between(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The blocks from one sample to before another, the outer ones cut."""
        late: list[tuple[int, bytes]] = []
        for first, block in reversed(self._blocks):
            if first + len(block) // SAMPLE_BYTES <= begin:
                break
            if first < end:
                cut = block[max(0, begin - first) * SAMPLE_BYTES : (end - first) * SAMPLE_BYTES]
                late.append((max(first, begin), cut))
        return reversed(late)
