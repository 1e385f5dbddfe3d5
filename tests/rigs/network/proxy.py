"""A TCP proxy on loopback that stalls or resets what goes through it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

PIECE_BYTES = 65_536
NO_LINGER = struct.pack("ii", 1, 0)  # close() sends a reset (socket(7), SO_LINGER)


class ChaosProxy:
    """Passes bytes on to one port of this machine, until it is told otherwise.

    Attributes:
        port: Where clients connect.
        connects: How many did.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.connects = 0
        self._target_port = target_port
        self._refusing = False
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.heal()
        self._server.close()
        self.reset()
        await self._server.wait_closed()
        await self._idle.wait()

    def stall(self) -> None:
        """Nothing moves: what is sent is accepted as far as kernels do, and waits."""
        self._open.clear()

    def refuse(self) -> None:
        """Reset whoever connects."""
        self._refusing = True

    def reset(self) -> None:
        """Reset every connection, at both ends."""
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it is closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            writer.transport.abort()

    def heal(self) -> None:
        self._refusing = False
        self._open.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        self._writers.add(writer)
        self._idle.clear()
        try:
            if self._refusing:
                self.reset()
                return
            there, onward = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(onward)
            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._pump(reader, onward))
                    ways.create_task(self._pump(there, writer))
            finally:
                self._let_go(onward)
        finally:
            self._let_go(writer)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._open.wait()
                sink.write(piece)
                await sink.drain()
            await self._open.wait()
        with contextlib.suppress(OSError, RuntimeError):  # the other way may have ended it
            sink.close()

    def _let_go(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        self._writers.discard(writer)
        if not self._writers:
            self._idle.set()
