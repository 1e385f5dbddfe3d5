"""Sends frames that were made before, and receives what comes without looking at it."""

from __future__ import annotations

import asyncio
import base64
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import Job, Report, frames, job


async def receive(connection: ClientConnection, report: Report) -> None:
    try:
        while True:
            message = await connection.recv(decode=False)
            if b"output_audio.delta" in message[:60]:
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

        await report.stream(send, job, batches)
        report.tell()
    await receiving


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
