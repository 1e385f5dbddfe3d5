"""Where the time of the duplex minute goes, part by part."""

from __future__ import annotations

import asyncio

from benchmarks.box import Box, Note, Setup, box
from benchmarks.figures import Effort, Figure
from benchmarks.processes import service
from benchmarks.usage import usage

WHERE = ("benchmarks.clients.where",)
PART = "duplex minute: "
REST = "event loop, threads, hops"


async def measure(effort: Effort) -> list[Figure]:
    async with service("steady") as steady:
        async with box(Setup(steady.url, hot=True, program=WHERE)) as made:
            await made.told("light", pattern="idle")
            await made.click("talk", 0.3)
            await made.told("sound")
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
