"""Where the time of the duplex minute goes, part by part."""

from __future__ import annotations

import asyncio

from benchmarks.box import Box, Note
from benchmarks.clients.pace import Job
from benchmarks.contenders import conversing
from benchmarks.figures import Effort, Figure
from benchmarks.processes import service
from benchmarks.usage import usage

WHERE = ("benchmarks.clients.where",)
USUAL_MS = 40
PART = "duplex minute: "
REST = "event loop, threads, hops"


async def measure(effort: Effort) -> list[Figure]:
    async with service("steady") as steady:
        job = Job(steady.url, USUAL_MS, 0, duplex=True)
        async with conversing(steady, job, WHERE) as made:
            before, begin = await _spent(made), usage(made.pid)
            await asyncio.sleep(effort.of(20, 4))
            after, end = await _spent(made), usage(made.pid)
    minutes = (after["at_s"] - before["at_s"]) / 60
    parts = {
        part: (after["spent_s"][part] - spent_s) / minutes
        for part, spent_s in before["spent_s"].items()
    }
    rest = (end - begin).cpu_s / minutes - sum(parts.values())
    return [
        Figure(f"{PART}{part}", "s per minute", [spent_s])
        for part, spent_s in {**parts, REST: rest}.items()
    ]


async def _spent(made: Box) -> Note:
    """What it tells next."""
    return await made.told("spent", after_s=made.notes[-1]["at_s"])
