"""The README's chapter on performance, made of what was just measured."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping

from benchmarks.conditions import Conditions
from benchmarks.figures import Figure, Of
from benchmarks.processes import ROOT
from benchmarks.report import WORDS, number, peer
from benchmarks.results import Result

README = ROOT / "README.md"
PICTURE = ROOT / "benchmarks" / "latency.svg"
SECTION = re.compile(r"(<!-- performance -->\n).*?(\n<!-- end -->)", re.DOTALL)
HOW = """\
CPU is user and system time of one process. Box, floor and peers have the same simulated card in
theirs; wyoming-satellite has its microphone and speaker in others, which do not count, and a
protocol without base64; in rows of the transport alone nobody has a card. Floor and peers send
every 20 ms, the box as each row says. For a ratio of CPU both stay up and work in turn, half a
second each: it is the median of slices over the floor's slices around them, and lies in 95 of 100
cases in the brackets; a peer in such a row is shown by its own ratio. Where a row says nothing
else, its median is shown. Where it says "against", that is the floor; the floor of a start is a
bare interpreter or a bare connection. *Duplex, hands-free* sends everything while the box talks,
which no conversation does, because who talks over a reply ends it; *duplex, open line* is what
`mode = "server"` does."""
HEAD = "| figure | ours | floor | ratio | best peer | goal | |\n|---|---|---|---|---|---|---|"
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
UNITS = {"s per minute": "s/min", "MB per minute": "MB/min", "per s": "/s"}


class NoSection(Exception):
    """The README has no place for the chapter."""


def check(text: str) -> None:
    """Tell whether it has a place for the chapter.

    Raises:
        NoSection: It has none.
    """
    if not SECTION.search(text):
        raise NoSection("README.md needs the lines <!-- performance --> and <!-- end -->")


def updated(text: str, results: Mapping[str, Result]) -> str:
    """The README with the chapter made anew.

    Raises:
        NoSection: It has no place for it.
    """
    check(text)
    made = "\n".join(chapter(results))
    return SECTION.sub(lambda marks: marks[1] + made + marks[2], text)


def chapter(results: Mapping[str, Result]) -> Iterator[str]:
    """Parts in the order given; those of another run than most rows have its mark."""
    figures = [figure for result in results.values() for figure in result.figures]
    most, *others = _runs(results)
    marks = {run: str(number).translate(RAISED) for number, run in enumerate(others, 1)}
    yield f"Measured by `benchmarks/run`: {most}."
    yield ""
    yield f"![Latency and CPU by part](benchmarks/{PICTURE.name})"
    yield ""
    yield HOW
    yield ""
    yield HEAD
    for result in results.values():
        for figure in result.figures:
            if figure.goal is not None:
                yield _row(figure, marks.get(result.conditions, ""))
    if marks:
        yield "\nRows with a mark are of another run, and so is what the picture has of them:\n"
        yield from (f"- {mark} {run}." for run, mark in marks.items())
    missed = [figure for figure in figures if figure.met is False and figure.limited_by]
    if missed:
        yield "\nWhat limits the goals that are missed:\n"
        yield from (f"- {figure.name}: {figure.limited_by}." for figure in missed)
    reasons = {(name, why) for figure in figures for name, why in figure.cannot.items()}
    if reasons:
        yield "\nWhat another has no figure for:\n"
        yield from (f"- {name} {why}." for name, why in sorted(reasons))


def _runs(results: Mapping[str, Result]) -> list[Conditions]:
    """Those with most rows first."""
    rows: Counter[Conditions] = Counter()
    for result in results.values():
        rows[result.conditions] += sum(figure.goal is not None for figure in result.figures)
    return [run for run, _ in rows.most_common()]


def _ratio(figure: Figure) -> str:
    if not figure.floor:
        return ""
    sure = figure.sure
    between = f" ({number(sure[0])}–{number(sure[1])})" if sure else ""
    return f"{number(figure.ratio)}{between}"


def _row(figure: Figure, mark: str) -> str:
    assert figure.goal is not None
    unit = UNITS.get(figure.unit, figure.unit)
    of = "" if figure.goal.of in (Of.RATIO, Of.MEDIAN) else f"({figure.goal.of})"
    median = figure.goal.median is not None
    middle = f"{number(statistics.median(figure.ours))}, " if median else ""
    cells = (
        f"{figure.name}{mark}",
        " ".join(filter(None, (f"{middle}{number(figure.shown)}", unit, of))),
        number(figure.floor_shown) if figure.floor else "",
        _ratio(figure),
        peer(figure),
        str(figure.goal),
        WORDS[figure.met],
    )
    return f"| {' | '.join(cells)} |"
