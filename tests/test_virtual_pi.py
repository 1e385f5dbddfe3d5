"""The whole product on a stock kernel: installed, pressed, unplugged, muted, crashed, restarted."""

from __future__ import annotations

import statistics
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.resample import Resampler
from tests.virtual_pi.facts import BUILD_S, GUEST_S, Guest

pytest_plugins = ["tests.virtual_pi.plugin"]
pytestmark = pytest.mark.timeout(BUILD_S + GUEST_S)

CARD_HZ = 48_000
PIECE = CARD_HZ // 20  # 50 ms: a few periods of a voice
LOUD = 1000
SPANS = ((400, 900), (0, 350))  # in ms: what tells a long blink from a short one
Steps = list[tuple[bool, int]]  # lit, and for how many ms


def blinks(steps: Steps) -> list[int]:
    """How long the light was on each time, in ms; where it ended is not known of the last."""
    return [ms for lit, ms in steps if lit]


def mono(path: Path) -> NDArray[np.float64]:
    """At the rate of the card."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")[:: file.getnchannels()]
        rate_hz = file.getframerate()
    if rate_hz != CARD_HZ:
        resampler = Resampler(rate_hz, CARD_HZ)
        pcm = np.frombuffer(resampler.process(pcm.tobytes()) + resampler.flush(), "<i2")
    return pcm.astype(np.float64)


def likeness(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    """How like the pieces of a part are to any place of the whole; the median of all pieces.

    An emulated card drops a few ms now and then, and what follows comes that much later.
    """
    pieces = np.split(part, range(PIECE, len(part) - PIECE, PIECE))
    loud = [piece for piece in pieces if np.abs(piece).max() > LOUD]
    return float(np.median([correlation(piece, whole) for piece in loud]))


def correlation(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    """The best of a part with any place of the whole."""
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole)]))
    found = np.pad(whole[at : at + len(part)], (0, max(0, at + len(part) - len(whole))))
    return float(found @ part / (np.linalg.norm(found) * np.linalg.norm(part) + 1e-9))


def tell(text: str) -> None:
    """For the person who reads the output of pytest -s."""
    sys.stdout.write(f"\nvirtual Pi: {text}\n")


def test_a_bare_system_becomes_the_box_with_one_command(virtual_pi: Guest) -> None:
    facts = virtual_pi.facts("install")
    tell(f"installed in {facts['took_s']:.0f} s")
    assert facts["code"] == 0, facts["said"]


@pytest.mark.parametrize(("scenario", "reply"), [("talk", "reply"), ("wake", "reply_after")])
def test_a_word_at_the_pressed_button_comes_back_out_of_the_card(
    virtual_pi: Guest, scenario: str, reply: str
) -> None:
    facts = virtual_pi.facts(scenario)
    tell(f"{facts['open_s'] * 1000:.0f} ms from the press to the open microphone")
    assert not facts["captured_before"]
    assert not facts["captured_after"]
    said, heard = mono(virtual_pi.folder / "word.wav"), mono(virtual_pi.folder / f"{reply}.wav")
    alike = likeness(said, heard)
    if alike < 0.9 and virtual_pi.was_slow():
        pytest.skip("this computer was too busy to emulate a board in real time")
    assert alike > 0.9


def test_the_light_tells_the_states_apart(virtual_pi: Guest) -> None:
    facts = virtual_pi.facts("talk")
    assert max(blinks(facts["before_ms"])) < 350  # idle: a short blink now and then
    assert max(blinks(facts["held_ms"])) > 650  # steady while the word is said
    assert any(400 < ms < 900 for ms in blinks(facts["after_ms"]))  # the pulse of a reply


def test_an_unplugged_card_is_noticed_and_taken_again(virtual_pi: Guest) -> None:
    facts = virtual_pi.facts("unplug")
    for what in ("noticed", "back"):
        times_s = facts[f"{what}_s"]
        median_s = statistics.median(times_s)
        tell(f"card {what} after {median_s:.2f} s, at most {max(times_s):.2f} s")
    assert len(facts["back_s"]) == 20
    assert facts["lives"]
    assert facts["restarts"] == 0


def test_a_thousand_bouncing_presses_are_a_thousand(virtual_pi: Guest) -> None:
    facts = virtual_pi.facts("presses")
    tell(f"{sum(facts['press'])} presses and {sum(facts['release'])} releases")
    exact = facts["press"] == facts["release"] == [40] * 25
    if not exact and facts["slow"]:
        pytest.skip("this computer was too busy to bounce like a button")
    assert exact, facts


def test_mute_closes_every_capture_handle_and_outlives_a_crash(virtual_pi: Guest) -> None:
    facts = virtual_pi.facts("mute")
    closed_ms = sorted(took_s * 1000 for took_s in facts["closed_s"])
    slow = sum(ms > 100 for ms in closed_ms)
    median_ms = statistics.median(closed_ms)
    tell(f"mute closed the handle in {median_ms:.0f} ms, {slow} of {len(closed_ms)} over 100 ms")
    assert len(closed_ms) == 50
    assert facts["leaks"] == [0, 0, 0]


def test_a_muted_box_is_muted_after_the_board_was_restarted(virtual_pi: Guest) -> None:
    assert virtual_pi.facts("mute_for_the_night")["muted"]
    facts = virtual_pi.facts("wake")
    assert facts["status"]["muted"]
    assert not facts["captured"]
    long, short = (any(low < ms < high for ms in blinks(facts["light_ms"])) for low, high in SPANS)
    assert long, facts["light_ms"]
    assert short, facts["light_ms"]


def test_the_light_is_off_when_the_service_is_stopped(virtual_pi: Guest) -> None:
    assert not virtual_pi.facts("stop")["lit"]
