"""Audio formats of the wire in plain Python: PCM at 24 kHz, G.711 µ-law and A-law at 8 kHz."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from pi_voice.g711 import RATE_HZ, coder

RATE_RATIO = 3  # 24 kHz is three times 8 kHz


@dataclass(frozen=True, slots=True)
class WireAudio:
    """One audio format of the protocol.

    Attributes:
        rate_hz: Samples per second.
        sample_bytes: Bytes per sample.
        code: Which law of G.711 codes the samples; empty for PCM.
    """

    rate_hz: int
    sample_bytes: int
    code: str = ""

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
        pcm = coder(self.code).decode(data) if self.code else data[: len(data) - len(data) % 2]
        return array("h", pcm)

    def encode(self, samples: array[int]) -> bytes:
        """The codes of samples at the format's own rate."""
        pcm = samples.tobytes()
        return coder(self.code).encode(pcm) if self.code else pcm


PCM24 = WireAudio(24_000, 2)
FORMATS = {
    "audio/pcm": PCM24,
    "audio/pcmu": WireAudio(RATE_HZ, 1, "pcmu"),
    "audio/pcma": WireAudio(RATE_HZ, 1, "pcma"),
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
