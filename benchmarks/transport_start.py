"""From the start of a process to a session whose settings the service confirmed."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import client, pairs, service

LIMITED_BY = "importing, which is CPU alone: what else runs on the machine slows it down"


async def measure(effort: Effort) -> list[Figure]:
    async with service("embedded") as embedded:
        ours = partial(_start, "layer_start", embedded.url)
        floor = partial(_start, "floor_start", embedded.url)
        await pairs(ours, floor, 1)  # the disk is not what is measured
        starts = await pairs(ours, floor, effort.of(15, 3))
    ready_ms, floor_ready_ms = ([start["ready_ms"] for start in every] for every in starts)
    cpu_ms, floor_cpu_ms = ([start["cpu_ms"] for start in every] for every in starts)
    heavy = [len(start["heavy"]) for start in starts[0]]
    name = "exec → session.updated"
    return [
        Figure(name, "ms", ready_ms, floor_ready_ms, Goal(Of.MEDIAN, 350), LIMITED_BY),
        Figure(f"{name}: CPU", "ms", cpu_ms, floor_cpu_ms),
        Figure(f"{name}: heavy libraries", "", heavy, goal=Goal(Of.MOST, 0)),
    ]


async def _start(program: str, url: str) -> Any:
    began_s = time.monotonic()
    said = await client(program, url=url)
    ready_ms = 1000 * (said["ready_s"] - began_s)
    return {**said, "ready_ms": ready_ms, "cpu_ms": 1000 * said["cpu_s"]}
