"""The measurement of the echo, on sounds made of numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pi_voice.audio.calibrate import (
    CANCEL,
    LONGEST_DELAY_MS,
    SWEEP_S,
    Measured,
    measure,
    propose,
    sweep,
)
from tests.speech import FULL_SCALE, RATE_HZ, Leak, Wave, amplitude, noise

ROOM_S, TOTAL_S = 1.5, 5.0
PLAYED = np.frombuffer(sweep(RATE_HZ), "<i2") / FULL_SCALE


def heard(leak: Leak | None, *, room_db: float = -62.0, gain: float = 1.0) -> Wave:
    played = np.zeros(round(TOTAL_S * RATE_HZ))
    played[round(ROOM_S * RATE_HZ) :][: len(PLAYED)] = PLAYED * gain
    room = noise("pink", TOTAL_S, seed=1) * amplitude(room_db)
    return room if leak is None else room + leak.heard(played)


def measured(wave: Wave, gain: float = 1.0, begins_s: float = 7.0) -> Measured:
    pcm = np.clip(np.rint(wave * FULL_SCALE), -32768, 32767).astype("<i2").tobytes()
    return measure(pcm, begins_s=begins_s, played_s=begins_s + ROOM_S, gain=gain)


@pytest.mark.parametrize("gain_db", [-6, -20, -35])
@pytest.mark.parametrize("delay_ms", [5, 60, 250])
def test_leak_and_delay_are_found(gain_db: float, delay_ms: float) -> None:
    found = measured(heard(Leak(gain_db, delay_ms)))
    assert found.leak_db == pytest.approx(gain_db, abs=3)  # the ringing of the room is cut off
    assert found.delay_ms == pytest.approx(delay_ms, abs=2)
    assert found.room_db == pytest.approx(-62, abs=1)
    assert not found.clipped


def test_a_speaker_whose_driver_says_too_late_is_found_before_its_time() -> None:
    wave = heard(Leak(-12, 0))
    assert measured(np.roll(wave, -RATE_HZ // 20)).delay_ms == pytest.approx(-50, abs=2)


def test_the_volume_of_the_speaker_is_no_part_of_the_leak() -> None:
    found = measured(heard(Leak(-12, 40), gain=0.25), gain=0.25)
    assert found.leak_db == pytest.approx(-12, abs=3)


@pytest.mark.parametrize("kind", ["white", "pink", "hum"])
@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_echo(kind: str, seed: int) -> None:
    assert measured(noise(kind, TOTAL_S, seed) * amplitude(-30)).leak_db is None


def test_an_echo_below_the_room_is_still_measured() -> None:
    found = measured(heard(Leak(-40, 40), room_db=-55))
    assert found.leak_db == pytest.approx(-40, abs=3)
    assert propose(found).echo == "hardware"


def test_a_recording_that_is_too_short_shows_no_echo() -> None:
    assert measured(heard(Leak(-6, 20))[: 2 * RATE_HZ]).leak_db is None
    assert measured(np.zeros(0)).room_db < -96.0


def test_an_echo_that_is_too_loud_is_told() -> None:
    found = measured(heard(Leak(24, 20)))
    assert found.clipped
    assert propose(found).echo == "half_duplex"
    assert propose(found).advice == (
        "The microphone clips: turn it or the speaker down, and calibrate again.",
    )


WEAK = Measured(-62.0, -37.0, -20.0, 60.0)


@pytest.mark.parametrize(
    ("found", "echo", "reason"),
    [
        (WEAK, "gate", "a voice is louder than an echo of -20 dB"),
        (
            replace(WEAK, leak_db=-8.0, heard_db=-25.0),
            "half_duplex",
            "a voice is hardly louder than an echo of -8 dB",
        ),
        (
            replace(WEAK, delay_ms=LONGEST_DELAY_MS + 50.0),
            "half_duplex",
            "the echo comes 250 ms late, and the gate waits 200 ms",
        ),
        (replace(WEAK, room_db=-40.0), "hardware", "the echo is hardly louder than the room"),
        (Measured(-62.0), "hardware", "the microphone did not hear the speaker"),
    ],
)
def test_the_proposal_has_its_reason(found: Measured, echo: str, reason: str) -> None:
    assert (propose(found).echo, propose(found).reason) == (echo, reason)


def test_who_wants_to_interrupt_by_voice_is_told_of_the_canceller() -> None:
    assert propose(replace(WEAK, leak_db=-8.0)).advice == (CANCEL,)


def test_a_microphone_that_is_muted_and_one_that_hears_too_much_are_told() -> None:
    assert "gives only silence" in propose(Measured(-96.0)).advice[0]
    assert "The room is loud" in propose(replace(WEAK, room_db=-30.0)).advice[0]
    assert propose(WEAK).advice == ()


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_the_sweep_is_a_clean_sound_of_its_length(rate_hz: int) -> None:
    samples = np.frombuffer(sweep(rate_hz), "<i2").astype(int)
    assert len(samples) == round(SWEEP_S * rate_hz)
    assert max(abs(samples[0]), abs(samples[-1])) < 100
    assert 8000 < max(abs(samples)) < 8200
