"""From the call of `interrupt()` to `response.cancel` at the service, in another process."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, client, pairs, service

PRESSES = 20  # in one session
MOMENTS = ("before sound", "in mid-reply")
LIMITED_BY = "the other process has to be woken to take the time, and waits for its turn on a core"


async def measure(effort: Effort) -> list[Figure]:
    figures: list[Figure] = []
    async with service("embedded") as embedded:
        for moment in MOMENTS:
            ours, floor = await pairs(
                partial(_press, embedded, "layer_press", moment),
                partial(_press, embedded, "floor_press", moment),
                effort.of(5, 1),
            )
            figures += _figures(f"interrupt {moment}", ours, floor)
    return figures


async def _press(embedded: Service, program: str, moment: str) -> dict[str, Any]:
    """One session of interruptions, while sound goes up."""
    said = await client(program, url=embedded.url, moment=moment, presses=PRESSES)
    arrived_s = await embedded.ask("cancels")
    after_ms = [
        1000 * (arrived_s[response] - pressed_s)
        for response, pressed_s in said["pressed"].items()
        if response in arrived_s
    ]
    return {"after_ms": after_ms, "late_ms": said.get("late_ms")}


def _figures(name: str, ours: list[Any], floor: list[Any]) -> list[Figure]:
    ours_ms, floor_ms = (
        list(chain.from_iterable(said["after_ms"] for said in every)) for every in (ours, floor)
    )
    seen = [len(said["after_ms"]) for said in ours]
    late_ms = [said["late_ms"] for said in ours]
    to_cancel = f"{name} → response.cancel"
    return [
        Figure(to_cancel, "ms", ours_ms, floor_ms, Goal(Of.P99, 4.0), LIMITED_BY, paired=False),
        Figure(f"{name}: cancels", f"of {PRESSES}", seen, goal=Goal(Of.LEAST, PRESSES)),
        Figure(f"{name}: sound after it", "ms", late_ms, goal=Goal(Of.MOST, 0.0)),
    ]
