"""Figures as a table on the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.conditions import Conditions
from benchmarks.figures import Figure, Of, p99

HEAD = ("figure", "unit", "ours", "p99", "floor", "p99", "ratio", "best peer", "goal", "")
ENOUGH = 20  # measurements for a percentile
WORDS = {None: "", True: "met", False: "missed"}


def table(conditions: Conditions, figures: Sequence[Figure]) -> str:
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
    return "\n".join([str(conditions), "", *lines, *missed, *cannot, ""])


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        figure.unit,
        _spread(figure.ours),
        _tail(figure.ours),
        _spread(figure.floor),
        _tail(figure.floor),
        _spread(figure.ratios),
        peer(figure),
        str(figure.goal or ""),
        WORDS[figure.met],
    )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = number(statistics.median(values))
    if min(values) == max(values):
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def _tail(values: Sequence[float]) -> str:
    return number(p99(values)) if len(values) >= ENOUGH else ""


def peer(figure: Figure) -> str:
    """The best one and its number, which is a ratio where the goal is."""
    best = figure.best_peer
    if best is None:
        return "none can" if figure.unmatched else ""
    ratio = figure.goal is not None and figure.goal.of is Of.RATIO
    return f"{'ratio ' if ratio else ''}{number(best[1])} {best[0]}"


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
