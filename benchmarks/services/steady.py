"""Talks without end in real time, and does next to nothing else: the machine is the client's.

It remembers when every frame came in and every piece of a reply went out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import sys
import time
from array import array
from collections import deque
from itertools import count
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import DELTA_MS, FRAME_BYTES, mark, noise, number_of, ticks
from benchmarks.services.stdio import answer

AHEAD = 2  # pieces that a player has in hand beside the one that it plays
REMEMBERED = 10_000
LOUD = 2000  # of 32768
APPEND = b'"input_audio_buffer.append"'
PATH = "/v1/realtime"
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


class Steady:
    """One service; what its sessions do is remembered until it is forgotten."""

    def __init__(self, delta_ms: int) -> None:
        self._delta_ms = delta_ms
        self._numbers = count(1)
        self._came: deque[tuple[float, bytes]] = deque(maxlen=REMEMBERED)
        self._went: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        self._bytes = 0
        self._hears = False

    async def converse(self, connection: ServerConnection) -> None:
        """One session: confirms its settings, and from `response.create` on it talks.

        If it was told to hear, the first sound is a turn.
        """
        talk: asyncio.Task[None] | None = None
        hears, self._hears = self._hears, False
        await self._send(connection, "session.created", session=SESSION)
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = await connection.recv(decode=False)
                now_s = time.monotonic()
                self._bytes += len(message)
                if APPEND in message[:96] or APPEND in message[-96:]:
                    self._came.append((now_s, message))
                    if hears and talk is None:
                        talk = asyncio.create_task(self._answer(connection))
                    continue
                event = json.loads(message)
                kind = event["type"]
                if kind == "session.update":
                    await self._send(connection, "session.updated", session=SESSION)
                elif kind == "response.create":
                    await _ended(talk)
                    talk = asyncio.create_task(self._talk(connection, event.get("response") or {}))
                elif kind == "response.cancel":
                    await _ended(talk)
        await _ended(talk)

    def frames(self) -> list[tuple[float, int, int]]:
        """When it came in, the number of its first frame, and how many there were."""
        came = []
        for at_s, message in self._came:
            pcm = base64.b64decode(json.loads(message)["audio"])
            came.append((at_s, number_of(pcm), len(pcm) // FRAME_BYTES))
        return came

    def bursts(self) -> list[float]:
        """When a loud message came after quiet ones."""
        came, was_loud = [], False
        for at_s, message in self._came:
            pcm = array("h", base64.b64decode(json.loads(message)["audio"]))
            is_loud = max(map(abs, pcm)) > LOUD
            if is_loud and not was_loud:
                came.append(at_s)
            was_loud = is_loud
        return came

    def pieces(self) -> list[tuple[float, int]]:
        """When it went out, and the number of its first frame."""
        return list(self._went)

    def size_bytes(self) -> int:
        """What came in since it was forgotten, without the framing."""
        return self._bytes

    def hear(self) -> None:
        """The next session finds the turns itself."""
        self._hears = True

    def forget(self) -> None:
        self._came.clear()
        self._went.clear()
        self._bytes = 0

    async def _answer(self, connection: ServerConnection) -> None:
        """Somebody said something, and that was all."""
        where = {"item_id": "item_said"}
        buffer = "input_audio_buffer"
        await self._send(connection, f"{buffer}.speech_started", audio_start_ms=0, **where)
        await self._send(connection, f"{buffer}.speech_stopped", audio_end_ms=40, **where)
        await self._send(connection, f"{buffer}.committed", previous_item_id=None, **where)
        await self._talk(connection, {})

    async def _talk(self, connection: ServerConnection, asked: dict[str, Any]) -> None:
        number = next(self._numbers)
        response: dict[str, Any] = {
            "id": f"resp_{number}",
            "object": "realtime.response",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "metadata": asked.get("metadata"),
        }
        item = {
            "id": f"item_{number}",
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        try:
            await self._send(connection, "response.created", response=response)
            where = {"response_id": response["id"], "output_index": 0}
            await self._send(connection, "response.output_item.added", **where, item=item)
            await self._say(connection, {**where, "item_id": item["id"], "content_index": 0})
        finally:
            with contextlib.suppress(ConnectionClosed):
                done = {**response, "status": "cancelled"}
                await self._send(connection, "response.done", response=done)

    async def _say(self, connection: ServerConnection, where: dict[str, Any]) -> None:
        frames = self._delta_ms * 48 // FRAME_BYTES
        quiet = noise(20)
        pieces = (
            b"".join(mark(quiet, number) for number in range(first, first + frames))
            for first in count(0, frames)
        )
        ahead = -(-AHEAD * DELTA_MS // self._delta_ms)
        for number, piece in zip(range(ahead), pieces, strict=False):
            await self._piece(connection, where, number * frames, piece)
        first = ahead * frames
        async for _ in ticks(self._delta_ms):
            await self._piece(connection, where, first, next(pieces))
            first += frames

    async def _piece(
        self, connection: ServerConnection, where: dict[str, Any], first: int, piece: bytes
    ) -> None:
        delta = base64.b64encode(piece).decode()
        self._went.append((time.monotonic(), first % (1 << 16)))
        await self._send(connection, "response.output_audio.delta", **where, delta=delta)

    async def _send(self, connection: ServerConnection, kind: str, **fields: object) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}
        await connection.send(json.dumps(event))


async def _ended(talk: asyncio.Task[None] | None) -> None:
    if talk is not None:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)


async def main(delta_ms: int) -> None:
    steady = Steady(delta_ms)
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)  # clients come and go
    async with serve(
        steady.converse, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        questions = {
            "frames": steady.frames,
            "pieces": steady.pieces,
            "bursts": steady.bursts,
            "bytes": steady.size_bytes,
            "forget": steady.forget,
            "hear": steady.hear,
        }
        await answer(f"ws://127.0.0.1:{port}{PATH}", questions)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else DELTA_MS))
