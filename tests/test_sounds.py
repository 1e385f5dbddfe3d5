"""Earcons: short, quiet, soft, and each unlike the others."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.sounds import MELODIES, Sounds
from pi_voice.core.actions import Pattern, Sound
from pi_voice.core.failures import Failure
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.hardware.patterns import LIGHTS, blinks, parse


def heard(sound: Sound, wire: AudioFormat = WIRE, gain: float = 1.0) -> NDArray[np.int16]:
    return np.frombuffer(Sounds(wire, gain=gain)(sound), "<i2")


@pytest.mark.parametrize("sound", Sound)
def test_every_sound_is_short_and_can_be_heard(sound: Sound) -> None:
    assert 100 <= WIRE.duration_ms(2 * len(heard(sound))) <= 800
    assert 3000 <= np.abs(heard(sound)).max() <= 4000


@pytest.mark.parametrize("sound", Sound)
@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_every_sound_begins_and_ends_softly(sound: Sound, rate_hz: int) -> None:
    samples = heard(sound, AudioFormat(rate_hz)).astype(int)
    begin, end = samples[: rate_hz // 2000], samples[-rate_hz // 2000 :]
    assert np.abs(begin).max() < 400
    assert np.abs(end).max() < 400


def test_no_two_sounds_are_alike() -> None:
    rhythms = [tuple(notes) for notes in MELODIES.values()]
    assert all(one != other for one, other in combinations(rhythms, 2))


@pytest.mark.parametrize("failure", [failure for failure in Failure if failure != Failure.MUTED])
def test_a_failure_sounds_as_it_blinks(failure: Failure) -> None:
    lengths = [note.ms for note in MELODIES[Sound(failure)] if note.hz]
    code = {"long": lengths.count(150), "short": lengths.count(60)}
    assert blinks(parse(LIGHTS[Pattern(failure)])) == ", ".join(
        f"{count} {name}" for name, count in code.items() if count
    )


def test_muted_and_unmuted_are_each_other_backwards() -> None:
    up = [note.hz for note in MELODIES[Sound.UNMUTED]]
    assert up == sorted(up)
    assert [note.hz for note in MELODIES[Sound.MUTED]] == up[::-1]


def test_the_gain_scales_and_nothing_is_silence() -> None:
    assert np.abs(heard(Sound.MUTED, gain=0.5)).max() == pytest.approx(
        np.abs(heard(Sound.MUTED)).max() / 2, abs=1
    )
    assert not heard(Sound.MUTED, gain=0.0).any()


def test_a_sound_is_made_once() -> None:
    sounds = Sounds(WIRE)
    assert sounds(Sound.MUTED) is sounds(Sound.MUTED)
