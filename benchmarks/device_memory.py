"""Memory of the whole daemon while both talk at once."""

from __future__ import annotations

import asyncio

from benchmarks.box import BOTH_WAYS
from benchmarks.clients.pace import Job
from benchmarks.contenders import conversing
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import service
from benchmarks.usage import resident_mb, usage

BATCH_MS = 40
SETTLED_S = 60  # Python has its arenas by then
LIMITED_BY = "numpy and its BLAS, which take 15 MB"


async def measure(effort: Effort) -> list[Figure]:
    settled_s, for_s = effort.of(SETTLED_S, 5), effort.of(600, 20)
    async with service("steady") as steady:
        job = Job(steady.url, BATCH_MS, 0, duplex=True)
        async with conversing(steady, job, BOTH_WAYS) as made:
            await asyncio.sleep(settled_s)
            before_mb = resident_mb(made.pid)
            await asyncio.sleep(for_s - settled_s)
            after_mb, threads = resident_mb(made.pid), usage(made.pid).threads
    return [
        Figure(
            f"RSS after {for_s} s of duplex", "MB", [after_mb], goal=Goal(Of.MOST, 60),
            limited_by=LIMITED_BY,
        ),
        Figure(f"RSS grown since {settled_s} s", "MB", [after_mb - before_mb],
               goal=Goal(Of.MOST, 1)),
        Figure("threads", "", [float(threads)], goal=Goal(Of.MOST, 5)),
    ]  # fmt: skip
