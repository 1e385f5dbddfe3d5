"""One session after the other, for ever: a session that is over is followed by the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.core.events import LinkDown, LinkFault, LinkUp
from pi_voice.retry import Pace, RetryClass
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.messages import ConnectionLost
from pi_voice.transport.trouble import Trouble
from pi_voice.transport.unread import SESSION_EVENTS, Unread
from pi_voice.transport.waiting import Waiting

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps a session, and tells the device when there is one.

    The transport renews connections that the network lost; what it gives up, because somebody has
    to act first, is tried again here, at the same pace.

    Attributes:
        online: There is a session, and it is as the device wants it.
        trouble: Why there is no session, as it was told last; None while nothing is wrong.
    """

    def __init__(
        self,
        transport: WebSocketTransport,
        pace: Pace,
        unread: Unread,
        *,
        begin: Callable[[], None],
        forget: Callable[[], None],
    ) -> None:
        """Listen to the transport; connect only in `run`.

        Args:
            transport: Where sessions are opened.
            pace: Of the attempts; the transport goes by the same.
            unread: Takes the events.
            begin: Called when a session is there and was told.
            forget: Called when a session is gone, with everything that was asked of it.
        """
        self.online = False
        self.trouble: Trouble | None = None
        self._transport = transport
        self._pace = pace
        self._unread = unread
        self._begin = begin
        self._forget = forget
        self._acknowledged = self._connected = False
        self._waiting = Waiting(pace.link_up)
        self._awake = asyncio.Event()
        self._awake.set()
        self._end: asyncio.Future[Trouble | None] | None = None
        transport.on("session.updated", self._on_session_updated)
        transport.on("session_ready", self._on_session_ready)
        transport.on("connection_lost", self._on_connection_lost)
        transport.on("disconnected", self._on_disconnected)

    async def run(self, config: Mapping[str, Any]) -> None:
        """Open one session after the other, with these settings."""
        loop = asyncio.get_running_loop()
        while True:
            await self._awake.wait()
            told = self.trouble
            trouble = await self._session(config)
            if trouble is None or not self._awake.is_set():  # hung up, maybe as it ended anyway
                self._pace.session_ended(loop.time(), wanted=True)
                continue
            self._down(trouble)
            self._pace.session_ended(loop.time())
            delay_s = self._pace.next_delay_s(
                trouble.retry_class, loop.time(), retry_after_s=trouble.retry_after_s
            )
            level = logging.DEBUG if trouble == told else logging.WARNING
            logger.log(level, "%s; the next attempt is in %.0f s", trouble.reason, delay_s)
            await self._waiting.pause(delay_s)

    def link_up(self) -> None:
        """The network or the clock changed: begin again what waits, trust no old connection."""
        self._waiting.network_is_back()
        self._transport.retry_now()

    def hang_up(self) -> None:
        """End the session, and connect no more until `wake_up`; nothing is told of it."""
        if not self._awake.is_set():
            return
        logger.info("hung up; the next turn connects again")
        self._awake.clear()
        self._forget_session()
        self.trouble = None
        self._unread.take_back(SESSION_EVENTS)
        self._end_session(None)
        self._waiting.end_pause()

    def wake_up(self) -> None:
        """Connect at once if we hung up; else nothing happens."""
        self._awake.set()

    def abandon(self, trouble: Trouble) -> None:
        """End the session for good; another one begins in time."""
        self._down(trouble)
        self._end_session(trouble)

    async def _session(self, config: Mapping[str, Any]) -> Trouble | None:
        """Connect, and return when nobody reconnects any more; None if we hung up."""
        self._end = asyncio.get_running_loop().create_future()
        self._connected = False
        try:
            await self._transport.connect(initial_session_config=config, continues=True)
        except TransportError as error:
            if not self._end.done():
                return Trouble.of(str(error), error)
        self._connected = True
        return await self._end

    # -- what the transport tells

    def _on_session_updated(self, _: object) -> None:
        self._acknowledged = True

    def _on_session_ready(self, session_id: str | None) -> None:
        if not self._acknowledged:
            # Its own settings would end the user's turns and answer them unasked.
            reason = "the service did not confirm the session's settings"
            self.abandon(Trouble(RetryClass.OVERLOAD, LinkFault.SERVICE, reason))
            return
        self.online = True
        self.trouble = None
        logger.info("connected to the service")
        self._unread.put(LinkUp(session_id or ""))
        self._begin()

    def _on_connection_lost(self, lost: ConnectionLost) -> None:
        trouble = Trouble.of(lost.reason, lost.error, RetryClass(lost.retry_class))
        if lost.retry_in_s is None:
            self.abandon(trouble)
        else:
            self._down(trouble)

    def _on_disconnected(self) -> None:
        """Look, once everybody was told, whether anybody knows why."""
        asyncio.get_running_loop().call_soon(self._require_reason, self._end)

    def _require_reason(self, end: asyncio.Future[Trouble | None] | None) -> None:
        if self._connected and end is not None and end is self._end and not end.done():
            reason = "the connection ended by a fault of the program"
            self.abandon(Trouble(RetryClass.NETWORK, LinkFault.NETWORK, reason))

    # -- the end of a session

    def _down(self, trouble: Trouble) -> None:
        was_online = self.online
        self._forget_session()
        if was_online or trouble != self.trouble:
            self._unread.put(LinkDown(trouble.fault, trouble.reason))
        self.trouble = trouble

    def _forget_session(self) -> None:
        self.online = self._acknowledged = False
        self._forget()

    def _end_session(self, trouble: Trouble | None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(trouble)
        self._transport.close()
