"""The life of the connection: made, acknowledged, renewed, lost, and made again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf

from pi_voice.transport import losses
from pi_voice.transport.auth import ApiKey, auth_headers, resolve_key
from pi_voice.transport.contracts import (
    AlreadyConnectedError,
    Reconnect,
    TransportError,
    TransportStatus,
)
from pi_voice.transport.losses import Loss
from pi_voice.transport.messages import ConnectionLost
from pi_voice.transport.performer import Performer
from pi_voice.transport.protocol import RealtimeProtocol
from pi_voice.transport.renewal import Successor
from pi_voice.transport.waiting import Waiting
from pi_voice.transport.websocket import Dialer, Socket

logger = logging.getLogger(__name__)

ACKNOWLEDGE_S = 5.0  # what the Agents SDK waits for `session.updated`, too
OPEN_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What one `connect` wants.

    Attributes:
        url: Where, with its query.
        key: How to get the key, asked again at every attempt.
        headers: Sent beside or instead of the key.
        undo: Called when the attempt failed, before anybody hears of it.
        continues: The conversation goes on where the last connection left it.
    """

    url: str = field(repr=False)
    key: ApiKey | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    undo: Callable[[], None]
    continues: bool = False


class Supervisor:
    """Gives the protocol one connection after the other, until somebody has to act."""

    def __init__(
        self, protocol: RealtimeProtocol, performer: Performer, reconnect: Reconnect | None
    ) -> None:
        self._protocol = protocol
        self._performer = performer
        self._reconnect = reconnect
        self._dialer = Dialer()
        self._life: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._waiting = Waiting(reconnect.link_up if reconnect else lambda _: 0.0)
        self._successor = Successor(lambda: protocol.idle)
        self._dropped_ms = 0.0

    @property
    def dropped_ms(self) -> float:
        """Sound that was accepted and never left, in ms."""
        socket = self._performer.socket
        return self._dropped_ms + (0.0 if socket is None else socket.dropped_audio_ms)

    @property
    def silent_s(self) -> float:
        """Since when not one byte came from the service; infinite without a connection."""
        socket = self._performer.socket
        return inf if socket is None else socket.silent_s

    async def connect(self, plan: Plan) -> None:
        """Connect and wait until the session is acknowledged.

        Raises:
            TransportError: It did not come about, or `close` was called meanwhile.
        """
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        life = loop.create_task(self._live(plan, ready))
        life.add_done_callback(partial(self._finished, plan))
        self._life, self._ready = life, ready
        try:
            await asyncio.shield(ready)
        except asyncio.CancelledError:
            if self._life is life:
                plan.undo()
                self.close()
            raise
        finally:
            if ready.done() and not ready.cancelled():
                ready.exception()  # seen, even when the caller was cancelled

    def require_rest(self) -> None:
        """Raises AlreadyConnectedError if there is a connection, or one is being made."""
        if self._life is not None:
            raise AlreadyConnectedError

    def close(self) -> None:
        """Ask for the end; returns at once, and nothing that still arrives counts."""
        life, self._life = self._life, None
        ready, self._ready = self._ready, None
        socket, self._performer.socket = self._performer.socket, None
        self._successor.drop()
        if life is None:
            return
        life.cancel()
        self._performer.stop_timers()
        if self._protocol.connected and socket is not None:
            self._protocol.closing()
        elif self._protocol.status is TransportStatus.RECONNECTING:
            self._protocol.lost(TransportStatus.CLOSED)
        else:
            self._protocol.lost(TransportStatus.DISCONNECTED)
        if socket is not None:
            self._dropped_ms += socket.dropped_audio_ms
            self._say_goodbye(socket)
        if ready is not None and not ready.done():
            ready.set_exception(
                TransportError("the connection was closed before its setup was complete")
            )
        self._performer.perform()

    async def aclose(self) -> None:
        """Close, and wait until nothing of ours runs any more."""
        life = self._life
        self.close()
        waiting = [*self._goodbyes, *([] if life is None else [life])]
        await asyncio.gather(
            *(task for task in waiting if task is not asyncio.current_task()),
            return_exceptions=True,
        )

    async def drain(self) -> None:
        """Wait until what was sent has left, or the connection ended."""
        if self._performer.socket is not None:
            await self._performer.socket.drain()

    def retry_now(self) -> None:
        """The network changed: begin again what waits, and do not trust what seems to live."""
        if self._performer.socket is None:
            self._waiting.network_is_back()
        elif self._reconnect is not None:  # should it fail all the same, the next attempt is near
            self._reconnect.link_up(asyncio.get_running_loop().time())
        self.probe()

    def probe(self) -> None:
        """Find out soon whether the connection still lives."""
        if self._performer.socket is not None:
            self._performer.socket.probe()

    async def _live(self, plan: Plan, ready: asyncio.Future[None]) -> None:
        loss = await self._session(plan, ready)
        if not ready.done():
            self._fail(plan, ready, loss)
            return
        while True:
            delay_s = self._after(loss)
            if delay_s is None:
                return
            await self._waiting.pause(delay_s)
            loss = await self._session(plan, ready)

    async def _session(self, plan: Plan, ready: asyncio.Future[None]) -> Loss:
        """One connection, from the first question for the key to its end."""
        try:
            socket = self._successor.take()
            if socket is None:
                socket = await self._waiting.attempt(partial(self._open, plan, ready))
        except Exception as error:  # noqa: BLE001 - it must not end what shall go on for ever
            return losses.refused(error)
        self._performer.socket = socket
        try:
            return await self._converse(socket, plan, ready)
        finally:
            if self._performer.socket is socket:  # else `close` was called, and more may have begun
                self._performer.stop_timers()
                self._performer.socket = None
                self._dropped_ms += socket.dropped_audio_ms
                self._say_goodbye(socket)

    async def _open(self, plan: Plan, ready: asyncio.Future[None]) -> Socket:
        key = None if plan.key is None else await resolve_key(plan.key)
        headers = auth_headers(key, plan.headers)
        if not ready.done():
            self._protocol.connecting(continues=plan.continues)
            self._performer.perform()
        now_s = asyncio.get_running_loop().time()
        patience_s = self._reconnect.open_timeout_s(now_s) if self._reconnect else OPEN_S
        return await Socket.open(
            plan.url, headers=headers, open_timeout_s=patience_s, dialer=self._dialer
        )

    async def _converse(self, socket: Socket, plan: Plan, ready: asyncio.Future[None]) -> Loss:
        self._protocol.dialog.hidden = socket.hidden
        self._protocol.opened()
        self._performer.start_timer(
            "acknowledge", ACKNOWLEDGE_S, lambda: self._unacknowledged(ready)
        )
        self._performer.perform()
        succession: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(None) as age:
                async for message in socket:
                    self._protocol.receive(message)
                    self._performer.perform()
                    if self._protocol.rejected is not None:
                        return losses.rejected(self._protocol.rejected)
                    if self._protocol.acknowledged and self._performer.stop_timer("acknowledge"):
                        self._acknowledged(ready)
                    if succession is None and self._protocol.acknowledged and self._reconnect:
                        succession = self._begin_succession(plan, ready, age)
        except TimeoutError:
            return losses.EXPIRED
        finally:
            if succession is not None:
                succession.cancel()
                await asyncio.gather(succession, return_exceptions=True)
            if self._performer.socket is not socket:
                self._successor.drop()  # `close` was called in the step of the change over
        return losses.ended(socket.closing, self._protocol.fault)

    def _acknowledged(self, ready: asyncio.Future[None]) -> None:
        if not ready.done():
            ready.set_result(None)
        if self._reconnect is not None:
            self._reconnect.session_began(asyncio.get_running_loop().time())

    def _unacknowledged(self, ready: asyncio.Future[None]) -> None:
        logger.warning("no answer to session.update within %g s; going on", ACKNOWLEDGE_S)
        self._protocol.ready()
        self._acknowledged(ready)

    def _begin_succession(
        self, plan: Plan, ready: asyncio.Future[None], age: asyncio.Timeout
    ) -> asyncio.Task[None]:
        """Have another connection ready before the service ends this one."""
        expires_at_s = self._protocol.dialog.session.expires_at_s
        dial = partial(self._open, plan, ready)
        return asyncio.get_running_loop().create_task(
            self._successor.prepare(dial, expires_at_s, age)
        )

    def _fail(self, plan: Plan, ready: asyncio.Future[None], loss: Loss) -> None:
        """The first attempt came to nothing: back to where we were, then say so."""
        fault = loss.fault or TransportError(
            f"the connection was closed before it was ready: {loss.reason}"
        )
        told = fault is self._protocol.rejected
        self._life = self._ready = None
        plan.undo()
        ready.set_exception(fault)
        self._protocol.lost(TransportStatus.DISCONNECTED, None if told else fault)
        self._performer.perform()

    def _after(self, loss: Loss) -> float | None:
        """Tell what happened; seconds until the next attempt, None if there will be none."""
        if self._reconnect is None or loss.final:
            self._life = None
            self._successor.drop()
            told = loss.fault is self._protocol.rejected
            self._protocol.lost(TransportStatus.DISCONNECTED, None if told else loss.fault)
            self._tell(loss, None)
            return None
        now_s = asyncio.get_running_loop().time()
        self._reconnect.session_ended(now_s)
        delay_s = self._reconnect.next_delay_s(loss.kind, now_s, retry_after_s=loss.retry_after_s)
        if self._successor.is_ready:
            delay_s = 0.0
        worth_a_line = self._protocol.connected and loss is not losses.EXPIRED
        self._protocol.lost(TransportStatus.RECONNECTING)
        level = logging.WARNING if worth_a_line else logging.DEBUG
        logger.log(level, "%s; connecting again in %.1f s", loss.reason, delay_s)
        self._tell(loss, delay_s)
        return delay_s

    def _tell(self, loss: Loss, delay_s: float | None) -> None:
        told = ConnectionLost(loss.reason, loss.kind.value, delay_s, loss.fault)
        self._protocol.dialog.emit("connection_lost", told)
        self._performer.perform()

    def _say_goodbye(self, socket: Socket) -> None:
        async def goodbye() -> None:
            await socket.close()
            if self._protocol.status is TransportStatus.DISCONNECTING:
                self._protocol.closed()
                self._performer.perform()

        task = asyncio.get_running_loop().create_task(goodbye())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    def _finished(self, plan: Plan, life: asyncio.Task[None]) -> None:
        """A fault of ours, or a foreign hand, must not leave a transport that seems to live."""
        error = None if life.cancelled() else life.exception()
        if error is not None:
            logger.error("the connection ended by a fault of the program", exc_info=error)
        if self._life is not life:
            return
        words = "its task was cancelled" if error is None else repr(error)
        fault = TransportError(f"a fault of the program: {words}", retryable=False)
        ready, self._life, self._ready = self._ready, None, None
        if ready is not None and not ready.done():
            plan.undo()
            ready.set_exception(fault)
        self._protocol.lost(TransportStatus.DISCONNECTED, None if error is None else fault)
        self._performer.perform()
