"""CPU of talk: the transport beside a loop that only moves bytes."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import client, pairs, service

FLOOR_MS = 20
BATCHES_MS = (20, 40, 60)
USUAL_MS = (40,)
GOALS = {20: 1.1, 40: 0.8}  # what decoding, counting and watching may cost; what batches must save
LIMITED_BY = "after each pause all code on the way of a frame comes from memory, not from the cache"


async def measure(effort: Effort) -> list[Figure]:
    figures: list[Figure] = []
    async with service("steady") as steady:
        for direction in ("duplex", "uplink"):
            for batch_ms in USUAL_MS if effort.quick else BATCHES_MS:
                figures += await _figures(steady.url, direction, batch_ms, effort)
    return figures


async def _figures(url: str, direction: str, batch_ms: int, effort: Effort) -> list[Figure]:
    duplex = direction == "duplex"
    for_s = effort.of(2, 1)
    stream = partial(client, url=url, for_s=for_s, duplex=duplex)
    ours_runs, floor_runs = await pairs(
        partial(stream, "layer_stream", frame_ms=batch_ms),
        partial(stream, "floor_stream", frame_ms=FLOOR_MS),
        effort.of(6, 2),
    )
    ours, floor = (
        [run["cpu_s"] * 1e6 / for_s for run in every] for every in (ours_runs, floor_runs)
    )
    limit = GOALS.get(batch_ms) if duplex else None
    goal = None if limit is None else Goal(Of.RATIO, limit)
    name = f"CPU, {direction}, batches of {batch_ms} ms"
    figures = [Figure(name, "µs per s", ours, floor, goal, LIMITED_BY)]
    if duplex:
        per_batch = [micros * batch_ms / 1000 for micros in ours]
        per_frame = [micros * FLOOR_MS / 1000 for micros in floor]
        name = f"CPU, {direction}, one batch of {batch_ms} ms and its share of the reply"
        figures.append(Figure(name, "µs", per_batch, per_frame))
    return figures
