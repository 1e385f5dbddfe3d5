"""What the kernel counts of another process."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

CPU_CLOCK = 2  # of a process, in ns and with its ended threads (clock_getcpuclockid(3))


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used since its start.

    Attributes:
        cpu_s: On a core, user and system.
        switches: Context switches of the threads that live.
        threads: How many live.
    """

    cpu_s: float
    switches: int
    threads: int

    def __sub__(self, before: Usage) -> Usage:
        """What was used since."""
        return Usage(self.cpu_s - before.cpu_s, self.switches - before.switches, self.threads)


def usage(pid: int) -> Usage:
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    switches = sum(
        int(count)
        for task in tasks
        for count in re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
    )
    return Usage(time.clock_gettime(~pid << 3 | CPU_CLOCK), switches, len(tasks))


def resident_mb(pid: int) -> float:
    """Memory that is in RAM, shared libraries included."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found, "every process has a line VmRSS"
    return int(found[1]) / 1000
