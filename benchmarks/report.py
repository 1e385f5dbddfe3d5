"""Figures as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, p99

HEAD = ("figure", "unit", "ours", "p99", "floor", "p99", "ratio", "best peer", "goal", "")
ENOUGH = 20  # measurements for a percentile
WORDS = {None: "", True: "met", False: "missed"}


def machine() -> dict[str, Any]:
    """Where and when; taken before the measurements put a load on it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),  # the date is meant, no duration
        "model": _model(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "websockets": version("websockets"),
    }


def table(machine: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Medians, with least and most in brackets; the ratio is that of neighbours in time."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    missed = [
        f"missed: {figure.name}: {figure.limited_by}"
        for figure in figures
        if figure.met is False and figure.limited_by
    ]
    cannot = [
        f"cannot: {figure.name}: {name}: {why}"
        for figure in figures
        for name, why in figure.cannot.items()
    ]
    named = ", ".join(f"{key} {value}" for key, value in machine.items())
    return "\n".join([named, "", *lines, *missed, *cannot, ""])


def as_json(machine: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    return json.dumps({"machine": dict(machine), "figures": [*map(_wire, figures)]}, indent=1)


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        figure.unit,
        _spread(figure.ours),
        _tail(figure.ours),
        _spread(figure.floor),
        _tail(figure.floor),
        _spread(figure.ratios),
        _peer(figure),
        str(figure.goal or ""),
        WORDS[figure.met],
    )


def _wire(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": _summary(figure.ours),
        "floor": _summary(figure.floor),
        "ratio": _summary(figure.ratios),
        "peers": {name: _summary(values) for name, values in figure.peers.items()},
        "cannot": dict(figure.cannot),
        "goal": str(figure.goal or "") or None,
        "met": figure.met,
        "limited_by": figure.limited_by or None,
    }


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


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = number(statistics.median(values))
    if min(values) == max(values):
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def _tail(values: Sequence[float]) -> str:
    return number(p99(values)) if len(values) >= ENOUGH else ""


def _peer(figure: Figure) -> str:
    best = figure.best_peer
    if best is not None:
        return f"{number(best[1])} {best[0]}"
    return "none can" if figure.unmatched else ""


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _model() -> str:
    board = Path("/proc/device-tree/model")  # a Raspberry Pi knows its name
    if board.exists():
        return board.read_text().strip("\0")
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
