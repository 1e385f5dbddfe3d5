"""WAV files in and out: 8, 16, 24 and 32-bit PCM, and 32-bit float.

The standard library's reader refuses files with an extensible header before Python 3.12, and
recorders write that header for 24 bits and for more than two channels.
"""

from __future__ import annotations

import os
import struct
import wave
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pi_voice.errors import PiVoiceError
from pi_voice.frames import SAMPLE_BYTES

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # wFormatTag of mmreg.h; the last names its own below
SUBFORMAT = 24  # where EXTENSIBLE keeps the real tag (WAVEFORMATEXTENSIBLE)
UNSIGNED_TO_SIGNED = bytes(value ^ 0x80 for value in range(256))


class WavError(PiVoiceError):
    """A recording cannot be read, or not be written.

    Attributes:
        path: As it was given.
    """

    def __init__(self, path: Path, fact: str, fix: str) -> None:
        super().__init__(f"{path} {fact}. {fix}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in a WAV file.

    Attributes:
        channels: Signed 16-bit little-endian samples of each channel, all of one length.
        rate_hz: Samples per second and channel.
    """

    channels: tuple[bytes, ...]
    rate_hz: int

    @property
    def mono(self) -> bytes:
        """The mean of all channels."""
        if len(self.channels) == 1:
            return self.channels[0]
        columns = zip(*(array("h", channel) for channel in self.channels), strict=True)
        return array("h", (sum(column) // len(column) for column in columns)).tobytes()

    @property
    def duration_ms(self) -> float:
        return len(self.channels[0]) * 1000 / SAMPLE_BYTES / self.rate_hz


def read_wav(path: str | os.PathLike[str]) -> Recording:
    """Read a recording; a file that ends early gives what is there.

    Raises:
        WavError: It does not exist, may not be read, or is no PCM WAV file.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise WavError(path, "does not exist", f"Look what is there: ls {path.parent}") from error
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise WavError(path, f"cannot be read ({reason})", "Name a file you may read") from error
    try:
        return _decoded(data)
    except _NotPcmError as error:
        target = path.with_suffix(".pcm.wav" if path.suffix == ".wav" else ".wav")
        fix = f"Convert it: sox {path} -r 16000 -c 1 -b 16 {target}"
        raise WavError(path, f"is not a PCM WAV file ({error})", fix) from error
    except _EmptyError as error:
        raise WavError(path, "holds no sound", "Record something into it") from error


def write_wav(path: str | os.PathLike[str], pcm: bytes, rate_hz: int) -> None:
    """Write mono samples, signed 16-bit little-endian.

    Raises:
        WavError: It cannot be written there.
    """
    path = Path(path)
    try:
        with path.open("wb") as file, wave.open(file) as recording:
            recording.setnchannels(1)
            recording.setsampwidth(SAMPLE_BYTES)
            recording.setframerate(rate_hz)
            recording.writeframes(pcm)
    except OSError as error:
        reason = (error.strerror or "not writable").lower()
        raise WavError(path, f"cannot be written ({reason})", "Name another place") from error


class _NotPcmError(ValueError):
    pass


class _EmptyError(ValueError):
    pass


def _decoded(data: bytes) -> Recording:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _NotPcmError(f"it begins with {data[:4]!r}" if data else "it is empty")
    chunks = dict(_chunks(data))
    header = chunks.get(b"fmt ", b"")
    if len(header) < 16:
        raise _NotPcmError("it has no header")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == EXTENSIBLE and len(header) >= SUBFORMAT + 2:
        (tag,) = struct.unpack_from("<H", header, SUBFORMAT)
    size = bits // 8 * channels
    if not size or not rate_hz:
        raise _NotPcmError(f"{channels} channels of {bits} bits at {rate_hz} Hz")
    sound = chunks.get(b"data", b"")
    if len(sound) < size:
        raise _EmptyError
    samples = _to_16_bit(sound[: len(sound) // size * size], tag, bits)
    channel_samples = (samples[first::channels] for first in range(channels))
    return Recording(tuple(channel.tobytes() for channel in channel_samples), rate_hz)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each; who wrote to a pipe left the length at 0 or far too high."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data" and size == 0:
            size = len(data)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _to_16_bit(sound: bytes, tag: int, bits: int) -> array[int]:
    """Keep the two highest bytes of each sample; float is scaled and clipped."""
    if tag == FLOAT and bits == 32:
        values = array("f", sound)
        return array("h", (round(max(-1.0, min(1.0, value)) * 32_767) for value in values))
    size = bits // 8
    if tag != PCM or bits not in (8, 16, 24, 32):
        raise _NotPcmError(f"format {tag} with {bits} bits")
    if bits == 16:
        return array("h", sound)
    highest = bytearray(len(sound) // size * SAMPLE_BYTES)
    if bits == 8:
        highest[1::2] = sound.translate(UNSIGNED_TO_SIGNED)
    else:
        highest[0::2] = sound[size - 2 :: size]
        highest[1::2] = sound[size - 1 :: size]
    return array("h", bytes(highest))
