"""The same job through the client of `openai`, as its documentation shows it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import Job, Report, frames, job
from benchmarks.clients.source import stream


async def receive(connection: Any, report: Report) -> None:
    try:
        async for event in connection:
            if event.type == "response.output_audio.delta":
                base64.b64decode(event.delta)
                report.hear()
    except ConnectionClosed:
        return


async def main(job: Job) -> None:
    report = Report()
    batches = frames(job.frame_ms, job.for_s)
    client = AsyncOpenAI(api_key="none", websocket_base_url=job.url.removesuffix("/realtime"))
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["audio"]}
        )
        while (await connection.recv()).type != "session.updated":
            pass
        report.ready()
        receiving = asyncio.create_task(receive(connection, report))
        if job.duplex:
            await connection.response.create()

        async def send(pcm: bytes) -> None:
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

        await stream(send, job, report, batches)
        report.tell()
        receiving.cancel()


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
