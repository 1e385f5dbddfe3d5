"""From the start of a process to a session whose settings the service confirmed."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, client, service


async def measure(effort: Effort) -> list[Figure]:
    starts: dict[str, list[Any]] = {"layer": [], "floor": []}
    async with service("embedded") as embedded:
        for name in starts:
            await _start(embedded, name)  # the disk is not what is measured
        for _ in range(effort.of(20, 3)):
            for name, seen in starts.items():
                seen.append(await _start(embedded, name))
    ready_ms = {name: [start["ready_ms"] for start in seen] for name, seen in starts.items()}
    cpu_ms = {name: [start["cpu_s"] * 1000 for start in seen] for name, seen in starts.items()}
    heavy = [len(start["heavy"]) for start in starts["layer"]]
    return [
        Figure(
            "exec → session.updated",
            "ms",
            ready_ms["layer"],
            ready_ms["floor"],
            Goal(Of.MEDIAN, 350),
            "importing, which is CPU: what else runs on the machine slows it down",
        ),
        Figure("exec → session.updated: CPU", "ms", cpu_ms["layer"], cpu_ms["floor"]),
        Figure("heavy libraries loaded by then", "", heavy, goal=Goal(Of.MOST, 0)),
    ]


async def _start(embedded: Service, name: str) -> Any:
    began_s = time.monotonic()
    said = await client(f"{name}_start", url=embedded.url)
    return {**said, "ready_ms": 1000 * (said["ready_s"] - began_s)}
