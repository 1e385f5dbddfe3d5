"""A network that answers nothing: no name, no connection, no handshake. Needs root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

DNS_PORT = 53  # resolv.conf names no other
WAITING = 4  # connections that fill a queue made for one
BYTES = 4096


@dataclass
class Obstacles:
    """Where a device gets stuck, and how many did.

    Attributes:
        lookup: An address whose name server takes questions and never answers.
        connect: One that does not answer.
        handshake: One that takes a connection and never says a word.
        resolv_conf: To be seen at /etc/resolv.conf, for `lookup`.
        asked: Questions to the name server.
        taken: Connections for a handshake.
    """

    lookup: str
    connect: str
    handshake: str
    resolv_conf: Path
    asked: int = 0
    taken: int = 0


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, obstacles: Obstacles) -> None:
        self._obstacles = obstacles

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._obstacles.asked += 1


@contextlib.asynccontextmanager
async def obstacles(folder: Path) -> AsyncIterator[Obstacles]:
    """All of them, on loopback."""
    pid = os.getpid()
    host = f"127.{pid >> 8 & 255}.{pid & 255}.53"  # another test run has another
    found = Obstacles("wss://nobody.test/v1", "", "", folder / "resolv.conf")
    found.resolv_conf.write_text(f"nameserver {host}\n")

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.taken += 1
        try:
            while await reader.read(BYTES):
                pass
        except OSError:  # the device was killed
            pass
        finally:
            writer.transport.abort()

    async with contextlib.AsyncExitStack() as stack:
        endpoint = asyncio.get_running_loop().create_datagram_endpoint
        transport, _ = await endpoint(lambda: _NameServer(found), local_addr=(host, DNS_PORT))
        stack.callback(transport.close)
        full = stack.enter_context(socket.create_server((host, 0), backlog=0))
        for _ in range(WAITING):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        found.connect = f"wss://{host}:{full.getsockname()[1]}/v1"
        silent = await stack.enter_async_context(await asyncio.start_server(stall, host, 0))
        found.handshake = f"wss://{host}:{silent.sockets[0].getsockname()[1]}/v1"
        yield found
        silent.close()
