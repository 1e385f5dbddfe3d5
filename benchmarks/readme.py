"""The README's chapter on performance, made of what was just measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure, Of
from benchmarks.processes import ROOT
from benchmarks.report import WORDS, number

README = ROOT / "README.md"
PICTURE = ROOT / "benchmarks" / "latency.svg"
SECTION = re.compile(r"(<!-- performance -->\n).*?(\n<!-- end -->)", re.DOTALL)
HEAD = "| figure | ours | floor | ratio | best peer | goal | |\n|---|---|---|---|---|---|---|"
UNITS = {"s per minute": "s/min", "MB per minute": "MB/min", "per s": "/s"}


class NoSection(Exception):
    """The README has no place for the chapter."""


def updated(text: str, machine: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """The README with the chapter made anew.

    Raises:
        NoSection: Its marks are missing.
    """
    made = "\n".join(chapter(machine, figures))
    text, found = SECTION.subn(lambda marks: marks[1] + made + marks[2], text)
    if not found:
        raise NoSection("README.md needs the lines <!-- performance --> and <!-- end -->")
    return text


def chapter(machine: Mapping[str, Any], figures: Sequence[Figure]) -> Iterator[str]:
    yield (
        f"Measured on {machine['at'][:10]} by `benchmarks/run` on this machine: "
        f"{machine['model']}, {machine['cores']} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']}, load {machine['load']:g} at the start."
    )
    yield ""
    yield f"![Latency and CPU by part]({PICTURE.relative_to(ROOT)})"
    yield ""
    yield HEAD
    for figure in figures:
        if figure.goal is not None:
            yield _row(figure)
    missed = [figure for figure in figures if figure.met is False and figure.limited_by]
    if missed:
        yield "\nWhat limits the goals that are missed:\n"
        yield from (f"- {figure.name}: {figure.limited_by}." for figure in missed)
    reasons = {(name, why) for figure in figures for name, why in figure.cannot.items()}
    if reasons:
        yield "\nWhat another has no figure for:\n"
        yield from (f"- {name} {why}." for name, why in sorted(reasons))


def _row(figure: Figure) -> str:
    assert figure.goal is not None
    unit = UNITS.get(figure.unit, figure.unit)
    of = "" if figure.goal.of in (Of.RATIO, Of.MEDIAN) else f" ({figure.goal.of})"
    best = figure.best_peer
    cells = (
        figure.name,
        f"{number(figure.shown)} {unit}{of}",
        number(figure.floor_shown) if figure.floor else "",
        number(figure.ratio) if figure.floor else "",
        f"{number(best[1])} {best[0]}" if best else ("none can" if figure.unmatched else ""),
        str(figure.goal),
        WORDS[figure.met],
    )
    return f"| {' | '.join(cells)} |"
