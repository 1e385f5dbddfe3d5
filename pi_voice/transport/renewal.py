"""The next connection is opened before the service ends this one, and taken when nobody notices."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from pi_voice.transport import losses
from pi_voice.transport.websocket import Socket

logger = logging.getLogger(__name__)

SESSION_S = 3600.0  # the service's limit, where it names none or our clock is wrong
RENEW_S = 300.0  # before the end of a session we look for a quiet moment to begin the next
HARD_S = 120.0  # before the end we wait no longer: the longest turn and its upload still fit
LOOK_S = 1.0  # how often we look whether it is quiet
AGAIN_S = 10.0  # after an attempt that failed; the session in hand goes on meanwhile


class Successor:
    """The connection of the next session, from its opening until somebody takes it."""

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        """Begin without one.

        Args:
            is_quiet: Nobody would notice another session now.
        """
        self._is_quiet = is_quiet
        self._socket: Socket | None = None

    @property
    def is_ready(self) -> bool:
        return self._socket is not None

    async def prepare(
        self,
        dial: Callable[[], Awaitable[Socket]],
        expires_at_s: float | None,
        age: asyncio.Timeout,
    ) -> None:
        """Open it in time, then end the session in hand where nobody notices.

        Args:
            dial: Opens the connection for the next session.
            expires_at_s: Unix time at which the service ends the session in hand, if it said so.
            age: Expires when it is to end.
        """
        self._socket = await Renewal(dial, self._is_quiet).next_socket(left_s(expires_at_s))
        age.reschedule(asyncio.get_running_loop().time())

    def take(self) -> Socket | None:
        """Give it away, if there is one."""
        socket, self._socket = self._socket, None
        return socket

    def drop(self) -> None:
        """Nobody will take it."""
        socket = self.take()
        if socket is not None:
            socket.abort()


def left_s(expires_at_s: float | None) -> float:
    """How long a session that begins now may live."""
    if expires_at_s is None:
        return SESSION_S
    told_s = expires_at_s - time.time()  # theirs is a date; ours may be years off
    return told_s if RENEW_S < told_s <= SESSION_S else SESSION_S


class Renewal:
    """One renewal of one session."""

    def __init__(self, dial: Callable[[], Awaitable[Socket]], is_quiet: Callable[[], bool]) -> None:
        """Prepare it.

        Args:
            dial: Opens the connection for the next session.
            is_quiet: Nobody would notice another session now.
        """
        self._dial = dial
        self._is_quiet = is_quiet
        self._hard_at_s = 0.0

    async def next_socket(self, left_s: float) -> Socket:
        """Give the next connection, open, at the moment to change over.

        Args:
            left_s: How long the session in hand will still live.
        """
        self._hard_at_s = self._now_s() + left_s - HARD_S
        await asyncio.sleep(left_s - RENEW_S)
        while True:
            await self._quiet()
            try:
                socket = await self._dial()
            except Exception as error:  # noqa: BLE001 - a key function of the program may raise anything
                logger.debug(
                    "! no connection for the next session: %s", losses.refused(error).reason
                )
                await asyncio.sleep(AGAIN_S)
                continue
            if await self._kept_until_quiet(socket):
                return socket

    async def _kept_until_quiet(self, socket: Socket) -> bool:
        """Wait with a connection in hand; False if it broke meanwhile."""
        try:
            await self._quiet()
        except asyncio.CancelledError:
            socket.abort()
            raise
        return socket.closing is None

    async def _quiet(self) -> None:
        while True:
            if self._is_quiet() or self._now_s() >= self._hard_at_s:
                return
            await asyncio.sleep(LOOK_S)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
