"""The sentences that ship: `python -m tests.clips` makes all of them anew with espeak-ng."""

from __future__ import annotations

import io
import struct
import subprocess
import tomllib
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pi_voice.audio.resample import Resampler, from_pcm, to_pcm
from pi_voice.audio.sounds import CLIPS

RATE_HZ = 16_000  # holds all that espeak-ng says, and is a short way from every wire
PEAK = 0.7  # of full scale: as loud as a reply
QUIET = 0.01  # of the peak; what is quieter before and after the words is cut off
WORDS_PER_MINUTE = 150


@dataclass(frozen=True, slots=True)
class Clip:
    """One sentence, and where its sound is kept."""

    language: str
    voice: str
    name: str
    text: str

    @property
    def path(self) -> Path:
        return CLIPS / self.language / f"{self.name}.wav"

    def write(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_wav(_spoken(self.voice, self.text), self.text))


def clips() -> Iterator[Clip]:
    for language, table in tomllib.loads((CLIPS / "texts.toml").read_text()).items():
        voice = table.pop("voice")
        yield from (Clip(language, voice, name, text) for name, text in table.items())


def comment(path: Path) -> str:
    """The sentence, as the file carries it."""
    data = path.read_bytes()
    begin = data.index(b"ICMT") + 8
    return data[begin : begin + struct.unpack_from("<I", data, begin - 4)[0]].rstrip(b"\0").decode()


def _spoken(voice: str, text: str) -> NDArray[np.int16]:
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(WORDS_PER_MINUTE), text]
    made = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(made)) as said:
        hz, pcm = said.getframerate(), said.readframes(said.getnframes())
    pcm = pcm[: len(pcm) & ~1]
    resampler = Resampler(hz, RATE_HZ)
    samples = np.concatenate([resampler.feed(from_pcm(pcm)), resampler.drain()])
    samples *= PEAK * 2**15 / np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > QUIET * PEAK * 2**15)
    return from_pcm(to_pcm(samples[loud[0] : loud[-1] + 1]))


def _wav(samples: NDArray[np.int16], text: str) -> bytes:
    """A WAV file that tells its sentence (RIFF's INFO list)."""
    note = text.encode() + b"\0"
    info = b"INFOICMT" + struct.pack("<I", len(note)) + note + bytes(len(note) % 2)
    shape = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    parts = ((b"fmt ", shape), (b"LIST", info), (b"data", samples.tobytes()))
    body = b"".join(kind + struct.pack("<I", len(data)) + data for kind, data in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


if __name__ == "__main__":
    for clip in clips():
        clip.write(clip.path)
