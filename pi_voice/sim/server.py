"""The embedded realtime service: a parrot that speaks the Realtime protocol on loopback.

    async with EmbeddedService() as service:
        …  # connect any Realtime client to service.url; no key is needed
        service.sessions[0].turns[0].pcm  # what it heard, byte for byte

The rules live in `service_session`; this is the shell around them: sockets, clock, faults.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from pi_voice.errors import DeviceError
from pi_voice.sim import service_config
from pi_voice.sim.faults import Close, Cut, Deed, FaultLine, Output, Refusal, Script, Silence
from pi_voice.sim.service_records import Shelf
from pi_voice.sim.service_session import ServiceSession
from pi_voice.sim.service_wire import Names, Rejected, Wire

logger = logging.getLogger(__name__)

PATH = "/v1/realtime"
SESSIONS_KEPT = 50  # with their events; the newest audio is bounded by the shelf
MAX_MESSAGE_BYTES = 21 * 2**20  # an append of 15 MiB, the protocol's limit, in base64
CLOSE_S = 1.0  # on loopback a client that lives answers at once
GOING_AWAY = Close(1001)
SUBPROTOCOL = Subprotocol("realtime")  # browsers ask for it; nobody else does


class EmbeddedService:
    """A realtime service on this machine.

    Attributes:
        url: Where clients connect; known once the service is entered.
        sessions: One per connection, in order, ended ones too; the oldest ended ones go first.
        calendar: What the service takes for the date, in seconds since 1970.
    """

    def __init__(
        self, *, port: int = 0, host: str = "127.0.0.1", script: Script | None = None
    ) -> None:
        self.url = ""
        self.sessions: list[ServiceSession] = []
        self.calendar: Callable[[], float] = time.time  # the protocol wants a date
        self._host = host
        self._port = port
        self._script = script or Script()
        self._refusals: Iterator[Refusal] = iter(self._script.refusals)
        self._seen: Counter[str] = Counter()
        self._planned: dict[str, list[Deed]] = {}
        self._shelf = Shelf()
        self._sessions_kept = SESSIONS_KEPT
        self._count = 0
        self._born_s = 0.0
        self._forgotten_bytes = 0
        self._links: set[_Link] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: Server

    @property
    def audio_received_bytes(self) -> int:
        """Decoded audio of all appends of all sessions, forgotten ones too."""
        return self._forgotten_bytes + sum(kept.audio_received_bytes for kept in self.sessions)

    async def __aenter__(self) -> Self:
        self._born_s = asyncio.get_running_loop().time()
        try:
            self._server = await serve(
                self._serve,
                self._host,
                self._port,
                process_request=self._admit,
                select_subprotocol=_subprotocol,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                ping_interval=None,  # the client watches the line; a session's end reaps the rest
                close_timeout=CLOSE_S,
            )
        except OSError as error:
            raise _unusable(self._host, self._port, error) from error
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://{self._host}:{port}{PATH}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thaw()
        self._server.close()
        await self._server.wait_closed()

    async def freeze(self) -> None:
        """Stop reading and sending, pongs too; every connection stays as it is."""
        self._flowing.clear()
        for link in self._links:
            link.connection.transport.pause_reading()
        await asyncio.sleep(0)  # whoever was woken to send finds the gate closed

    def thaw(self) -> None:
        """Go on: read what waited, and send at once what became due meanwhile."""
        for link in self._links:
            link.connection.transport.resume_reading()
        self._flowing.set()

    def cut(self) -> None:
        """Abort all connections, without a close frame."""
        for link in self._links:
            link.connection.transport.abort()

    def tell(self, *outputs: Output) -> None:
        """Send this to whoever is connected, or do it to their connections, now."""
        for link in self._links:
            link.tell(outputs)

    def expire(self) -> None:
        """End every session as if it had reached its maximum age."""
        for link in self._links:
            link.expire()

    def plan(self, at: str, deed: Deed) -> None:
        """Do this once, at the next event of this type, whoever sends it."""
        self._planned.setdefault(at, []).append(deed)

    def keep(self, *, sessions: int, audio_bytes: int) -> None:
        """Remember less than by default, or more: ended sessions, and their newest sound."""
        self._sessions_kept = sessions
        self._shelf.limit_bytes = audio_bytes

    @property
    def has_plans(self) -> bool:
        """Something that was planned has not happened yet."""
        return bool(self._planned)

    def refuse(self, *refusals: Refusal) -> None:
        """Answer the next attempts to connect with these."""
        self._refusals = itertools.chain(refusals, self._refusals)

    def relent(self) -> None:
        """Forget what was planned, and let everybody in."""
        self._planned.clear()
        self._refusals = iter(())

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        await self._flowing.wait()
        refusal = next(self._refusals, None)
        if refusal:
            return _refused(connection, refusal)
        if not urlsplit(request.path).path.endswith("/realtime"):
            return _refused(connection, Refusal(404, code="not_found"))
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        now_s = asyncio.get_running_loop().time()
        session = self._new_session(_model(connection))
        link = _Link(connection, session, self._faults(), self._flowing)
        self._links.add(link)
        logger.debug("= session %s from %s", session.id, connection.remote_address)
        try:
            session.open(now_s)
            await link.run()
        finally:
            self._links.discard(link)
            session.closed_at_s = asyncio.get_running_loop().time()

    def _faults(self) -> FaultLine:
        return FaultLine(self._script, self._seen, self._planned)

    def _new_session(self, model: str) -> ServiceSession:
        self._count += 1
        names = Names(self._count, self._born_s)
        expires_at = int(self.calendar() + self._script.session_s)
        config = service_config.initial(names.new("sess"), model, expires_at)
        session = ServiceSession(names, config, self._script, self._shelf)
        self.sessions.append(session)
        ended = [kept for kept in self.sessions if kept.closed_at_s is not None]
        if len(self.sessions) > self._sessions_kept and ended:
            self._forgotten_bytes += ended[0].audio_received_bytes
            self.sessions.remove(ended[0])
        return session


class _Link:
    """One connection: reads into the session, and writes what the session has due."""

    def __init__(
        self,
        connection: ServerConnection,
        session: ServiceSession,
        faults: FaultLine,
        flowing: asyncio.Event,
    ) -> None:
        self.connection = connection
        self._session = session
        self._faults = faults
        self._flowing = flowing
        self._outgoing: deque[Output] = deque()
        self._news = asyncio.Event()
        self._silent = False
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write())
            await self._read()
            writer.cancel()

    def tell(self, outputs: Iterable[Output]) -> None:
        self._outgoing.extend(outputs)
        self._news.set()

    def expire(self) -> None:
        self._session.expire(self._loop.time())
        self._news.set()

    async def _read(self) -> None:
        while True:
            try:
                message = await self.connection.recv()
            except ConnectionClosed:
                return
            await self._flowing.wait()
            self._take(message)
            self._news.set()

    def _take(self, message: str | bytes) -> None:
        now_s = self._loop.time()
        try:
            event = msgspec.json.decode(message, type=Wire)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rejected = Rejected("invalid_json", "We could not parse the JSON body of your event.")
            self._session.reject(rejected, now_s)
            return
        self._outgoing.extend(self._faults.incoming(event))
        self._session.receive(event, now_s)

    async def _write(self) -> None:
        try:
            while True:
                self._news.clear()
                for event in self._session.poll(self._loop.time()):
                    self._outgoing.extend(self._faults.outgoing(event))
                while self._outgoing:
                    await self._flowing.wait()
                    await self._put(self._outgoing.popleft())
                if self._session.expired:
                    await self._put(GOING_AWAY)
                await self._pause()
        except ConnectionClosed:
            return

    async def _put(self, output: Output) -> None:
        if isinstance(output, Close):
            await self.connection.close(output.code, output.reason)
        elif isinstance(output, Cut):
            self.connection.transport.abort()
        elif isinstance(output, Silence):
            self._silent = True
        elif not self._silent:
            text = output if isinstance(output, str) else json.dumps(output)
            await self.connection.send(text)

    async def _pause(self) -> None:
        """Until the client says something, or the session has more to send."""
        due_s = self._session.due_s
        try:
            async with asyncio.timeout_at(due_s):
                await self._news.wait()
        except TimeoutError:
            return


def _subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _model(connection: ServerConnection) -> str:
    assert connection.request is not None  # the handshake is done
    query = parse_qs(urlsplit(connection.request.path).query)
    return query.get("model", [service_config.DEFAULT_MODEL])[0]


def _refused(connection: ServerConnection, refusal: Refusal) -> Response:
    status = HTTPStatus(refusal.status)
    error = {"type": "invalid_request_error", "code": refusal.code, "message": status.phrase}
    response = connection.respond(status, json.dumps({"error": error}))
    response.headers["Content-Type"] = "application/json"
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


def _unusable(host: str, port: int, error: OSError) -> DeviceError:
    fix = "Choose another: pi-voice serve --port N"
    if error.errno == errno.EADDRINUSE:
        return DeviceError(f"port {port}", "is in use by another program", fix)
    return DeviceError(f"{host}:{port}", f"cannot be listened on: {error.strerror}", fix)
