"""A link that is open at both ends and carries nothing: when it is noticed, and what it costs."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import client, service
from tests.rigs.network.proxy import ChaosProxy

OURS, FLOOR = "link_stall", "floor_stall"
WINDOW_BYTES = 8192
RUN_S = 56.0  # of a client; less than the patience with it
TALK_S, PING_TALK_S = 3.0, 2.0  # memory has settled; between two signs of life
REST_S, PING_REST_S = 11.0, 10.0  # a conversation counts as live for 10 s
STALL_REST_S = 21.0  # longer than it may take to be noticed
STALL_FLOOR_S = 50.0  # 20 to its ping, 20 to the pong that is missing, 10 for its goodbye
AGAIN_S = 5.0  # what a user waits without pressing again
NOT_WAITED_FOR = {"floor": "is not waited for in a quick run: it takes up to 50 s"}


class BlackHole(ChaosProxy):
    """Carries everything, and from `stall` on nothing; what waited goes on when it is healed.

    Attributes:
        came: Somebody connected.
    """

    def __init__(self, target_port: int, *, narrow: bool) -> None:
        """Start open.

        Args:
            target_port: Of the service.
            narrow: When it is stalled, what is sent stays with its sender, as if every packet were
                lost; else the way takes it in, as a router does that forgot the connection.
        """
        super().__init__(target_port)
        self.came = asyncio.Event()
        self._narrow = narrow

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        if self._narrow:  # inherited by whatever it accepts
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        limit = WINDOW_BYTES if self._narrow else 2**22
        self._server = await asyncio.start_server(self._pass, sock=listener, limit=limit)
        self.port = listener.getsockname()[1]
        return self

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.came.set()
        await super()._pass(reader, writer)


@dataclass(frozen=True, slots=True)
class Case:
    """One connection and its stall.

    Attributes:
        talking: Sound goes up all the time.
        after_s: From the connection to the stall.
        for_s: How long it is stalled.
        narrow: See `BlackHole`.
    """

    talking: bool
    after_s: float
    for_s: float
    narrow: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """What came of it.

    Attributes:
        noticed_s: From the stall to the loss of the link.
        again_s: From the healed network to the next session.
        grown_mb: Most memory during the stall, beyond that of the moment before.
    """

    noticed_s: float
    again_s: float
    grown_mb: float


async def measure(effort: Effort) -> list[Figure]:
    stall_s, count = effort.of(40, 10), effort.of(4, 2)
    talks = [
        Case(True, TALK_S + PING_TALK_S * at / count, stall_s, narrow)
        for narrow in (False, True)
        for at in range(count)
    ]
    rests = [
        Case(False, REST_S + PING_REST_S * at / count, STALL_REST_S)
        for at in range(effort.of(count, 1))
    ]
    async with service("steady") as steady:
        wanted = [(OURS, case) for case in talks + rests]
        if not effort.quick:
            wanted += [(FLOOR, Case(talking, TALK_S, STALL_FLOOR_S)) for talking in (True, False)]
        # all at once: each does next to nothing, and waits long
        done = await asyncio.gather(*(stalled(steady.url, name, case) for name, case in wanted))
    ours, floor = done[: len(talks) + len(rests)], done[len(talks) + len(rests) :]
    talked, rested = ours[: len(talks)], ours[len(talks) :]
    return [
        *_times("in conversation", talked, floor[:1], 8.0),
        *_times("idle", rested, floor[1:], 20.0),
        Figure(
            f"RSS grown while the link is stalled for {stall_s} s", "MB",
            [stall.grown_mb for stall in talked], goal=Goal(Of.MOST, 1.0),
        ),
    ]  # fmt: skip


def _times(
    when: str, ours: Sequence[Stall], floor: Sequence[Stall], limit_s: float
) -> list[Figure]:
    return [
        Figure(
            f"half-open link → noticed, {when}", "s", [stall.noticed_s for stall in ours],
            [stall.noticed_s for stall in floor], Goal(Of.MOST, limit_s), paired=False,
            cannot={} if floor else NOT_WAITED_FOR,
        ),
        Figure(
            f"healed link → next session, {when}", "s", [stall.again_s for stall in ours],
            goal=Goal(Of.MOST, AGAIN_S),
        ),
    ]  # fmt: skip


async def stalled(url: str, name: str, case: Case) -> Stall:
    """Stall the link of a client once, and heal it."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    assert parts.port is not None
    async with BlackHole(parts.port, narrow=case.narrow) as hole, asyncio.TaskGroup() as tasks:
        way = parts._replace(netloc=f"127.0.0.1:{hole.port}").geturl()
        saying = tasks.create_task(client(name, url=way, talking=case.talking, for_s=RUN_S))
        await hole.came.wait()
        await asyncio.sleep(case.after_s)
        hole.stall()
        stalled_s = loop.time()
        await asyncio.sleep(case.for_s)
        hole.heal()
        healed_s = loop.time()
        said = await saying
    return judged(said, stalled_s, healed_s, loop.time())


def judged(said: Any, stalled_s: float, healed_s: float, ended_s: float) -> Stall:
    """Make figures of what a client said; what never happened counts as late as its end."""
    before_mb = [mb for at_s, mb in said["rss_mb"] if at_s < stalled_s]
    during_mb = [mb for at_s, mb in said["rss_mb"] if stalled_s <= at_s < healed_s]
    down_s = [at_s for at_s in said["down_s"] if at_s >= stalled_s]
    up_s = [at_s for at_s in said["up_s"] if at_s >= stalled_s]
    return Stall(
        noticed_s=min(down_s, default=ended_s) - stalled_s,
        again_s=min(up_s, default=ended_s) - healed_s,
        grown_mb=max(during_mb) - before_mb[-1] if during_mb else 0.0,
    )
