"""Waits that news of the network cut short: the pause before an attempt, and the attempt itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


class Waiting:
    """One wait at a time, of the task that connects."""

    def __init__(self, link_up: Callable[[float], float | None]) -> None:
        """Wait for nothing yet.

        Args:
            link_up: Learns at which time the network came back, in seconds of the loop's clock;
                gives how long to wait from then on, None to wait as before.
        """
        self._link_up = link_up
        self._limit: asyncio.Timeout | None = None

    async def pause(self, delay_s: float) -> None:
        """Wait so long, or less when the network comes back."""
        with suppress(TimeoutError):
            async with self._limited(delay_s):
                await asyncio.get_running_loop().create_future()

    async def attempt(self, make: Callable[[], Awaitable[T]]) -> T:
        """Do what takes the network, and begin again when it comes back.

        What was begun over a network that is gone hangs until its timeout, even when there is
        another one.
        """
        while True:
            try:
                async with self._limited(None) as limit:
                    return await make()
            except TimeoutError:
                if not limit.expired():
                    raise

    def network_is_back(self) -> None:
        limit = self._limit
        if limit is None or limit.expired():
            return
        now_s = asyncio.get_running_loop().time()
        settle_s = self._link_up(now_s)
        if settle_s is not None:
            due_s = limit.when()
            at_s = now_s + settle_s
            limit.reschedule(at_s if due_s is None else min(due_s, at_s))

    def end_pause(self) -> None:
        """Wait no longer."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def _limited(self, delay_s: float | None) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(delay_s) as limit:
            self._limit = limit
            try:
                yield limit
            finally:
                self._limit = None
