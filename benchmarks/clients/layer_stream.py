"""Sends raw sound through the transport, and is handed the sound of the reply."""

from __future__ import annotations

import asyncio

from benchmarks.clients.pace import Job, Report, frames, job
from benchmarks.clients.source import stream
from pi_voice.transport import WebSocketTransport
from pi_voice.transport.messages import AudioEvent


async def main(job: Job) -> None:
    transport, report = WebSocketTransport(job.url, api_key="none"), Report()

    def hear(sound: AudioEvent) -> None:
        report.hear()

    async def send(pcm: bytes) -> None:
        transport.send_audio(pcm)

    transport.on("audio", hear)
    batches = frames(job.frame_ms, job.for_s)
    await transport.connect()
    report.ready()
    if job.duplex:
        transport.request_response()
    await stream(send, job, report, batches)
    report.tell()
    assert bool(report.heard_s) is job.duplex
    assert not transport.dropped_ms
    await transport.aclose()


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
