"""Named events with listeners; a listener that fails never harms another, nor the session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from inspect import iscoroutine
from typing import Any, Self, TypeVar, overload

from pi_voice.transport.contracts import Listener, TransportError

logger = logging.getLogger(__name__)

ERROR = "error"
F = TypeVar("F", bound=Listener)


class EventEmitter:
    """`on`, `off`, `once` and `emit` of both contracts.

    Listeners are called in the order of their registration, at once; one that is a coroutine
    function becomes a task that is owned here. A function registered twice is called twice, as
    in Node; `off` takes away the latest registration.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Listener, bool]]] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    @overload
    def on(self, event: str, listener: Listener, /) -> Self: ...

    @overload
    def on(self, event: str, /) -> Callable[[F], F]: ...

    def on(self, event: str, listener: Listener | None = None, /) -> Self | Callable[[F], F]:
        """Call `listener` at every `event`; without a listener, a decorator."""
        if listener is None:
            return self._decorator(event, once=False)
        self._add(event, listener, once=False)
        return self

    @overload
    def once(self, event: str, listener: Listener, /) -> Self: ...

    @overload
    def once(self, event: str, /) -> Callable[[F], F]: ...

    def once(self, event: str, listener: Listener | None = None, /) -> Self | Callable[[F], F]:
        """As `on`, for the next time only; the listener is taken away before it is called."""
        if listener is None:
            return self._decorator(event, once=True)
        self._add(event, listener, once=True)
        return self

    def off(self, event: str, listener: Listener, /) -> Self:
        """Stop calling `listener`; harmless when it is not registered."""
        entries = self._listeners.get(event, [])
        for index in range(len(entries) - 1, -1, -1):
            if entries[index][0] == listener:
                self._replace(event, entries[:index] + entries[index + 1 :])
                break
        return self

    def emit(self, event: str, /, *args: Any) -> bool:
        """Call the listeners of `event`; False if there is none.

        An exception in a listener is logged and becomes an `error` event; an `error` that
        nobody listens to is logged.
        """
        return self.emit_while(_always, event, *args)

    def emit_while(self, wanted: Callable[[], bool], event: str, /, *args: Any) -> bool:
        """As `emit`, but ask before each listener whether it is still to be called."""
        entries = self._listeners.get(event)
        if not entries:
            if event == ERROR and args:
                logger.error("transport: %s", args[0])
            return False
        for entry in entries:  # a change of the listeners makes a new list
            if not wanted():
                break
            self._call(event, entry, args)
        return True

    def has_listeners(self, event: str) -> bool:
        return event in self._listeners

    async def join(self) -> None:
        """Cancel the tasks of coroutine listeners and wait for their end."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _decorator(self, event: str, *, once: bool) -> Callable[[F], F]:
        def register(listener: F) -> F:
            self._add(event, listener, once=once)
            return listener

        return register

    def _add(self, event: str, listener: Listener, *, once: bool) -> None:
        self._replace(event, [*self._listeners.get(event, []), (listener, once)])

    def _replace(self, event: str, entries: list[tuple[Listener, bool]]) -> None:
        if entries:
            self._listeners[event] = entries
        else:
            self._listeners.pop(event, None)

    def _call(self, event: str, entry: tuple[Listener, bool], args: tuple[Any, ...]) -> None:
        listener, once = entry
        if once:
            entries = self._listeners.get(event, [])
            if entry not in entries:  # it ran in an emission inside this one
                return
            self._replace(event, [other for other in entries if other is not entry])
        try:
            result = listener(*args)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - must not end the session
            self._report(event, error)
            return
        if iscoroutine(result):
            self._own(event, result)

    def _own(self, event: str, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finish(event, done))

    def _finish(self, event: str, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._report(event, error)

    def _report(self, event: str, error: BaseException) -> None:
        logger.error("a listener of %r failed", event, exc_info=error)
        if event != ERROR:
            fault = TransportError(f"a listener of {event!r} failed: {error!r}")
            fault.__cause__ = error
            self.emit(ERROR, fault)


def _always() -> bool:
    return True
