"""What a figure is: measurements of us and of the floor in one run, and their goal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Effort:
    """How much patience there is: a quick run shows the way, a full one can be quoted."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full


class Of(StrEnum):
    """Which number of a figure is held to its goal."""

    RATIO = "ratio"
    MEDIAN = "median"
    P95 = "p95"
    P99 = "p99"
    MOST = "most"
    LEAST = "least"


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit.

    Attributes:
        of: Which number.
        limit: It may reach this and not go beyond; downwards for `LEAST`, upwards for all others.
        median: What the median may reach besides; None if that does not matter.
    """

    of: Of
    limit: float
    median: float | None = None

    def __str__(self) -> str:
        sign = "≥" if self.of is Of.LEAST else "≤"
        held = f"{self.of} {sign} {self.limit:g}"
        return held if self.median is None else f"median ≤ {self.median:g}, {held}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        name: What was measured.
        unit: Of `ours` and `floor`.
        ours: Every measurement of us.
        floor: Of the floor. Empty where there is none.
        goal: None for what is shown for comparison only.
        limited_by: What stands in the way where a goal is missed.
        paired: Measurements of the same index were taken one after the other.
        peers: Of others that do the same, by name, in `unit`; where the goal is a ratio, each over
            the floor that was measured with it.
        cannot: Why another has none, by name.
    """

    name: str
    unit: str
    ours: Sequence[float]
    floor: Sequence[float] = ()
    goal: Goal | None = None
    limited_by: str = ""
    paired: bool = True
    peers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)

    @property
    def best_peer(self) -> tuple[str, float] | None:
        """The one whose number is best, and that; None without any."""
        held = {name: self._of(values) for name, values in self.peers.items() if values}
        return min(held.items(), key=lambda one: one[1]) if held else None

    @property
    def unmatched(self) -> bool:
        """No peer can do it; that the floor has no number says nothing about them."""
        return self.best_peer is None and bool(self.cannot.keys() - {"floor"})

    @property
    def shown(self) -> float:
        """The number of ours that the goal is about; of a ratio, its median."""
        return self._of(self.ours)

    @property
    def floor_shown(self) -> float:
        """The same number of the floor."""
        return self._of(self.floor)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def ratios(self) -> list[float]:
        """Us over the floor, pair by pair; of what comes in no pairs, the ratio of the medians."""
        if not self.floor:
            return []
        if not self.paired:
            return [statistics.median(self.ours) / statistics.median(self.floor)]
        return [ours / floor for ours, floor in zip(self.ours, self.floor, strict=True)]

    @property
    def sure(self) -> tuple[float, float] | None:
        """Between what the ratio is, in 95 of 100 cases; None where too few pairs can tell."""
        return interval(self.ratios) if self.paired else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        if self.goal.of is Of.LEAST:
            return self.shown >= self.goal.limit
        if self.goal.median is not None and statistics.median(self.ours) > self.goal.median:
            return False
        held = self.ratio if self.goal.of is Of.RATIO else self.shown
        return held <= self.goal.limit

    def _of(self, values: Sequence[float]) -> float:
        of = Of.MEDIAN if self.goal is None else self.goal.of
        if of in (Of.P95, Of.P99):
            return percentile(values, 95 if of is Of.P95 else 99)
        if of is Of.MOST:
            return max(values)
        return min(values) if of is Of.LEAST else statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many are below; the greatest where there are too few to tell."""
    if len(values) * (100 - percent) < 100:
        return max(values)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def p99(values: Sequence[float]) -> float:
    return percentile(values, 99)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Where the median lies with at least 95 %, whatever the noise; None of fewer than six.

    How many of n values are below the median is a toss of n coins (the sign test turned around).
    """
    count, below, rank = len(values), 0.0, 0
    while (below := below + math.comb(count, rank) / 2**count) <= 0.025:
        rank += 1
    if not rank:
        return None
    ranked = sorted(values)
    return ranked[rank - 1], ranked[count - rank]
