"""A service that says what the test wants, on the simulated network of a virtual loop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from pi_voice.sim.network import Network
from pi_voice.transport import WebSocketTransport
from tests.until import until

Json = dict[str, Any]
TOLD = (
    "connection_change",
    "connected",
    "disconnected",
    "status",
    "error",
    "session_ready",
    "connection_lost",
)


class Visit:
    """One connection, as the service sees it."""

    def __init__(self, connection: ServerConnection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.received: list[Json] = []
        self.closed = False

    @property
    def headers(self) -> dict[str, str]:
        assert self.connection.request is not None
        return {name.lower(): value for name, value in self.connection.request.headers.items()}

    @property
    def path(self) -> str:
        assert self.connection.request is not None
        return self.connection.request.path

    def types(self) -> list[str]:
        return [event["type"] for event in self.received]

    async def say(self, type: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **fields}))

    async def hang_up(self, code: int) -> None:
        """Close with a code; 1005 stands for a close frame without one."""
        if code == CloseCode.NO_STATUS_RCVD:
            self.connection.protocol.send_close()
            self.connection.send_data()
            await self.connection.wait_closed()
        else:
            await self.connection.close(code)

    def cut(self) -> None:
        self.connection.transport.abort()


class Scripted:
    """Answers the handshake and session.update as told.

    Attributes:
        visits: Connections so far, in order.
        acknowledging: Whether session.update is answered by session.updated.
        refusing: Called at each handshake; a status and a code refuse it, None lets it in.
        on_update: Called with each session.update instead of acknowledging it.
    """

    def __init__(self) -> None:
        self.url = ""
        self.visits: list[Visit] = []
        self.attempts = 0
        self.acknowledging = True
        self.refusing: Callable[[], tuple[int, str] | None] = lambda: None
        self.on_update: Callable[[Visit, Json], Any] | None = None

    @property
    def last(self) -> Visit:
        return self.visits[-1]

    async def visit(self, number: int) -> Visit:
        """The connection of that number, from 1, once it is open."""
        await until(lambda: len(self.visits) >= number)
        return self.visits[number - 1]

    async def serve(self, connection: ServerConnection) -> None:
        visit = Visit(connection, len(self.visits) + 1)
        self.visits.append(visit)
        try:
            await visit.say("session.created", session={"id": f"s{visit.number}"})
            async for message in connection:
                event = json.loads(message)
                visit.received.append(event)
                if event["type"] == "session.update":
                    await self._updated(visit, event)
        except ConnectionClosed:
            pass
        finally:
            visit.closed = True

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        refusal = self.refusing()
        if refusal is None:
            return None
        body = json.dumps({"error": {"code": refusal[1]}})
        return connection.respond(HTTPStatus(refusal[0]), body)

    async def _updated(self, visit: Visit, event: Json) -> None:
        if self.on_update is not None:
            await self.on_update(visit, event)
        elif self.acknowledging:
            await visit.say(
                "session.updated", session={"id": f"s{visit.number}", **event["session"]}
            )


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    service = Scripted()
    async with serve(
        service.serve,
        "127.0.0.1",
        process_request=service.admit,
        compression=None,
        ping_interval=None,
        close_timeout=1,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        service.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield service


@asynccontextmanager
async def transport(service: Scripted, **options: Any) -> AsyncIterator[WebSocketTransport]:
    """A transport for the service, closed at the end; nothing of it may be left over."""
    options = {"url": service.url, "api_key": "sk-key", **options}
    made = WebSocketTransport(**options)
    try:
        yield made
    finally:
        await made.aclose()


def diary(made: WebSocketTransport, *names: str) -> list[tuple[str, Any]]:
    """What is told from now on about the connection, or about the events named."""
    told: list[tuple[str, Any]] = []

    def listen(name: str) -> None:
        made.on(name, lambda *args: told.append((name, args[0] if args else None)))

    for name in names or TOLD:
        listen(name)
    return told


async def lose_a_handshake(network: Network) -> None:
    """Let the next connection be made and nothing of what it says arrive, also after `heal`."""
    written: list[bytes] = []

    def lose(data: bytes) -> None:
        written.append(data)
        network.black_hole()

    network.tap = lose
    await until(lambda: written, within_s=100)
    network.tap = None
    network.heal()
