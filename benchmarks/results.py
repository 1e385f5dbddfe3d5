"""What was measured, part by part: kept as JSON, so that one part can be measured again."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.conditions import Conditions
from benchmarks.figures import Figure, Goal, Of, p99


@dataclass(frozen=True, slots=True)
class Result:
    """What one run found out about one part.

    Attributes:
        conditions: Of that run.
        figures: In the order in which they are shown.
    """

    conditions: Conditions
    figures: Sequence[Figure]


class Unreadable(Exception):
    """A file holds something else; the text says what to do."""


def load(path: Path) -> dict[str, Result]:
    """The newest result of every part; none where there is no such file.

    Raises:
        Unreadable: It was not written by `save`.
    """
    if not path.exists():
        return {}
    try:
        return {name: _result(wire) for name, wire in json.loads(path.read_text()).items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise Unreadable(
            f"{path} holds no results of this program: remove it, or name another with --json"
        ) from None


def save(path: Path, results: Mapping[str, Result]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wire = {
        name: {
            "conditions": asdict(result.conditions),
            "figures": [_wire(figure) for figure in result.figures],
        }
        for name, result in results.items()
    }
    path.write_text(json.dumps(wire, indent=1))


def _wire(figure: Figure) -> dict[str, Any]:
    """With what follows from the measurements, for programs that only read it."""
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": _summary(figure.ours),
        "floor": _summary(figure.floor),
        "ratio": _summary(figure.ratios),
        "paired": figure.paired,
        "peers": {name: _summary(values) for name, values in figure.peers.items()},
        "cannot": dict(figure.cannot),
        "goal": asdict(figure.goal) if figure.goal else None,
        "met": figure.met,
        "limited_by": figure.limited_by,
    }


def _result(wire: Mapping[str, Any]) -> Result:
    return Result(Conditions(**wire["conditions"]), [_figure(figure) for figure in wire["figures"]])


def _figure(wire: Mapping[str, Any]) -> Figure:
    goal = wire["goal"]
    return Figure(
        wire["name"],
        wire["unit"],
        _all(wire["ours"]),
        _all(wire["floor"]),
        Goal(**{**goal, "of": Of(goal["of"])}) if goal else None,
        wire["limited_by"],
        paired=wire["paired"],
        peers={name: _all(values) for name, values in wire["peers"].items()},
        cannot=wire["cannot"],
    )


def _summary(values: Sequence[float]) -> dict[str, Any] | None:
    if not values:
        return None
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "p99": p99(values),
        "all": list(values),
    }


def _all(summary: Mapping[str, Any] | None) -> list[float]:
    return list(summary["all"]) if summary else []
