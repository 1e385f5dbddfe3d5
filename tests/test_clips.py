"""The sentences that ship are those of the table, and can be understood as speech."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.resample import Resampler
from pi_voice.audio.sounds import CLIPS
from pi_voice.audio.vad import SpeechGate
from pi_voice.config.settings import Device
from pi_voice.core.actions import Sound
from pi_voice.core.failures import Failure
from pi_voice.frames import DETECTOR, FRAME_MS
from tests.clips import PEAK, RATE_HZ, Clip, clips, comment

ALL = list(clips())
UNHEARD = {Failure.MUTED, Failure.NO_SPEAKER}  # a tone is enough; nobody would hear it
LIMIT_BYTES = 1_000_000


def samples_of(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def by_path(clip: Clip) -> str:
    return f"{clip.language}-{clip.name}"


def test_every_failure_has_a_sentence_in_every_language() -> None:
    languages = {clip.language for clip in ALL}
    assert languages == set(get_args(get_type_hints(Device)["language"]))
    for language in languages:
        names = {clip.name for clip in ALL if clip.language == language}
        assert names == set(Failure) - UNHEARD
        assert names <= set(Sound)


def test_every_sentence_has_its_file_and_there_is_no_other() -> None:
    assert {clip.path for clip in ALL} == set(CLIPS.rglob("*.wav"))
    assert sum(path.stat().st_size for path in CLIPS.rglob("*")) < LIMIT_BYTES


@pytest.mark.parametrize("clip", ALL, ids=by_path)
def test_a_file_was_made_of_the_sentence_in_the_table(clip: Clip) -> None:
    assert comment(clip.path) == clip.text


@pytest.mark.parametrize("clip", ALL, ids=by_path)
def test_a_sentence_is_short_and_loud_and_not_clipped(clip: Clip) -> None:
    samples = samples_of(clip.path)
    assert 800 <= len(samples) * 1000 / RATE_HZ <= 2500
    assert np.abs(samples.astype(int)).max() == pytest.approx(PEAK * 2**15, abs=1)
    assert (np.abs(samples.astype(int)) > 0.99 * PEAK * 2**15).sum() < 20
    assert 40 <= len(samples) / RATE_HZ * 1000 / len(clip.text) <= 90  # ms per letter


@pytest.mark.parametrize("clip", ALL, ids=by_path)
def test_a_sentence_is_speech(clip: Clip) -> None:
    resampler = Resampler(RATE_HZ, DETECTOR.rate_hz)
    pcm = resampler.process(samples_of(clip.path).tobytes())
    size, gate = DETECTOR.size_bytes(FRAME_MS), SpeechGate()
    frames = [pcm[begin : begin + size] for begin in range(0, len(pcm) - size + 1, size)]
    heard = [gate.hears_speech(frame) for frame in frames]
    assert sum(heard) > 0.7 * len(heard)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_file_is_made_anew_alike(tmp_path: Path) -> None:
    clip = ALL[0]
    clip.write(tmp_path / "new" / clip.path.name)
    made = tmp_path / "new" / clip.path.name
    assert comment(made) == clip.text
    lengths = [len(samples_of(path)) for path in (made, clip.path)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.2)  # another espeak-ng speaks otherwise
