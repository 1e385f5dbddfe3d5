"""Audio in our hands: formats, frames, and the arithmetic between ms, samples and bytes."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_MS = 20  # webrtcvad takes only 10, 20 or 30 ms; 20 halves the wake-ups of 10
SAMPLE_BYTES = 2  # signed 16-bit little-endian, everywhere inside the program


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Signed 16-bit little-endian PCM.

    Attributes:
        rate_hz: Samples per second and channel.
        channels: Interleaved channels; everything behind the microphone port is mono.
    """

    rate_hz: int
    channels: int = 1

    @property
    def bytes_per_ms(self) -> float:
        return self.rate_hz * self.channels * SAMPLE_BYTES / 1000

    def samples(self, ms: float) -> int:
        """Whole samples of one channel in `ms`, rounded down."""
        return int(ms * self.rate_hz / 1000)

    def size_bytes(self, ms: float) -> int:
        """Bytes that hold `ms`, rounded down to whole samples of all channels."""
        return self.samples(ms) * self.channels * SAMPLE_BYTES

    def duration_ms(self, size_bytes: int) -> float:
        return size_bytes / self.bytes_per_ms


WIRE = AudioFormat(24_000)  # the only PCM rate of the GA Realtime API
DETECTOR = AudioFormat(16_000)  # what speech detectors are trained on


@dataclass(frozen=True, slots=True)
class AudioBatch:
    """Sound as the microphone delivers it, in its own format.

    Attributes:
        pcm: Interleaved samples in `format`; any length that is a whole number of samples.
        format: Rate and channels of the card.
        at_s: When the first sample was taken, on the clock of `time.monotonic()`.
        lost: True if the card says that sound before this batch is missing (overflow).
    """

    pcm: bytes
    format: AudioFormat
    at_s: float
    lost: bool = False
