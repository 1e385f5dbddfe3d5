"""The least that holds a conversation: sends prebuilt frames, and hands over the sound it receives.

No detector, no resampler, no speaker, no decisions.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import Job, Report, frames, job
from benchmarks.clients.source import stream

PLAYED = 10  # pieces that whoever plays has in hand


async def receive(connection: ClientConnection, report: Report) -> None:
    player: deque[bytes] = deque(maxlen=PLAYED)
    try:
        while True:
            event = json.loads(await connection.recv())
            if event["type"] == "response.output_audio.delta":
                player.append(base64.b64decode(event["delta"]))
                report.hear()
    except ConnectionClosed:
        return


def wire(pcm: bytes) -> bytes:
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
    return json.dumps(append).encode()


async def main(job: Job) -> None:
    report = Report()
    batches = [wire(pcm) for pcm in frames(job.frame_ms, job.for_s)]
    async with connect(job.url, compression=None, proxy=None) as connection:
        report.ready()
        receiving = asyncio.create_task(receive(connection, report))
        if job.duplex:
            await connection.send('{"type":"response.create"}')

        async def send(message: bytes) -> None:
            await connection.send(message, text=True)

        await stream(send, job, report, batches)
        report.tell()
    await receiving


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
