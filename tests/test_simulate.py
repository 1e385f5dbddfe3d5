"""A simulated day: it can be told again, it ends at what must not happen, and it is reported."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pi_voice.cli import main
from pi_voice.daemon import Daemon
from pi_voice.errors import UsageError
from pi_voice.retry import Pace
from pi_voice.simulate import Wishes, as_dict, live, percentile, report
from pi_voice.simulate_faults import FAULTS

pytestmark = pytest.mark.off_the_wire

SHORT = Wishes(hours=0.2, seed=11)


def test_the_same_seed_is_the_same_story() -> None:
    one, two = live(SHORT), live(SHORT)
    assert one.record.digest == two.record.digest
    assert one.record.outcomes == two.record.outcomes
    assert one.record.recoveries_s == two.record.recoveries_s


def test_another_seed_is_another_story() -> None:
    stories = {live(replace(SHORT, seed=seed, hours=0.1)).record.digest for seed in (1, 2)}
    assert len(stories) == 2


def test_a_planted_fault_is_found_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "next_delay_s", lambda *_, **__: 900.0)
    wishes = replace(SHORT, faults="link_reset")
    one, two = live(wishes), live(wishes)
    assert "after link_reset the light still shows" in str(one.problem)
    assert (one.problem, one.simulated_s) == (two.problem, two.simulated_s)
    assert one.record.digest == two.record.digest


def test_a_crash_is_told_with_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> float:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(Pace, "next_delay_s", broken)
    outcome = live(replace(SHORT, faults="link_reset"))
    told = "\n".join(report(outcome))
    assert outcome.problem is not None
    assert "--seed 11 --hours 0.2 --faults link_reset --speed max" in told
    assert "++ link_reset begins" in told


def test_a_box_that_stops_by_itself_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tired(self: Daemon) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(Daemon, "run", tired)
    assert str(live(replace(SHORT, faults="none")).problem) == "the box stopped by itself"


def test_faults_are_chosen_by_name() -> None:
    assert Wishes(faults="none").names() == []
    assert Wishes(faults="all").names() == list(FAULTS)
    assert Wishes(faults="link_reset,overload").names() == ["link_reset", "overload"]
    with pytest.raises(UsageError, match=r"there is no fault 'rain'\. Choose all, none or some of"):
        Wishes(faults="rain").names()


def test_the_command_prints_a_table_and_writes_the_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "outcome.json"
    wanted = ["--hours", "0.2", "--seed", "2", "--faults", "microphone_zeros", "--json", str(out)]
    assert main(["simulate", *wanted]) == 0
    told = capsys.readouterr().out
    outcome = json.loads(out.read_text())
    assert "simulated        00:12 h at " in told
    assert "microphone_zeros" in told
    assert told.endswith("Nothing happened that must not.\n")
    assert outcome["problem"] is None
    assert set(outcome["struck"]) == {"microphone_zeros"}


def test_the_command_fails_with_the_box(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pace, "next_delay_s", lambda *_, **__: 900.0)
    assert main(["simulate", "--hours", "0.5", "--faults", "link_reset", "--speed", "max"]) == 1
    assert "See it again with: pi-voice simulate" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--hours", "0"], ["--hours", "long"], ["--speed", "-1"]])
def test_a_wrong_number_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["simulate", *option])
    assert "is no number above 0" in capsys.readouterr().err


def test_an_outcome_can_be_written_as_json() -> None:
    outcome = live(replace(SHORT, hours=0.05))
    assert json.loads(json.dumps(as_dict(outcome)))["seed"] == 11


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 1.0)] == [50.0, 95.0, 100.0]
    assert percentile([], 0.5) is None


def test_every_hour_is_told_when_it_is_over() -> None:
    told: list[str] = []
    live(Wishes(hours=1.0, faults="none"), progress=told.append)
    assert [line[:8] for line in told] == ["01:00 h:"]
