"""Sends raw sound through the transport, and is handed the sound of the reply."""

from __future__ import annotations

import asyncio

from benchmarks.clients.pace import WARM_UP_S, Meter, job, noise, tell, ticks
from pi_voice.transport import WebSocketTransport
from pi_voice.transport.messages import AudioEvent


async def main(url: str, frame_ms: int, for_s: float, duplex: bool) -> None:
    transport = WebSocketTransport(url, api_key="none")
    heard_bytes = 0

    def hear(sound: AudioEvent) -> None:
        nonlocal heard_bytes
        heard_bytes += len(sound.data)

    transport.on("audio", hear)
    await transport.connect()
    if duplex:
        transport.request_response()
    frame = noise(frame_ms)
    async for _ in ticks(frame_ms, WARM_UP_S):
        transport.send_audio(frame)
    meter = Meter()
    async for _ in ticks(frame_ms, for_s):
        transport.send_audio(frame)
    tell(meter.cpu_s())
    assert bool(heard_bytes) is duplex
    assert not transport.dropped_ms
    await transport.aclose()


if __name__ == "__main__":
    asyncio.run(main(**job()))
