"""What all clients share: their sound, their clock, and what they report."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

BYTES_PER_MS = 48  # 24 kHz, 16 bits, mono
QUIET = 30  # so far below speech that nobody takes it for a turn
FRAME_MS = 20
DELTA_MS = 200  # of audio in one event of a reply, as the real service sends it
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
MARK_DIGITS = 4  # in as many samples, each far below what is heard
DIGITS = [array("h", [digit]).tobytes() for digit in range(16)]
WORDS = "Tell me all that you know about the sea."  # 40 letters make 2.4 s of sound
WARM_UP_S = 0.3  # buffers are allocated, the reply has begun
SETTLE_S = 1.0  # after the last frame nothing is left to do


def noise(duration_ms: int) -> bytes:
    """A quiet room, the same for everybody."""
    chance = random.Random(duration_ms)
    samples = (chance.randint(-QUIET, QUIET) for _ in range(duration_ms * BYTES_PER_MS // 2))
    return array("h", samples).tobytes()


def mark(frame: bytes, number: int) -> bytes:
    """A frame that can be told from others, as quiet as before; numbers come again after 65536."""
    digits = [DIGITS[number >> 4 * at & 15] for at in range(MARK_DIGITS)]
    return b"".join((*digits, frame[2 * MARK_DIGITS :]))


def number_of(pcm: bytes) -> int:
    """The number of a frame that begins here."""
    digits = array("h", pcm[: 2 * MARK_DIGITS])
    return sum((digit & 15) << 4 * at for at, digit in enumerate(digits))


async def ticks(period_ms: int, for_s: float = float("inf")) -> AsyncIterator[float]:
    """The time of every period, without drift: who comes late is not given another rest."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    for number in count(1):
        due_s = start_s + number * period_ms / 1000
        if due_s > start_s + for_s:
            return
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        yield due_s


def thumb(presses: int) -> Iterator[float]:
    """How long to wait for each press, in s: at no fixed place between two frames.

    All are shorter than the 40 ms between `response.created` and the first sound.
    """
    chance = random.Random(presses)
    return (chance.uniform(0.0, 0.02) for _ in range(presses))


def frames(batch_ms: int, for_s: float) -> list[bytes]:
    """Numbered batches for so long, and a little more; made before anything is measured."""
    quiet = noise(FRAME_MS)
    each = batch_ms // FRAME_MS
    wanted = int((for_s + 2 * WARM_UP_S) * 1000 / batch_ms) + 1
    return [
        b"".join(mark(quiet, number) for number in range(first, first + each))
        for first in range(0, wanted * each, each)
    ]


class Report:
    """What a client that streams has to tell, taken while it runs.

    Attributes:
        heard_s: When each piece of the reply was handed over.
    """

    def __init__(self) -> None:
        self.heard_s: list[float] = []
        self._said: dict[str, Any] = {}
        self._before_s = self._warm_s = 0.0

    def ready(self) -> None:
        """The settings of the session are confirmed."""
        self._said |= {"ready_s": time.monotonic(), "ready_cpu_s": _cpu_s()}

    def hear(self) -> None:
        self.heard_s.append(time.monotonic())

    def tell(self) -> None:
        """Print it."""
        status = Path("/proc/self/status").read_text()
        numbers = dict(line.split(":", 1) for line in status.splitlines())
        self._said["rss_mb"] = int(numbers["VmRSS"].split()[0]) / 1000
        self._said["threads"] = int(numbers["Threads"])
        tell({**self._said, "heard_s": self.heard_s})

    async def stream(
        self, send: Callable[[bytes], Awaitable[None]], job: Job, batches: Sequence[bytes]
    ) -> None:
        """Send batches at the pace of a microphone; CPU counts after the warm-up."""
        due = iter(batches)
        until_s = self.begin(time.monotonic(), job)
        async for due_s in ticks(job.frame_ms):
            if due_s > until_s:
                break
            await send(next(due))
            self.sent()
        if job.idle:
            await asyncio.sleep(SETTLE_S)
            self._before_s = _cpu_s()
            await asyncio.sleep(job.for_s)
        self.end()

    def begin(self, now_s: float, job: Job) -> float:
        """The first sample is heard; tells that it works, and gives when to stop sending."""
        tell({"pid": os.getpid()})
        self._said["began_s"] = now_s
        self._warm_s = now_s + WARM_UP_S
        return self._warm_s + (0.0 if job.idle else job.for_s)

    def sent(self) -> None:
        """A batch is on its way."""
        if not self._before_s and time.monotonic() >= self._warm_s:
            self._before_s = _cpu_s()

    def end(self) -> None:
        """Nothing is sent any more."""
        self._said["cpu_s"] = _cpu_s() - self._before_s


@dataclass(frozen=True, slots=True)
class Job:
    """What to stream.

    Attributes:
        url: Of the service.
        frame_ms: Sound per message.
        for_s: How long, after the warm-up; 0 only connects.
        duplex: A reply is heard meanwhile.
        idle: Connected, and nothing is sent.
        card: A card gives the pace, in place of the loop's clock.
    """

    url: str
    frame_ms: int
    for_s: float
    duplex: bool
    idle: bool = False
    card: bool = False


def job() -> Any:
    """The parameters that this program was started with."""
    return json.loads(sys.argv[1])


def tell(result: Any) -> None:
    sys.stdout.write(f"{json.dumps(result)}\n")
    sys.stdout.flush()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
