from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Goal, Of, p99
from benchmarks.report import as_json, table

ROOT = Path(__file__).parent.parent


def test_the_command_measures_and_writes_what_it_printed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.json"
    command = [sys.executable, "benchmarks/run", "--quick", "--only", "start", "--json", str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    written = json.loads(path.read_text())
    assert written["machine"]["cores"] > 0
    start, *_ = written["figures"]
    assert start["floor"]["min"] > 0
    assert 0 < start["ours"]["min"] <= start["ours"]["median"] <= start["ours"]["max"]
    assert all(figure["name"] in run.stdout for figure in written["figures"])


def test_the_ratio_is_the_median_of_neighbours() -> None:
    figure = Figure("x", "ms", [2.0, 30.0, 4.0], [1.0, 10.0, 4.0], Goal(Of.RATIO, 2.0))
    assert figure.ratios == [2.0, 3.0, 1.0]
    assert figure.met


def test_what_comes_in_no_pairs_is_compared_by_its_medians() -> None:
    assert Figure("x", "ms", [1.0, 2.0, 3.0], [4.0], paired=False).ratios == [0.5]


@pytest.mark.parametrize(
    ("of", "limit", "met"),
    [
        (Of.MEDIAN, 2.0, True),
        (Of.MEDIAN, 1.9, False),
        (Of.MOST, 9.0, True),
        (Of.MOST, 8.9, False),
        (Of.LEAST, 1.0, True),
        (Of.LEAST, 1.1, False),
        (Of.P99, 9.0, True),
        (Of.P99, 8.9, False),
    ],
)
def test_a_goal_holds_one_number_of_a_figure(of: Of, limit: float, met: bool) -> None:
    assert Figure("x", "ms", [1.0, 2.0, 9.0], goal=Goal(of, limit)).met is met


def test_of_many_measurements_one_in_a_hundred_is_above_the_percentile() -> None:
    values = [float(n) for n in range(1, 201)]
    assert sum(value > p99(values) for value in values) == 2


def test_a_missed_goal_says_what_limits_it() -> None:
    missed = Figure("speed", "ms", [2.0], goal=Goal(Of.MEDIAN, 1.0), limited_by="the wire")
    text = table({"cores": 2}, [missed])
    assert "missed: speed: the wire" in text
    assert json.loads(as_json({}, [missed]))["figures"][0]["met"] is False
