"""The order of what the device says, while a turn that is sent again waits for the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pi_voice.transport.outgoing import Outgoing, Step
from tests.until import until


class Network:
    """Takes one piece each time it is told to."""

    def __init__(self) -> None:
        self.taken: list[bytes | Step] = []
        self._room = asyncio.Semaphore(0)

    async def drain(self) -> None:
        await self._room.acquire()

    async def take(self, pieces: int) -> None:
        before = len(self.taken)
        for _ in range(pieces):
            self._room.release()
        await until(lambda: len(self.taken) == before + pieces)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def outgoing(network: Network) -> AsyncIterator[Outgoing]:
    outgoing = Outgoing(network.taken.append, network.drain)
    yield outgoing
    await outgoing.aclose()


async def test_what_comes_is_done_at_once(network: Network, outgoing: Outgoing) -> None:
    outgoing.put(b"sound")
    outgoing.put(Step.COMMIT)
    assert network.taken == [b"sound", Step.COMMIT]


async def test_a_turn_sent_again_goes_out_piece_by_piece_and_the_rest_behind_it(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"1", b"2"])
    outgoing.put(b"live")
    outgoing.put(Step.COMMIT)
    assert network.taken == []
    await network.take(1)
    assert network.taken == [b"1"]
    await network.take(3)
    assert network.taken == [b"1", b"2", b"live", Step.COMMIT]


async def test_a_second_turn_waits_behind_the_first(network: Network, outgoing: Outgoing) -> None:
    outgoing.put_slowly([b"1"])
    outgoing.put_slowly([b"2"])
    await network.take(2)
    outgoing.put_slowly([b"3"])
    await network.take(1)
    assert network.taken == [b"1", b"2", b"3"]


async def test_cancelling_forgets_turns_that_wait_and_clears_what_was_begun(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"1", b"2"])
    outgoing.put(Step.COMMIT)
    outgoing.put(Step.MUTE)
    await network.take(1)
    outgoing.cancel_turns()
    await network.take(2)
    assert network.taken == [b"1", Step.CLEAR, Step.MUTE]


async def test_cancelling_keeps_the_turn_that_the_user_is_speaking(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"old"])
    outgoing.put(Step.COMMIT)
    outgoing.put_slowly([b"new"])
    outgoing.cancel_turns()
    outgoing.cancel_turns()
    await network.take(2)
    assert network.taken == [Step.CLEAR, b"new"]


async def test_a_gate_in_a_cancelled_turn_stays_in_order(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"1"])
    outgoing.put(Step.UNMUTE)
    outgoing.put(Step.COMMIT)
    outgoing.put(Step.MUTE)
    outgoing.cancel_turns()
    await network.take(3)
    assert network.taken == [Step.CLEAR, Step.UNMUTE, Step.MUTE]


async def test_discarding_forgets_only_what_belongs_to_no_turn(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"1"])
    outgoing.put(Step.COMMIT)
    outgoing.put(Step.UNMUTE)
    outgoing.put(b"2")
    outgoing.discard_sound()
    await network.take(3)
    assert network.taken == [b"1", Step.COMMIT, Step.UNMUTE]


async def test_after_the_session_is_gone_nothing_more_is_done(
    network: Network, outgoing: Outgoing
) -> None:
    outgoing.put_slowly([b"1", b"2"])
    outgoing.clear()
    outgoing.put(Step.MUTE)
    await outgoing.aclose()
    assert network.taken == [Step.MUTE]


async def test_forgotten_sound_never_leaves_and_the_gate_stays() -> None:
    done: list[bytes | Step] = []
    network = asyncio.Event()

    async def drain() -> None:
        await network.wait()

    outgoing = Outgoing(done.append, drain)
    outgoing.put_slowly([b"one", b"two"])
    for step in (Step.COMMIT, Step.MUTE):
        outgoing.put(step)
    outgoing.forget_sound()
    network.set()
    await until(lambda: Step.MUTE in done)
    await outgoing.aclose()
    assert done == [Step.CLEAR, Step.MUTE]
