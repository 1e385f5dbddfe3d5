"""The command line: which parts, how long, and where the figures go."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from benchmarks import (
    conditions,
    device_alsa,
    device_cost,
    device_latency,
    device_memory,
    device_profile,
    device_start,
    device_wire,
    growth,
    link_stall,
    onsets,
    picture,
    readme,
    report,
    results,
    transport_cost,
    transport_interrupt,
    transport_start,
)
from benchmarks.figures import Effort, Figure
from benchmarks.results import Result

ABOUT = """\
Measure pi_voice on this machine: a table here, and every measurement as JSON. Parts that are named
are measured again, and take the place of what the JSON file has of them; without a name, all are.
"""
PARTS: Mapping[str, ModuleType] = {
    "device": device_cost,
    "wire": device_wire,
    "memory": device_memory,
    "waits": device_latency,
    "alsa": device_alsa,
    "boot": device_start,
    "profile": device_profile,
    "onsets": onsets,
    "growth": growth,
    "cost": transport_cost,
    "interrupt": transport_interrupt,
    "stall": link_stall,
    "start": transport_start,
}


class Mistake(Exception):
    """What was asked for cannot be done; the text says why, and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 0 even when a goal is missed, because the machine may be the reason."""
    options = _parser().parse_args(argv)
    try:
        names, kept = _wanted(options)
    except (Mistake, results.Unreadable, readme.NoSection, OSError) as mistake:
        sys.stderr.write(f"benchmarks/run: {mistake}\n")
        return 2
    run = conditions.here(quick=options.quick)
    found: list[Figure] = []
    for name in names:
        figures = asyncio.run(_part(name, Effort(quick=options.quick)))
        if figures:  # else it cannot be measured here, and what is known of it stays
            kept[name] = Result(run, figures)
            results.save(options.json, kept)
        found += figures
    sys.stdout.write(report.table(run, found))
    sys.stderr.write(f"written to {options.json}\n")
    if options.readme:
        _show(kept)
    return 0


def _wanted(options: argparse.Namespace) -> tuple[list[str], dict[str, Result]]:
    """What to measure, and what is known; tells a mistake now, and not when all is measured."""
    if unknown := [name for name in options.parts if name not in PARTS]:
        raise Mistake(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    names = list(dict.fromkeys(options.parts)) or list(PARTS)
    kept = results.load(options.json)
    missing = [name for name in PARTS if name not in {*names, *kept}]
    if options.readme and missing:
        raise Mistake(
            f"{options.json} has no earlier result of {', '.join(missing)}: "
            "name them, too, or name no part to measure everything"
        )
    if options.readme:
        readme.check(readme.README.read_text())
    results.save(options.json, kept)
    return names, kept


def _show(kept: Mapping[str, Result]) -> None:
    ordered = {name: kept[name] for name in PARTS if name in kept}
    figures = [figure for result in ordered.values() for figure in result.figures]
    readme.PICTURE.write_text(picture.svg(figures))
    text = readme.README.read_text()
    readme.README.write_text(readme.updated(text, ordered))


def _parser() -> argparse.ArgumentParser:
    listed = (f"  {name:10} {_about(part)}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description=ABOUT,
        epilog="\n".join(["parts:", *listed]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure; see below")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    parser.add_argument(
        "--readme", action="store_true", help="write the chapter of the README and its picture"
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("build/benchmarks.json"),
        metavar="FILE",
        help="where results are kept; default: %(default)s",
    )
    return parser


def _about(part: ModuleType) -> str:
    return (part.__doc__ or "").partition("\n")[0]


async def _part(name: str, effort: Effort) -> list[Figure]:
    began_s = time.monotonic()
    sys.stderr.write(f"measuring {name} …")
    sys.stderr.flush()
    figures: list[Figure] = await PARTS[name].measure(effort)
    sys.stderr.write(f" {time.monotonic() - began_s:.0f} s\n")
    return figures
