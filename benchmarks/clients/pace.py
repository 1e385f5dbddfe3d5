"""What all clients share: their sound, their clock, and the meter of their CPU."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
from array import array
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

BYTES_PER_MS = 48  # 24 kHz, 16 bits, mono
QUIET = 30  # so far below speech that nobody takes it for a turn
FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
MARK_DIGITS = 4  # in as many samples, each far below what is heard
WORDS = "Tell me all that you know about the sea."  # 40 letters make 2.4 s of sound
WARM_UP_S = 0.3  # buffers are allocated, the reply has begun


def noise(duration_ms: int) -> bytes:
    """A quiet room, the same for everybody."""
    chance = random.Random(duration_ms)
    samples = (chance.randint(-QUIET, QUIET) for _ in range(duration_ms * BYTES_PER_MS // 2))
    return array("h", samples).tobytes()


def mark(frame: bytes, number: int) -> bytes:
    """A frame that can be told from others, as quiet as before; numbers come again after 65536."""
    return array("h", ((number >> 4 * at) & 15 for at in range(MARK_DIGITS))).tobytes() + frame[
        2 * MARK_DIGITS :
    ]


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


class Meter:
    """CPU of this process from here on."""

    def __init__(self) -> None:
        self._before_s = _cpu_s()

    def cpu_s(self) -> float:
        return _cpu_s() - self._before_s


def job() -> Any:
    """The parameters that this program was started with."""
    return json.loads(sys.argv[1])


def tell(result: Any) -> None:
    sys.stdout.write(json.dumps(result))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
