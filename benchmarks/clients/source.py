"""Where a client gets its sound from, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.clients.pace import BYTES_PER_MS, Job, Report
from benchmarks.parts.pyaudio import RATE_HZ, PyAudio, paContinue


async def stream(
    send: Callable[[bytes], Awaitable[None]], job: Job, report: Report, batches: Sequence[bytes]
) -> None:
    """Send batches when a card or the loop's clock says so."""
    if not job.card:
        await report.stream(send, job, batches)
        return
    loop, due = asyncio.get_running_loop(), iter(batches)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(*_: object) -> tuple[None, int]:
        loop.call_soon_threadsafe(heard.put_nowait, next(due))
        return None, paContinue

    samples = job.frame_ms * BYTES_PER_MS // 2
    card = PyAudio().open(rate=RATE_HZ, input=True, frames_per_buffer=samples, stream_callback=hear)
    until_s = report.begin(time.monotonic(), job)
    card.start_stream()
    while time.monotonic() < until_s:
        await send(await heard.get())
        report.sent()
    report.end()
    card.close()
