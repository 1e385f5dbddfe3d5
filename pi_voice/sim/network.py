"""A network made of memory: names, servers, and everything that goes wrong on the way."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable

from pi_voice.sim.stream import Address, Flow, MemoryTransport, Path, reset

FIRST_FREE_PORT = 49_152  # dynamic ports begin here (RFC 6335 §6)
DNS_TIMEOUT_S = 10.0  # without an answer a resolver gives up after 2 tries of 5 s (resolv.conf(5))
ANYWHERE = ("", "0.0.0.0", "::")  # a server bound to one of these hears every address

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Network(Path):
    """Everything that can be reached, and the faults of the way there.

    Attributes:
        names: What DNS knows: name to address. Literal addresses need no entry.
        tap: Is given every piece that a client writes, when it writes it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names = {"localhost": "127.0.0.1"}
        self.tap: Callable[[bytes], object] | None = None
        self._refusing = False
        self._healed = asyncio.Event()
        self._servers: dict[Address, MemoryServer] = {}
        self._ends: dict[MemoryTransport, MemoryTransport] = {}  # the client's, the server's
        self._next_port = FIRST_FREE_PORT

    @property
    def connections(self) -> int:
        """How many are open at one end at least."""
        return len(self._ends)

    # -- faults

    def stall(self) -> None:
        """Nothing moves and nothing is acknowledged; after `heal` everything arrives."""
        self.stalled = True

    def black_hole(self) -> None:
        """Everything is acknowledged and nothing arrives, as behind a proxy that died.

        A connection that lost a byte stays dead after `heal`; new ones work again.
        """
        self.swallowing = True

    def refuse(self) -> None:
        """Let nobody in any more; what is connected goes on."""
        self._refusing = True

    def heal(self) -> None:
        """End the stall, the black hole and the refusal."""
        self.stalled = self.swallowing = self._refusing = False
        self._healed.set()
        for client, server in list(self._ends.items()):
            client.outgoing.wake()
            server.outgoing.wake()

    def cut(self) -> None:
        """Reset every connection, at both ends, now."""
        for client, server in list(self._ends.items()):
            client.fail(reset())
            server.fail(reset())

    def half_open(self) -> None:
        """Take the power from every server's host: its ends are gone and no client is told."""
        for server in list(self._ends.values()):
            server.incoming.kill()
            server.fail(reset())

    # -- what the event loop asks for

    async def resolve(self, host: str) -> str:
        """Give the address of a name.

        Raises:
            socket.gaierror: Nobody knows the name, or nobody answers.
        """
        if host == "localhost" or _is_literal(host):
            return self.names.get(host, host)
        try:
            async with asyncio.timeout(DNS_TIMEOUT_S):
                await self._passable()
        except TimeoutError as error:
            text = "Temporary failure in name resolution"
            raise socket.gaierror(socket.EAI_AGAIN, text) from error
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[host]

    async def connect(
        self, factory: ProtocolFactory, host: str, port: int
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Do what `loop.create_connection` does; it takes one round trip.

        Raises:
            ConnectionRefusedError: Nobody listens there.
            socket.gaierror: The name has no address.
        """
        address = (await self.resolve(host), port)
        await self._passable()
        await asyncio.sleep(2 * self.delay_ms / 1000)
        server = self._server_at(address)
        if server is None or self._refusing:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {address}")
        return self._join(factory(), server, address)

    def listen(self, factory: ProtocolFactory, host: str | None, port: int) -> MemoryServer:
        """Do what `loop.create_server` does; port 0 takes a free one.

        Raises:
            OSError: Somebody listens there already.
        """
        address = (self.names.get(host or "", host or ""), port or self._free_port())
        if self._server_at(address) is not None:
            raise OSError(errno.EADDRINUSE, f"error while attempting to bind on address {address}")
        server = MemoryServer(factory, address, when_closed=self._servers.pop)
        self._servers[address] = server
        return server

    def _written(self, data: bytes) -> None:
        if self.tap is not None:
            self.tap(data)

    async def _passable(self) -> None:
        while self.stalled or self.swallowing:
            self._healed.clear()
            await self._healed.wait()

    def _server_at(self, address: Address) -> MemoryServer | None:
        for host in (address[0], *ANYWHERE):
            if server := self._servers.get((host, address[1])):
                return server
        return None

    def _free_port(self) -> int:
        self._next_port += 1
        return self._next_port - 1

    def _join(
        self, protocol: asyncio.BaseProtocol, server: MemoryServer, address: Address
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        up, down = Flow(self), Flow(self)
        here = ("127.0.0.1", self._free_port())
        client_end = MemoryTransport(protocol, up, down, here=here, there=address)
        server_end = MemoryTransport(server.factory(), down, up, here=address, there=here)
        self._ends[client_end] = server_end
        server.ends.add(server_end)

        def forget() -> None:
            if server_end.is_lost:
                server.forget(server_end)
            if client_end.is_lost and server_end.is_lost:
                del self._ends[client_end]

        client_end.on_write = self._written
        client_end.when_lost = server_end.when_lost = forget
        loop = asyncio.get_running_loop()
        loop.call_soon(server_end.get_protocol().connection_made, server_end)
        protocol.connection_made(client_end)
        return client_end, protocol


class ListeningSocket:
    """As much of a socket as shows where a server listens."""

    family = socket.AF_INET

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        return self._address


class MemoryServer(asyncio.AbstractServer):
    """Accepts connections until it is closed."""

    def __init__(
        self,
        factory: ProtocolFactory,
        address: Address,
        *,
        when_closed: Callable[[Address], object],
    ) -> None:
        self.factory = factory
        self.ends: set[MemoryTransport] = set()
        self.sockets: tuple[ListeningSocket, ...] = (ListeningSocket(address),)
        self._address = address
        self._when_closed = when_closed
        self._loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()

    def forget(self, end: MemoryTransport) -> None:
        self.ends.discard(end)
        self._update()

    def close(self) -> None:
        if self.sockets:
            self.sockets = ()
            self._when_closed(self._address)
            self._update()

    async def wait_closed(self) -> None:
        await self._empty.wait()

    def is_serving(self) -> bool:
        return bool(self.sockets)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    async def start_serving(self) -> None:
        """Nothing to do: it serves since it was made."""

    async def serve_forever(self) -> None:
        await self._empty.wait()

    def close_clients(self) -> None:
        for end in list(self.ends):
            end.close()

    def abort_clients(self) -> None:
        for end in list(self.ends):
            end.abort()

    def _update(self) -> None:
        if not self.sockets and not self.ends:
            self._empty.set()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
