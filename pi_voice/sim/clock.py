"""An event loop whose time is simulated: it never sleeps, and the same run is always the same."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import selectors
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

from pi_voice.sim.network import MemoryServer, Network, ProtocolFactory
from pi_voice.sim.stream import MemoryTransport

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_S = 1000.0  # not zero, so that code which takes a time for a truth value is found out
HORIZON_S = 2.0**22  # 48 days: beyond, a double holds no nanosecond, and asyncio's timers need one


class Deadlock(RuntimeError):
    """Every task waits, and nothing that could wake one is left."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as the computer can: where other loops sleep, its clock leaps to the next timer.

    Connections and servers are made of memory. Work for threads is done at once, between two
    steps of the loop. Signals and real descriptors are looked at before each leap, so Ctrl-C works;
    what comes from them is not repeatable.

    Attributes:
        network: What can be reached, and its faults.
    """

    def __init__(self, network: Network | None = None, *, speed: float = math.inf) -> None:
        """Start at START_S.

        Args:
            network: None is one of its own.
            speed: At most so many seconds of simulated time in one of ours.
        """
        self.network = network or Network()
        self._now_s = START_S
        self._speed = speed
        self._began_s = time.monotonic()
        super().__init__(_LeapingSelector(self._leap))

    def time(self) -> float:
        return self._now_s

    def _leap(self, by_s: float | None) -> None:
        if by_s is None:
            raise Deadlock(_waiting(self))
        self._now_s += by_s
        if self._now_s > HORIZON_S:
            raise OverflowError(f"a simulation ends after {HORIZON_S // 86_400:.0f} days")
        ahead_s = (self._now_s - START_S) / self._speed - (time.monotonic() - self._began_s)
        if ahead_s > 0:
            time.sleep(ahead_s)

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Call it on the loop, in the next step; the executor is not used."""
        done: asyncio.Future[T] = self.create_future()
        self.call_soon(_work, done, lambda: func(*args))
        return done

    async def getaddrinfo(  # type: ignore[override]  # typeshed spells out tuples we do not need
        self, host: str, port: int, **_: object
    ) -> list[tuple[Any, ...]]:
        address = (await self.network.resolve(host), port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    async def create_connection(  # type: ignore[override]  # no sockets and no TLS in memory
        self,
        protocol_factory: ProtocolFactory,
        host: str,
        port: int,
        *,
        ssl: None = None,
        **_: object,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        if ssl is not None:
            raise ValueError("there is no TLS on a network made of memory; use ws://")
        return await self.network.connect(protocol_factory, host, port)

    async def create_server(  # type: ignore[override]  # no sockets and no TLS in memory
        self,
        protocol_factory: ProtocolFactory,
        host: str | None = None,
        port: int | None = None,
        **_: object,
    ) -> MemoryServer:
        return self.network.listen(protocol_factory, host, port or 0)


def run(
    main: Coroutine[Any, Any, T], *, network: Network | None = None, speed: float = math.inf
) -> T:
    """Run to the end on virtual time, as `asyncio.run` does in real time, only faster.

    Args:
        main: What is run.
        network: What can be reached; None is only what `main` itself serves.
        speed: At most so many seconds of simulated time in one of ours.

    Raises:
        Deadlock: Nothing was left to wait for.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(network, speed=speed)) as runner:
        return runner.run(main)


class _LeapingSelector(selectors.DefaultSelector):
    def __init__(self, leap: Callable[[float | None], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self._leap(timeout)
        return ready


def _work(done: asyncio.Future[T], call: Callable[[], T]) -> None:
    if done.cancelled():
        return
    try:
        result = call()
    except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to the one who waits
        done.set_exception(error)
    else:
        done.set_result(result)


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    places = [f"  {task.get_name()}: {_place(task.get_coro())}" for task in tasks]
    return "\n".join(["nothing is left to wait for:", *places])


def _place(awaited: object) -> str:
    """The innermost line that waits, asyncio's own aside."""
    place = getattr(awaited, "__qualname__", repr(awaited))
    while frame := getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None):
        if not frame.f_globals.get("__name__", "").startswith("asyncio."):
            place = f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return place
