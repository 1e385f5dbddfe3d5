"""Audio formats of the wire in plain Python: PCM at 24 kHz, G.711 µ-law and A-law at 8 kHz."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass

RATE_RATIO = 3  # 24 kHz is three times 8 kHz


def _from_ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _from_alaw(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


@dataclass(frozen=True, slots=True)
class WireAudio:
    """One audio format of the protocol.

    Attributes:
        rate_hz: Samples per second.
        sample_bytes: Bytes per sample.
        values: For G.711, the sample that each of the 256 codes stands for; empty for PCM.
    """

    rate_hz: int
    sample_bytes: int
    values: tuple[int, ...] = ()

    @property
    def bytes_per_ms(self) -> float:
        return self.rate_hz * self.sample_bytes / 1000

    def duration_ms(self, size_bytes: int) -> float:
        return size_bytes / self.bytes_per_ms

    def size_bytes(self, ms: float) -> int:
        """Bytes that hold `ms`, rounded down to whole samples."""
        return int(ms * self.rate_hz / 1000) * self.sample_bytes

    def decode(self, data: bytes) -> array[int]:
        """Samples at the format's own rate; a trailing half sample is left out."""
        if self.values:
            return array("h", [self.values[code] for code in data])
        return array("h", data[: len(data) - len(data) % 2])

    def encode(self, samples: array[int]) -> bytes:
        """The nearest codes for samples at the format's own rate."""
        if not self.values:
            return samples.tobytes()
        ladder = sorted((value, code) for code, value in enumerate(self.values))
        middles = [(low[0] + high[0]) / 2 for low, high in zip(ladder, ladder[1:], strict=False)]
        return bytes(ladder[bisect_left(middles, sample)][1] for sample in samples)


PCM24 = WireAudio(24_000, 2)
FORMATS = {
    "audio/pcm": PCM24,
    "audio/pcmu": WireAudio(8_000, 1, tuple(_from_ulaw(code) for code in range(256))),
    "audio/pcma": WireAudio(8_000, 1, tuple(_from_alaw(code) for code in range(256))),
}


def converted(data: bytes, source: WireAudio, target: WireAudio) -> bytes:
    """The same sound in another format; the very same bytes if it is the same format."""
    if source == target:
        return data
    samples = source.decode(data)
    if source.rate_hz < target.rate_hz:
        samples = _tripled(samples)
    elif source.rate_hz > target.rate_hz:
        samples = _thirded(samples)
    return target.encode(samples)


def _tripled(samples: array[int]) -> array[int]:
    out = array("h")
    before = 0
    for sample in samples:
        step = (sample - before) / RATE_RATIO
        out.extend((round(before + step), round(before + 2 * step), sample))
        before = sample
    return out


def _thirded(samples: array[int]) -> array[int]:
    whole = len(samples) - len(samples) % RATE_RATIO
    return array("h", (sum(samples[i : i + 3]) // RATE_RATIO for i in range(0, whole, RATE_RATIO)))
