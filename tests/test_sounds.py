"""Earcons: short, quiet, soft, and each unlike the others."""

from __future__ import annotations

import wave
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.sounds import CLIPS, KEPT, MELODIES, PAUSE_MS, Sounds
from pi_voice.core.actions import Pattern, Sound
from pi_voice.core.failures import Failure
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.hardware.patterns import LIGHTS, blinks, parse

NOWHERE = Path("/nowhere")
SPOKEN = [Sound(path.stem) for path in sorted((CLIPS / "en").glob("*.wav"))]


def heard(sound: Sound, wire: AudioFormat = WIRE, gain: float = 1.0) -> NDArray[np.int16]:
    """The tone alone."""
    return np.frombuffer(Sounds(wire, gain=gain, clips=NOWHERE)(sound), "<i2")


def write_wav(path: Path, samples: NDArray[np.int16], hz: int, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, hz, 0, "NONE", "not compressed"))
        file.writeframes(samples.tobytes())


def sine(hz: float, ms: float, rate_hz: int) -> NDArray[np.int16]:
    samples = np.arange(int(ms * rate_hz / 1000))
    return (10_000 * np.sin(2 * np.pi * hz * samples / rate_hz)).astype("<i2")


def pitch_hz(samples: NDArray[np.int16], rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


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


def test_the_gain_scales_and_without_any_there_is_no_sound() -> None:
    assert np.abs(heard(Sound.MUTED, gain=0.5)).max() == pytest.approx(
        np.abs(heard(Sound.MUTED)).max() / 2, abs=1
    )
    assert len(heard(Sound.MUTED, gain=0.0)) == 0


def test_a_sound_is_made_once() -> None:
    sounds = Sounds(WIRE)
    assert sounds(Sound.MUTED) is sounds(Sound.MUTED)


# -- sentences


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_a_sentence_follows_its_tone_at_the_rate_of_the_wire(rate_hz: int, tmp_path: Path) -> None:
    write_wav(tmp_path / "en" / "no_network.wav", sine(1000, 500, 16_000), 16_000)
    wire = AudioFormat(rate_hz)
    tone = heard(Sound.NO_NETWORK, wire)
    made = np.frombuffer(Sounds(wire, clips=tmp_path)(Sound.NO_NETWORK), "<i2")
    pause = wire.samples(PAUSE_MS)
    assert np.array_equal(made[: len(tone)], tone)
    assert not made[len(tone) : len(tone) + pause].any()
    sentence = made[len(tone) + pause :]
    assert len(sentence) * 1000 / rate_hz == pytest.approx(500, abs=5)
    assert pitch_hz(sentence, rate_hz) == pytest.approx(1000, abs=5)
    assert np.abs(sentence).max() == pytest.approx(10_000, rel=0.05)


@pytest.mark.parametrize(("language", "hz"), [("en", 500), ("de", 1000), ("fr", 500)])
def test_a_sentence_is_in_the_language_of_the_box_or_else_in_english(
    language: str, hz: int, tmp_path: Path
) -> None:
    write_wav(tmp_path / "en" / "no_network.wav", sine(500, 500, 16_000), 16_000)
    write_wav(tmp_path / "de" / "no_network.wav", sine(1000, 500, 16_000), 16_000)
    made = np.frombuffer(Sounds(WIRE, language=language, clips=tmp_path)(Sound.NO_NETWORK), "<i2")
    assert pitch_hz(made[-WIRE.samples(400) :], WIRE.rate_hz) == pytest.approx(hz, abs=5)


def test_what_has_no_sentence_is_a_tone(tmp_path: Path) -> None:
    write_wav(tmp_path / "en" / "no_network.wav", sine(500, 500, 16_000), 16_000)
    made = Sounds(WIRE, clips=tmp_path)(Sound.CLOCK_WRONG)
    assert made == heard(Sound.CLOCK_WRONG).tobytes()


@pytest.mark.parametrize("fault", ["garbage", "stereo", "cut", "rate"])
def test_a_sentence_that_cannot_be_read_is_told_and_the_tone_is_heard(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "en" / "no_network.wav"
    channels, hz = (2 if fault == "stereo" else 1), (16_001 if fault == "rate" else 16_000)
    write_wav(path, sine(500, 500, 16_000), hz, channels)
    if fault == "garbage":
        path.write_bytes(b"ID3")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:20])
    made = Sounds(WIRE, clips=tmp_path)(Sound.NO_NETWORK)
    assert made == heard(Sound.NO_NETWORK).tobytes()
    assert f"{path} cannot be played" in caplog.text
    assert "replace it by 16-bit mono PCM" in caplog.text


def test_the_gain_scales_sentences_too() -> None:
    loud, quiet = (Sounds(WIRE, gain=gain)(Sound.NO_NETWORK) for gain in (1.0, 0.25))
    peaks = [np.abs(np.frombuffer(made, "<i2").astype(int)).max() for made in (loud, quiet)]
    assert peaks[1] == pytest.approx(peaks[0] / 4, rel=0.01)
    assert Sounds(WIRE, gain=0.0)(Sound.NO_NETWORK) == b""


@pytest.mark.parametrize("sound", SPOKEN)
@pytest.mark.parametrize("language", ["en", "de"])
def test_whatever_the_box_says_is_over_soon(sound: Sound, language: str) -> None:
    made = Sounds(WIRE, language=language)(sound)
    assert 1000 < WIRE.duration_ms(len(made)) < 3500


def test_only_a_few_sounds_are_kept() -> None:
    sounds = Sounds(WIRE)
    first = sounds(Sound.MUTED)
    others = [sound for sound in Sound if sound != Sound.MUTED]
    for sound in others[: KEPT - 1]:
        sounds(sound)
    assert sounds(Sound.MUTED) is first
    for sound in others:
        sounds(sound)
    assert sounds(Sound.MUTED) == first
    assert sounds(Sound.MUTED) is not first
