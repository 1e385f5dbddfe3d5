"""Sends frames that were made before, and receives what comes without looking at it."""

from __future__ import annotations

import asyncio
import base64
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import WARM_UP_S, Meter, job, noise, tell, ticks


async def receive(connection: ClientConnection) -> None:
    try:
        while True:
            await connection.recv(decode=False)
    except ConnectionClosed:
        return


async def main(url: str, frame_ms: int, for_s: float, duplex: bool) -> None:
    sound = base64.b64encode(noise(frame_ms)).decode()
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": sound}).encode()
    async with connect(url, compression=None, proxy=None) as connection:
        receiving = asyncio.create_task(receive(connection))
        if duplex:
            await connection.send('{"type":"response.create"}')
        async for _ in ticks(frame_ms, WARM_UP_S):
            await connection.send(frame, text=True)
        meter = Meter()
        async for _ in ticks(frame_ms, for_s):
            await connection.send(frame, text=True)
        tell(meter.cpu_s())
    await receiving


if __name__ == "__main__":
    asyncio.run(main(**job()))
