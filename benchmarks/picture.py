"""Two pictures in one SVG: how long things take, and where the time of a minute goes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.device_profile import PART
from benchmarks.figures import Figure, percentile

DRAWN = (
    "frame → wire, batches of 20 ms",
    "frame → wire, batches of 40 ms",
    "wire → player, through the transport",
    "wire → speaker",
    "press → first byte, microphone closed before",
    "press → silence",
)
WIDTH, ROW, LEFT, RIGHT = 860, 20, 420, 60
OURS, OTHERS, INK, LINES = "#0072b2", "#999999", "#333333", "#dddddd"
COLOURS = (
    "#0072b2",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#e69f00",
    "#d55e00",
    "#cc79a7",
    "#999999",
)
STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def svg(figures: Sequence[Figure]) -> str:
    """The whole picture; what was not measured is not in it."""
    rows = list(_rows(figures))
    parts = [figure for figure in figures if figure.name.startswith(PART)]
    body = [*_spans(rows), *_bar(parts, 60 + ROW * len(rows))]
    height = 60 + ROW * len(rows) + (70 + ROW * len(parts) if parts else 0)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    paper = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, paper, *body, "</svg>", ""])


def _rows(figures: Sequence[Figure]) -> Iterator[tuple[str, str, Sequence[float]]]:
    """Label, colour and measurements of each line."""
    for figure in figures:
        if figure.name not in DRAWN:
            continue
        yield figure.name, OURS, figure.ours
        others = {"floor": figure.floor, **figure.peers}
        for name, values in others.items():
            if values:
                yield name, OTHERS, values


def _spans(rows: Sequence[tuple[str, str, Sequence[float]]]) -> Iterator[str]:
    """From the 5th to the 99th percentile, with a tick at the median."""
    yield _text(10, 20, "Latency in ms: 5th to 99th percentile, median marked", bold=True)
    longest = max((percentile(values, 99) for _, _, values in rows), default=1.0)
    limit = next((step for step in STEPS_MS if step >= longest), longest)
    scale = (WIDTH - LEFT - RIGHT) / limit
    for part in range(5):
        x, bottom = LEFT + scale * limit * part / 4, 40 + ROW * len(rows)
        yield f'<path d="M{x:.1f} 30V{bottom}" stroke="{LINES}"/>'
        yield _text(x, bottom + 12, f"{limit * part / 4:g}", anchor="middle")
    for number, (label, colour, values) in enumerate(rows):
        y = 42 + ROW * number
        low, high = min(values), percentile(values, 99)
        if len(values) >= 20:
            low = statistics.quantiles(values, n=20)[0]
        middle = statistics.median(values)
        begin, width = LEFT + scale * max(0.0, low), max(1.0, scale * (high - max(0.0, low)))
        yield _text(LEFT - 8, y + 4, label, anchor="end", bold=colour == OURS)
        yield f'<rect x="{begin:.1f}" y="{y - 4}" width="{width:.1f}" height="8" fill="{colour}"/>'
        x = LEFT + scale * middle
        yield f'<path d="M{x:.1f} {y - 7}v14" stroke="{INK}" stroke-width="2"/>'
        yield _text(begin + width + 5, y + 4, f"{middle:.3g}")


def _bar(parts: Sequence[Figure], top: int) -> Iterator[str]:
    """One bar, cut by part, and what each piece is."""
    if not parts:
        return
    seconds = [max(0.0, statistics.median(part.ours)) for part in parts]
    whole = sum(seconds)
    yield _text(10, top + 20, f"CPU of a duplex minute: {whole:.2g} s, by part", bold=True)
    x, scale = 10.0, (WIDTH - 20) / whole
    for number, (part, spent_s) in enumerate(zip(parts, seconds, strict=True)):
        colour, y = COLOURS[number % len(COLOURS)], top + 70 + ROW * number
        width = scale * spent_s
        yield f'<rect x="{x:.1f}" y="{top + 30}" width="{width:.1f}" height="20" fill="{colour}"/>'
        yield f'<rect x="10" y="{y - 9}" width="12" height="12" fill="{colour}"/>'
        label = f"{part.name.removeprefix(PART)}: {spent_s:.2f} s, {spent_s / whole:.0%}"
        yield _text(30, y + 2, label)
        x += width


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place}{weight}>{escape(text)}</text>"
