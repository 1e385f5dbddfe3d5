"""When and on what something was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import ROOT


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those of one run; two runs never have the same.

    Attributes:
        at: Its begin, in UTC.
        model: Of the machine.
        cores: How many it has.
        load: Of the minute before.
        kernel: Of Linux.
        python: Its release.
        websockets: Its release.
        commit: What was measured; "" where nobody knows.
        quick: Fewer and shorter measurements.
    """

    at: str
    model: str
    cores: int
    load: float
    kernel: str
    python: str
    websockets: str
    commit: str
    quick: bool

    def __str__(self) -> str:
        return ", ".join(
            (
                f"{self.at[:16].replace('T', ' ')} UTC",
                self.model,
                f"{self.cores} cores",
                f"Linux {self.kernel}",
                f"Python {self.python}",
                f"websockets {self.websockets}",
                f"load {self.load:g} at the start",
                *([f"commit {self.commit}"] if self.commit else []),
                *(["a quick run"] if self.quick else []),
            )
        )


def here(*, quick: bool) -> Conditions:
    """Those of now; to be taken before the measurements put a load on the machine."""
    return Conditions(
        at=datetime.now(UTC).isoformat(timespec="seconds"),  # the date is meant, no duration
        model=_model(),
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        kernel=platform.release(),
        python=platform.python_version(),
        websockets=version("websockets"),
        commit=_commit(),
        quick=quick,
    )


def _commit() -> str:
    """Short; with a "+" where files of the package or of the benchmarks differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "pi_voice", "benchmarks")
    return f"{head}+" if head and changed else head


def _git(*words: str) -> str:
    try:
        said = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


def _model() -> str:
    board = Path("/proc/device-tree/model")  # a Raspberry Pi knows its name
    if board.exists():
        return board.read_text().strip("\0")
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
