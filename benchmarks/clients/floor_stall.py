"""Talks to a service with `websockets` alone, or is silent, until that says the link is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.floor_stream import wire
from benchmarks.clients.pace import job, noise, tell, ticks

BATCH_MS = 40


async def talk(connection: ClientConnection) -> None:
    message = wire(noise(BATCH_MS))
    with contextlib.suppress(ConnectionClosed):
        async for _ in ticks(BATCH_MS):
            await connection.send(message, text=True)


async def follow(connection: ClientConnection) -> None:
    """Hear until it is closed."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await connection.recv()


async def main(url: str, talking: bool, for_s: float) -> None:
    logging.getLogger("websockets.client").setLevel(logging.CRITICAL)  # the loss is expected
    down_s: list[float] = []
    loop = asyncio.get_running_loop()
    connection = await connect(url, compression=None, proxy=None)
    task = asyncio.create_task(talk(connection)) if talking else None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            await follow(connection)
            down_s.append(loop.time())
    if task is not None:
        task.cancel()
    connection.transport.abort()
    tell({"up_s": [], "down_s": down_s, "rss_mb": []})


if __name__ == "__main__":
    asyncio.run(main(**job()))
