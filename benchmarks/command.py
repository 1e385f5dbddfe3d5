"""The command line: which figures, how long, and where they go."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    device_alsa,
    device_cost,
    device_latency,
    device_memory,
    device_profile,
    device_start,
    growth,
    link_stall,
    onsets,
    picture,
    readme,
    report,
    transport_cost,
    transport_interrupt,
    transport_start,
)
from benchmarks.figures import Effort, Figure

ABOUT = "Measure pi_voice on this machine: a table here, and every measurement as JSON."
BESIDE = "memory"
FIGURES = {
    "device": device_cost.measure,
    BESIDE: device_memory.measure,
    "waits": device_latency.measure,
    "alsa": device_alsa.measure,
    "boot": device_start.measure,
    "profile": device_profile.measure,
    "onsets": onsets.measure,
    "growth": growth.measure,
    "cost": transport_cost.measure,
    "interrupt": transport_interrupt.measure,
    "stall": link_stall.measure,
    "start": transport_start.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 0 even when a goal is missed, because the machine may be the reason."""
    options = _parser().parse_args(argv)
    machine = report.machine()
    figures = asyncio.run(_measured(options.only or list(FIGURES), Effort(quick=options.quick)))
    sys.stdout.write(report.table(machine, figures))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(report.as_json(machine, figures))
    sys.stderr.write(f"written to {options.json}\n")
    if options.readme:
        readme.PICTURE.write_text(picture.svg(figures))
        text = readme.README.read_text()
        readme.README.write_text(readme.updated(text, machine, figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=ABOUT)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    parser.add_argument(
        "--readme", action="store_true", help="write the chapter of the README and its picture"
    )
    parser.add_argument(
        "--only", action="append", choices=FIGURES, metavar="PART", help=", ".join(FIGURES)
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("build/benchmarks.json"),
        metavar="FILE",
        help="default: %(default)s",
    )
    return parser


async def _measured(names: Sequence[str], effort: Effort) -> list[Figure]:
    async with asyncio.TaskGroup() as tasks:
        beside = None
        if BESIDE in names:  # ten minutes, in which it does next to nothing
            beside = tasks.create_task(device_memory.measure(effort))
        figures = []
        for name in names:
            if name != BESIDE:
                figures += await _part(name, effort)
    return figures + (beside.result() if beside else [])


async def _part(name: str, effort: Effort) -> list[Figure]:
    began_s = time.monotonic()
    sys.stderr.write(f"measuring {name} …")
    sys.stderr.flush()
    figures = await FIGURES[name](effort)
    sys.stderr.write(f" {time.monotonic() - began_s:.0f} s\n")
    return figures
