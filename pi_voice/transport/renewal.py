"""The next connection is opened before the service ends this one, and taken when nobody notices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pi_voice.transport import losses
from pi_voice.transport.websocket import Socket

logger = logging.getLogger(__name__)

RENEW_S = 300.0  # before the end of a session we look for a quiet moment to begin the next
HARD_S = 120.0  # before the end we wait no longer: the longest turn and its upload still fit
LOOK_S = 1.0  # how often we look whether it is quiet
AGAIN_S = 10.0  # after an attempt that failed; the session in hand goes on meanwhile


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
