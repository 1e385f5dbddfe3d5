"""The demo as a person runs it: real time, a real socket, recordings it has never seen."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice import build

Samples = NDArray[np.float64]
HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
RATE_HZ = 48_000
EDGE = RATE_HZ * 3 // 10  # 300 ms: about the first, or the last, word
SENTENCE = "Seven brown foxes jumped over nineteen lazy dogs."


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    code: int
    output: str
    errors: str

    @property
    def outcome(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.output.splitlines()[-1])
        return made


async def pi_voice(*arguments: str | Path) -> Run:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "import sys; from pi_voice.cli import main; sys.exit(main())"),
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Run(process.returncode, output.decode(), errors.decode())


def load(path: Path) -> Samples:
    """The mean of all channels, at 48 kHz."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        mono = pcm.reshape(-1, file.getnchannels()).mean(axis=1).astype("<i2").tobytes()
        mono = build.resampled(mono, file.getframerate(), RATE_HZ)
    return np.frombuffer(mono, "<i2").astype(np.float64)


def write(path: Path, sound: Samples, rate_hz: int, channels: int) -> Path:
    mono = np.frombuffer(build.resampled(sound.astype("<i2").tobytes(), RATE_HZ, rate_hz), "<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate_hz, 0, "NONE", "not compressed"))
        file.writeframes(np.repeat(mono, channels).tobytes())
    return path


def loud(sound: Samples) -> Samples:
    """From the first to the last sample that can be heard."""
    places = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    return sound[places[0] : places[-1] + 1]


def place_of(part: Samples, whole: Samples) -> int:
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole) - len(part) + 1]))


def likeness(one: Samples, other: Samples) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


async def sentence(folder: Path) -> Samples:
    """Speech that the project has never seen."""
    if shutil.which("espeak-ng") is None:
        return load(HELLO)[::-1].copy()
    path = folder / "sentence.wav"
    process = await asyncio.create_subprocess_exec("espeak-ng", "-w", str(path), SENTENCE)
    assert await process.wait() == 0
    return load(path)


async def test_recordings_of_any_shape_come_back_whole(tmp_path: Path) -> None:
    said = await sentence(tmp_path)
    shapes = [(16_000, 1), (44_100, 2), (48_000, 1)]
    wavs = [write(tmp_path / f"{rate}.wav", said, rate, count) for rate, count in shapes]
    replies = [path.with_suffix(".reply.wav") for path in wavs]
    runs = await asyncio.gather(
        *(
            pi_voice("demo", "--wav", wav, "--out", reply, "--json")
            for wav, reply in zip(wavs, replies, strict=True)
        )
    )
    for run, wav, reply in zip(runs, wavs, replies, strict=True):
        spoken, heard = loud(load(wav)), load(reply)
        at = place_of(spoken, heard)
        found = heard[at : at + len(spoken)]
        assert run.code == 0, run.errors
        assert likeness(spoken, found) >= 0.95
        assert likeness(spoken[:EDGE], found[:EDGE]) >= 0.95
        assert likeness(spoken[-EDGE:], found[-EDGE:]) >= 0.95
        assert len(run.outcome["turns"]) == 1


async def test_the_demo_holds_three_turns_and_proves_the_mute(tmp_path: Path) -> None:
    modes = ("push_to_talk", "voice", "toggle")
    runs = await asyncio.gather(
        *(
            pi_voice("demo", "--json", "--activation", mode, "--out", tmp_path / f"{mode}.wav")
            for mode in modes
        )
    )
    for run, mode in zip(runs, modes, strict=True):
        assert run.code == 0, run.errors + run.output
        first, second, third = turns = run.outcome["turns"]
        assert [turn["activation"] for turn in turns] == [mode] * 3
        assert [turn["interrupted"] for turn in turns] == [False, True, False]
        assert first["reply_heard_ms"] == pytest.approx(first["sent_ms"], abs=1)
        assert third["reply_heard_ms"] == pytest.approx(third["sent_ms"], abs=1)
        assert 0 < second["truncated_at_ms"] < second["reply_received_ms"]
        assert run.outcome["muted_bytes_sent"] == run.outcome["dropped_frames"] == 0
        assert "muted" in run.outcome["leds"]
        assert "Traceback" not in run.errors
