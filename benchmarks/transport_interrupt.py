"""From the call of `interrupt()` to `response.cancel` at the service, in another process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, client, pairs, service

PRESSES = 20  # in one session
MOMENTS = ("before sound", "in mid-reply")
LIMITED_BY = "the process of the service takes the time, and has to get a core first"


async def measure(effort: Effort) -> list[Figure]:
    figures: list[Figure] = []
    async with service("embedded") as embedded:
        for moment in MOMENTS:
            ours, floor = await pairs(
                partial(_press, embedded, "layer_press", moment),
                partial(_press, embedded, "floor_press", moment),
                effort.of(4, 1),
            )
            figures += _figures(f"interrupt {moment}", ours, floor)
    return figures


async def _press(embedded: Service, program: str, moment: str) -> Any:
    """One session of interruptions, while sound goes up."""
    said = await client(program, url=embedded.url, moment=moment, presses=PRESSES)
    arrived_s = await embedded.ask("cancels")
    after_ms = [
        1000 * (arrived_s[response] - pressed_s)
        for response, pressed_s in said["pressed"].items()
        if response in arrived_s
    ]
    return said | {"after_ms": after_ms}


def _figures(name: str, ours: list[Any], floor: list[Any]) -> list[Figure]:
    def times(what: str) -> Iterator[list[float]]:
        return ([ms for said in every for ms in said[what]] for every in (ours, floor))

    wire_ms, floor_wire_ms = times("after_ms")
    call_ms, floor_call_ms = times("call_ms")
    seen = [len(said["after_ms"]) for said in ours]
    late_ms = [said["late_ms"] for said in ours]
    to_cancel = f"{name} → response.cancel at the service"
    goal = Goal(Of.P99, 4.0)
    return [
        Figure(to_cancel, "ms", wire_ms, floor_wire_ms, goal, LIMITED_BY, paired=False),
        Figure(f"{name}: the call, which writes it", "ms", call_ms, floor_call_ms, paired=False),
        Figure(f"{name}: cancels", f"of {PRESSES}", seen, goal=Goal(Of.LEAST, PRESSES)),
        Figure(f"{name}: sound after it", "ms", late_ms, goal=Goal(Of.MOST, 0.0)),
    ]
