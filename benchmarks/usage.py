"""What the kernel counts of another process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all threads that live.

    Attributes:
        cpu_s: On a core, user and system.
        switches: Context switches.
        threads: How many.
    """

    cpu_s: float
    switches: int
    threads: int

    def __sub__(self, before: Usage) -> Usage:
        """What was used since; no thread may have ended meanwhile."""
        return Usage(self.cpu_s - before.cpu_s, self.switches - before.switches, self.threads)


def usage(pid: int) -> Usage:
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    # its first number is in ns, where stat counts in steps of 10 ms
    cpu_ns = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    switches = sum(
        int(count)
        for task in tasks
        for count in re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
    )
    return Usage(cpu_ns / 1e9, switches, len(tasks))


def resident_mb(pid: int) -> float:
    """Memory that is in RAM, shared libraries included."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found, "every process has a line VmRSS"
    return int(found[1]) / 1000
