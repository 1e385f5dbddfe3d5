"""CPU of one second of talk: the transport beside a loop that only moves bytes."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import service, taking_turns

FLOOR_MS = 20
BATCHES_MS = (20, 40, 60)
GOALS = {
    20: 1.1,
    40: 0.8,
}  # what decoding, accounting and watching may cost; what batches must save
LIMITED_BY = "the kernel's share of each send and the wake-ups of the loop, which both have"


async def measure(effort: Effort) -> list[Figure]:
    async with service("steady") as steady:
        return [
            *await _direction(steady.url, "duplex", effort),
            *await _direction(steady.url, "uplink", effort),
        ]


async def _direction(url: str, direction: str, effort: Effort) -> list[Figure]:
    for_s = effort.of(3, 2)
    duplex = direction == "duplex"
    shared = {"url": url, "for_s": for_s, "duplex": duplex}
    jobs: dict[str, dict[str, Any]] = {
        "floor": {"client": "floor_stream", "frame_ms": FLOOR_MS, **shared}
    }
    for batch_ms in BATCHES_MS:
        jobs[str(batch_ms)] = {"client": "layer_stream", "frame_ms": batch_ms, **shared}
    cpu_s = await taking_turns(jobs, effort.of(12, 3))
    micros = {name: [spent * 1e6 / for_s for spent in cpu_s[name]] for name in jobs}
    return [
        Figure(
            f"CPU, {direction}, batches of {batch_ms} ms",
            "µs per s of sound",
            micros[str(batch_ms)],
            micros["floor"],
            Goal(Of.RATIO, GOALS[batch_ms]) if duplex and batch_ms in GOALS else None,
            LIMITED_BY,
        )
        for batch_ms in BATCHES_MS
    ]
