"""Services on 127.0.0.1 as bad as real ones, and a proxy that does to bytes what networks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from pi_voice.transport.websocket import Limits, Socket
from tests.until import until

Handler = Callable[[ServerConnection], Awaitable[None]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """Serve WebSockets; yields the URL."""
    async with serve(handler, "127.0.0.1", 0, compression=None, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@asynccontextmanager
async def raw_service(talk: Talk, **options: Any) -> AsyncIterator[int]:
    """Serve plain TCP and end every connection after `talk`; yields the port."""
    open_ends: set[asyncio.StreamWriter] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.add(writer)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()
            open_ends.remove(writer)

    port = options.pop("port", 0)
    server = await asyncio.start_server(serve_one, "127.0.0.1", port, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        await until(lambda: not open_ends)


@asynccontextmanager
async def connected(url: str, limits: Limits | None = None) -> AsyncIterator[Socket]:
    """Open a socket and abort it at the end if it still lives."""
    socket = await Socket.open(url, headers={}, limits=limits)
    try:
        yield socket
    finally:
        socket.abort()
        await until(lambda: socket.closing)


async def messages(socket: Socket) -> list[str | bytes]:
    """Read to the end, however it ends."""
    return [message async for message in socket]


class Proxy:
    """Passes bytes on until it is told to do worse.

    Attributes:
        swallows: Bytes of both sides are taken and vanish; the sender sees them acknowledged.
        reads: While false, nothing is taken from anybody: windows fill up.
    """

    def __init__(self) -> None:
        self.swallows = False
        self.reads = asyncio.Event()
        self.reads.set()

    @asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[str]:
        """Listen in front of a ws:// address; yields the address to use instead."""
        port = int(url.rpartition(":")[2])

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            async with asyncio.TaskGroup() as both:
                both.create_task(self.pass_on(reader, far_writer))
                both.create_task(self.pass_on(far_reader, writer))

        async with raw_service(talk, limit=4096) as own_port:
            yield f"ws://127.0.0.1:{own_port}"

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                await self.reads.wait()
                if not self.swallows:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()
