"""The only door from threads to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

CAPACITY = 50  # one to two seconds of sound: what is older is of no use to a conversation
STALLED = 10  # times the capacity: what a loop that does not run for that long can cost in memory


def _everything(_: object) -> bool:
    return True


class Mailbox(Generic[T]):
    """A bounded queue that any thread may post to and one task reads.

    A reader that comes late finds only the newest items and those that may not be dropped: it
    wants the newest sound. The loop is woken once, however much is posted before it runs.

    Attributes:
        dropped: Items that were lost because nobody read in time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        capacity: int = CAPACITY,
        may_drop: Callable[[T], bool] = _everything,
    ) -> None:
        self.dropped = 0
        self._loop = loop
        self._capacity = capacity
        self._may_drop = may_drop
        self._items: deque[T] = deque()
        self._reader: asyncio.Future[None] | None = None  # asleep until it is set
        self._called = False  # since the reader looked last
        self._closed = False

    def post(self, item: T, *, wake: bool = True) -> None:
        """Hand over an item; called from any thread, returns at once.

        Args:
            item: The newest.
            wake: False leaves the reader asleep until another item wakes it.
        """
        if len(self._items) >= self._capacity * STALLED and self._may_drop(item):
            self.dropped += 1
            return
        self._items.append(item)
        if wake and not self._called and not self._loop.is_closed():
            self._called = True
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End the iteration after what waits was read; called from the loop."""
        self._closed = True
        self._wake()

    def clear(self) -> None:
        """Forget what waits and may be dropped; called from the loop."""
        kept = [item for item in self._items if not self._may_drop(item)]
        self._items.clear()
        self._items.extend(kept)

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            if not self._called and not self._closed:
                self._reader = self._loop.create_future()
                await self._reader
            self._called = False  # before it looks: what comes after that calls again
            while self._items:
                item = self._items.popleft()
                if len(self._items) >= self._capacity and self._may_drop(item):
                    self.dropped += 1
                else:
                    yield item
            if self._closed:
                return

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
