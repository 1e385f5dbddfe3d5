"""Every fault of the table strikes, and the box gets over it."""

from __future__ import annotations

import pytest

from pi_voice.simulate import Wishes, live
from pi_voice.simulate_faults import FAULTS, WELL
from pi_voice.simulate_habits import Mode
from pi_voice.transport.deadlines import Deadlines

MINUTES = 5.0  # about three times in this; the dice are fixed


@pytest.mark.off_the_wire  # what is sent is checked elsewhere; here it would take half the time
@pytest.mark.parametrize("name", FAULTS)
def test_a_box_gets_over(name: str) -> None:
    outcome = live(Wishes(hours=MINUTES / 60, seed=5, faults=name))
    assert outcome.problem is None
    assert outcome.record.faults[name] >= 1
    assert outcome.record.outcomes.total() >= 1


@pytest.mark.off_the_wire
@pytest.mark.parametrize("mode", ["server", "semantic"])
def test_a_box_with_an_open_line_gets_over_a_silent_session(mode: Mode) -> None:
    outcome = live(Wishes(hours=10 / 60, seed=5, mode=mode, faults="silent_session"))
    assert outcome.problem is None
    assert outcome.record.recoveries_s["silent_session"]


@pytest.mark.off_the_wire
def test_a_box_that_never_gets_over_a_silent_session_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Deadlines, "_look", lambda self: None)
    outcome = live(Wishes(hours=1.0, seed=5, faults="silent_session"))
    assert str(outcome.problem) == "the box kept a session that said nothing for 30 min"


def test_a_light_that_tells_of_trouble_is_not_well() -> None:
    assert "no_network" not in WELL
    assert "no_microphone" not in WELL
