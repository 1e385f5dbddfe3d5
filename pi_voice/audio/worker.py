"""A thread for calls that block, so that the event loop never waits for a card."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, Self, TypeVar

logger = logging.getLogger(__name__)

LEAVE_S = 1.0  # a driver may hold a call for ever; the service manager gives us two seconds

Wish = TypeVar("Wish")


class Worker(Generic[Wish]):
    """Calls `step` in its own thread: with each wish in order, and again when its time is over.

    A resource. A thread that a card holds is left behind after LEAVE_S: it cannot be ended, and
    the process must not wait for it.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[Wish | None], float | None],
        *,
        inside: AbstractContextManager[object],
        last: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """Prepare the thread.

        Args:
            name: For the log and for debuggers.
            step: Takes a wish, or None when only time has passed; returns the seconds until it
                wants to be called again, or None to wait for the next wish.
            inside: Entered and left by the thread.
            last: Called in the thread before it leaves, asked or not.
            ended: Called on the event loop when it has left.
        """
        self._name = name
        self._step = step
        self._inside = inside
        self._last = last
        self._ended = ended
        self._wishes: queue.SimpleQueue[Wish | _Leave] = queue.SimpleQueue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._left = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wishes.put(_Leave())
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._left.wait()
        except TimeoutError:
            logger.warning("the %s is held by its driver; leaving it behind", self._name)
        else:
            self._thread.join()

    def ask(self, wish: Wish) -> None:
        """Hand over a wish; returns at once."""
        self._wishes.put(wish)

    def _run(self) -> None:
        try:
            with self._inside:
                self._work()
        except Exception:  # noqa: BLE001 - the end of the thread is the event
            logger.exception("the thread of the %s failed", self._name)
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._say_ended)

    def _work(self) -> None:
        timeout_s: float | None = None
        try:
            while not isinstance(wish := self._next(timeout_s), _Leave):
                timeout_s = self._step(wish)
        finally:
            self._last()

    def _next(self, timeout_s: float | None) -> Wish | _Leave | None:
        try:
            return self._wishes.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _say_ended(self) -> None:
        self._left.set()
        self._ended()


class _Leave:
    pass
