"""Read a light back from its line."""

from __future__ import annotations

import itertools

from pi_voice.hardware.patterns import parse, squared
from tests.rigs.gpio.chip import GpioChip
from tests.until import until

EARLY_S = 0.05  # the step before was late
LATE_S = 0.1  # on a busy machine; some later cycle will do


def cycle(light: str) -> list[tuple[bool, float]]:
    """What a lone light does, from one change to the next: its level, and for how many seconds."""
    steps = squared(parse(light)).steps
    while steps[0].level == steps[-1].level:
        steps = (*steps[1:], steps[0])
    runs = itertools.groupby(steps, key=lambda step: step.level > 0)
    return [(is_on, sum(step.ms for step in run) / 1000) for is_on, run in runs]


async def shows(chip: GpioChip, pin: int, light: str, *, after_s: float = 0.0) -> None:
    """Wait until a light went through a whole cycle, each step as long as in its words.

    Args:
        chip: Whose line it is on.
        pin: The line.
        light: As in the table of patterns; not a steady one.
        after_s: What it showed before, on the clock of time.monotonic(), does not count.
    """
    planned = cycle(light)

    def seen() -> bool:
        changes = [change for change in chip.changes(pin) if change.at_s >= after_s]
        steps = [
            (change.high, after.at_s - change.at_s) for change, after in itertools.pairwise(changes)
        ]
        starts = range(len(steps) - len(planned) + 1)
        return any(_alike(steps[at : at + len(planned)], planned) for at in starts)

    await until(seen)


def _alike(seen: list[tuple[bool, float]], planned: list[tuple[bool, float]]) -> bool:
    return all(
        was is is_on and -EARLY_S < took_s - long_s < LATE_S
        for (was, took_s), (is_on, long_s) in zip(seen, planned, strict=True)
    )
