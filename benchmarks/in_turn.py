"""CPU of two processes that both stay up and work in turn: one is stopped while the other works.

The clock rate of a shared machine drifts by a third within a minute. Slices of half a second lie so
close that it is the same for both, and nothing has to start, to import or to connect between them.
Both at the same time would be closer still, and wrong: whoever wakes up right after the other finds
warm caches, and of two equal floors one then costs 15 % less. The service of a client stands still
with it, so that it misses nothing: to the client a rest is a machine that was asleep.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.figures import Effort
from benchmarks.processes import Service
from benchmarks.usage import usage

SETTLE_S = 0.2  # what was missed is made up for, and caches are as they are while it works
MARGIN_S = 20.0  # to start both, and more


@dataclass(frozen=True, slots=True)
class Pace:
    """How long two work in turn.

    Attributes:
        pairs: Slices of each.
        for_s: What is measured of a slice; a rest must not take the second of silence after which
            a microphone counts as lost.
    """

    pairs: int
    for_s: float = 0.5

    @property
    def whole_s(self) -> float:
        """How long each has to be able to work."""
        return (2 * self.pairs + 1) * (SETTLE_S + self.for_s) + MARGIN_S


def pace(effort: Effort) -> Pace:
    return Pace(effort.of(20, 6))


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works.

    Attributes:
        pid: Whose CPU counts.
        service: What it talks with, and with nobody else.
        sends: Sound goes up all the time.
    """

    pid: int
    service: Service
    sends: bool = True

    def rest(self) -> None:
        for pid in (self.pid, self.service.pid):
            os.kill(pid, signal.SIGSTOP)

    def work(self) -> None:
        for pid in (self.service.pid, self.pid):
            os.kill(pid, signal.SIGCONT)

    async def slice(self, for_s: float) -> float:
        """Work for a while; gives CPU for each minute.

        Raises:
            RuntimeError: It ended, or nothing came from it: what it did was no work.
        """
        try:
            self.work()
            await asyncio.sleep(SETTLE_S)
            await self.service.ask("forget")
            used = await spent(self.pid, for_s)
            sent: float = await self.service.ask("bytes")
            self.rest()
        except (FileNotFoundError, ProcessLookupError):
            raise RuntimeError("a client ended while it was measured") from None
        if self.sends and not sent:
            raise RuntimeError("a client that was measured sent nothing")
        return used


async def spent(pid: int, for_s: float) -> float:
    """CPU of a process in the next seconds, for each minute."""
    loop = asyncio.get_running_loop()
    before, begin_s = usage(pid), loop.time()
    await asyncio.sleep(for_s)
    return (usage(pid) - before).cpu_s * 60 / (loop.time() - begin_s)


async def in_turn(ours: Worker, floor: Worker, pace: Pace) -> tuple[list[float], list[float]]:
    """CPU of both for each minute, slice by slice.

    A slice of ours stands beside the mean of the floor's slices before and after it, so that a
    drift that goes on at the same pace has no part in the ratio.
    """
    mine, others = [], []
    with _resting(ours, floor):
        before = await floor.slice(pace.for_s)
        for _ in range(pace.pairs):
            mine.append(await ours.slice(pace.for_s))
            after = await floor.slice(pace.for_s)
            others.append((before + after) / 2)
            before = after
    return mine, others


@contextmanager
def _resting(*workers: Worker) -> Iterator[None]:
    for worker in workers:
        worker.rest()
    try:
        yield
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):  # it failed, which is told elsewhere
                worker.work()
