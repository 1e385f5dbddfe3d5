"""From the start of the process to a box that is ready, and to its first light."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from benchmarks.box import Setup, box
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import ROOT, rounds, service

LIMITED_BY = "importing, which is CPU alone: what else runs on the machine slows it down"
IMPORT = """
import sys, time
began_s = time.perf_counter()
import pi_voice.cli
print(1000 * (time.perf_counter() - began_s), int("numpy" in sys.modules))
"""


async def measure(effort: Effort) -> list[Figure]:
    async with service("steady") as steady:

        async def boot() -> tuple[float, float]:
            async with box(Setup(steady.url)) as made:
                lit = await made.told("light")
                return 1000 * (made.ready_s - made.started_s), 1000 * (lit["at_s"] - made.started_s)

        runs: dict[str, Any] = {"boot": boot, "python": _python, "import": _import}
        await rounds(runs, 1)  # the disk is not what is measured
        done = await rounds(runs, effort.of(15, 3))
    ready_ms, light_ms = ([one[nth] for one in done["boot"]] for nth in (0, 1))
    import_ms, numpy = ([one[nth] for one in done["import"]] for nth in (0, 1))
    alone = done["python"]
    return [
        Figure("exec → READY", "ms", ready_ms, alone, Goal(Of.MEDIAN, 1000), LIMITED_BY),
        Figure("exec → first light", "ms", light_ms, alone, Goal(Of.MEDIAN, 500), LIMITED_BY),
        Figure("import pi_voice.cli", "ms", import_ms, goal=Goal(Of.MEDIAN, 60)),
        Figure("import pi_voice.cli: numpy", "", numpy, goal=Goal(Of.MOST, 0)),
    ]


async def _python() -> float:
    """The floor: an interpreter that does nothing."""
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await process.wait()
    return 1000 * (time.monotonic() - began_s)


async def _import() -> tuple[float, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IMPORT, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    said, _ = await process.communicate()
    took_ms, numpy = said.split()
    return float(took_ms), float(numpy)
