"""Talks without end in real time, and does next to nothing else: the machine is the client's."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from itertools import count

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import noise, ticks
from benchmarks.services.stdio import answer

DELTA_MS = 200  # of audio in one event, as the real service sends it
RESPONSE = {"id": "resp_1", "object": "realtime.response", "status": "in_progress", "output": []}
SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": None},
        "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
    },
}


async def converse(connection: ServerConnection) -> None:
    """One session: confirms its settings, and from `response.create` on it talks."""
    talk: asyncio.Task[None] | None = None
    await _send(connection, "session.created", session=SESSION)
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await connection.recv(decode=False)
            if b'"input_audio_buffer.append"' in message[:48]:
                continue
            kind = json.loads(message)["type"]
            if kind == "session.update":
                await _send(connection, "session.updated", session=SESSION)
            elif kind == "response.create":
                talk = asyncio.create_task(_talk(connection))
    if talk is not None:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)


async def _talk(connection: ServerConnection) -> None:
    await _send(connection, "response.created", response=RESPONSE)
    sound = base64.b64encode(noise(DELTA_MS)).decode()
    where = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    async for _ in ticks(DELTA_MS):
        await _send(connection, "response.output_audio.delta", **where, delta=sound)


_numbers = count(1)


async def _send(connection: ServerConnection, kind: str, **fields: object) -> None:
    event = {"type": kind, "event_id": f"event_{next(_numbers)}", **fields}
    await connection.send(json.dumps(event))


async def main() -> None:
    async with serve(
        converse, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        await answer(f"ws://127.0.0.1:{port}/v1/realtime", {})


if __name__ == "__main__":
    asyncio.run(main())
