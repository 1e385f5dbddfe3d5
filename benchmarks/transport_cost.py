"""CPU of talk: the transport in turn with a loop that only moves bytes; neither has a card."""

from __future__ import annotations

from benchmarks.clients.pace import Job
from benchmarks.contenders import FLOOR, LAYER, against
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.in_turn import pace

BATCHES_MS = (20, 40, 60)
USUAL_MS = (40,)
GOALS = {20: 1.1, 40: 0.8}  # what decoding, counting and watching may cost; what batches must save
LIMITED_BY = "after each pause all code on the way of a frame comes from memory, not from the cache"


async def measure(effort: Effort) -> list[Figure]:
    return [
        await _figure(direction, batch_ms, effort)
        for direction in ("duplex", "uplink")
        for batch_ms in (USUAL_MS if effort.quick else BATCHES_MS)
    ]


async def _figure(direction: str, batch_ms: int, effort: Effort) -> Figure:
    job = Job("", batch_ms, 0, duplex=direction == "duplex")
    ours, floor = await against(FLOOR, LAYER.worker, job, pace(effort))
    limit = GOALS.get(batch_ms) if job.duplex else None
    return Figure(
        f"CPU, transport alone, {direction}, batches of {batch_ms} ms", "s per minute", ours, floor,
        None if limit is None else Goal(Of.RATIO, limit), LIMITED_BY,
    )  # fmt: skip
