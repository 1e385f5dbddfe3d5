"""Somebody who notices when the box lets them down."""

from __future__ import annotations

from itertools import groupby

import pytest

from pi_voice.frames import AudioFormat
from pi_voice.simulate import Outcome, Wishes, live
from pi_voice.simulate_person import speech

pytestmark = pytest.mark.off_the_wire


def quiet_hour() -> Outcome:
    return live(Wishes(hours=1.0, seed=3, faults="none"))


def test_all_that_people_do_with_a_good_box_ends_well() -> None:
    outcome = quiet_hour()
    assert outcome.problem is None
    assert set(outcome.record.outcomes) >= {"answered", "interrupted", "tapped"}


def test_the_recording_comes_at_the_rate_of_the_card() -> None:
    assert len(speech(48_000)) == pytest.approx(2 * len(speech(24_000)), rel=0.001)
    assert AudioFormat(24_000).duration_ms(len(speech(24_000))) > 2000


def test_no_pause_in_what_is_said_ends_a_turn() -> None:
    said = AudioFormat(24_000).size_bytes(20)
    recorded = speech(24_000) * 2
    pieces = [recorded[at : at + said] for at in range(0, len(recorded), said)]
    pauses = [len(list(run)) for silent, run in groupby(pieces, lambda p: not any(p)) if silent]
    assert 20 * max(pauses) < 450
