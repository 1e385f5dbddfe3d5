"""The least that sends what a card hears: its thread, a hop to the loop, and a prebuilt frame.

What comes back is received and thrown away. No detector, no resampler, no speaker, no decisions.
"""

from __future__ import annotations

import asyncio
import time

from websockets.asyncio.client import connect

from benchmarks.clients.floor_stream import receive, wire
from benchmarks.clients.pace import BYTES_PER_MS, Job, Report, frames, job
from benchmarks.parts.pyaudio import PyAudio, paContinue


async def main(job: Job) -> None:
    report, loop = Report(), asyncio.get_running_loop()
    batches = iter([wire(pcm) for pcm in frames(job.frame_ms, job.for_s)])
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(*_: object) -> tuple[None, int]:
        loop.call_soon_threadsafe(heard.put_nowait, next(batches))
        return None, paContinue

    async with connect(job.url, compression=None, proxy=None) as connection:
        report.ready()
        receiving = asyncio.create_task(receive(connection, report))
        if job.duplex:
            await connection.send('{"type":"response.create"}')
        samples = job.frame_ms * BYTES_PER_MS // 2
        card = PyAudio().open(
            rate=24_000, input=True, frames_per_buffer=samples, stream_callback=hear
        )
        began_s = time.monotonic()
        card.start_stream()
        until_s = report.begin(began_s, job)
        while time.monotonic() < until_s:
            await connection.send(await heard.get(), text=True)
            report.sent()
        report.end()
        card.close()
        report.tell()
    await receiving


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
