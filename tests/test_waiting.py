"""Pauses and attempts, and what news of the network make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from pi_voice.transport.waiting import Waiting

pytestmark = pytest.mark.virtual


class Network:
    """Came back at these times; whoever waits shall let it settle."""

    def __init__(self, settle_s: float | None = 0.0) -> None:
        self.settle_s = settle_s
        self.back_at_s: list[float] = []

    def link_up(self, now_s: float) -> float | None:
        self.back_at_s.append(now_s)
        return self.settle_s


async def took_s(what: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    await what
    return loop.time() - begin_s


def later(delay_s: float, waiting: Waiting) -> None:
    """The network comes back after so long."""
    asyncio.get_running_loop().call_later(delay_s, waiting.network_is_back)


async def test_a_pause_without_news_lasts_its_time() -> None:
    assert await took_s(Waiting(Network().link_up).pause(30)) == pytest.approx(30)


@pytest.mark.parametrize(("settle_s", "waited_s"), [(0.0, 10), (2.0, 12), (40.0, 30), (None, 30)])
async def test_news_shorten_a_pause_and_never_make_it_longer(
    settle_s: float | None, waited_s: float
) -> None:
    waiting = Waiting(Network(settle_s).link_up)
    later(10, waiting)
    assert await took_s(waiting.pause(30)) == pytest.approx(waited_s)


async def test_news_of_a_wait_that_ends_already_are_none() -> None:
    network = Network()
    waiting = Waiting(network.link_up)
    loop = asyncio.get_running_loop()

    def come_back_twice() -> None:
        waiting.network_is_back()
        loop.call_soon(waiting.network_is_back)

    loop.call_later(10, come_back_twice)
    assert await took_s(waiting.pause(30)) == pytest.approx(10)
    assert len(network.back_at_s) == 1
    waiting.network_is_back()
    assert await took_s(waiting.pause(30)) == pytest.approx(30)


async def test_a_pause_can_be_ended_at_once() -> None:
    waiting = Waiting(Network(None).link_up)
    waiting.end_pause()
    loop = asyncio.get_running_loop()

    ends: list[float] = []

    def end_twice() -> None:
        waiting.end_pause()
        ends.append(loop.time())
        if len(ends) < 2:
            loop.call_soon(end_twice)

    loop.call_later(10, end_twice)
    assert await took_s(waiting.pause(30)) == pytest.approx(10)
    assert len(ends) == 2


async def test_an_attempt_gives_what_it_made() -> None:
    async def make() -> str:
        await asyncio.sleep(5)
        return "made"

    assert await Waiting(Network().link_up).attempt(make) == "made"


@pytest.mark.parametrize(("settle_s", "begun_s"), [(0.0, [0, 10]), (2.0, [0, 12]), (None, [0])])
async def test_news_begin_an_attempt_again_once_the_network_has_settled(
    settle_s: float | None, begun_s: list[float]
) -> None:
    waiting = Waiting(Network(settle_s).link_up)
    loop = asyncio.get_running_loop()
    zero_s, begun = loop.time(), []

    async def make() -> None:
        begun.append(loop.time() - zero_s)
        await asyncio.sleep(20)

    later(10, waiting)
    await waiting.attempt(make)
    assert begun == pytest.approx(begun_s)


async def test_a_timeout_of_the_attempt_itself_is_its_end() -> None:
    async def make() -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(20)

    with pytest.raises(TimeoutError):
        await Waiting(Network().link_up).attempt(make)


async def test_whoever_cancels_an_attempt_ends_it() -> None:
    waiting = Waiting(Network().link_up)
    attempt = asyncio.create_task(waiting.attempt(lambda: asyncio.sleep(20)))
    await asyncio.sleep(1)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    waiting.network_is_back()
    waiting.end_pause()
