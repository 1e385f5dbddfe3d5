"""Links that die without a word, on a network of memory whose time costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pi_voice.sim.network import Network
from pi_voice.transport.websocket import Socket
from tests.loopback import messages
from tests.until import until

pytestmark = pytest.mark.virtual

FRAME = b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 1280 + b'"}'
SILENT = "no sign of life from the service for"


class Service(ServerConnection):
    """Counts what it gets, and answers pings unless it is told not to."""

    pings = 0
    answers = True

    def data_received(self, data: bytes) -> None:
        self.pings += data[:1] == b"\x89"
        if self.answers or data[:1] != b"\x89":
            super().data_received(data)


@pytest.fixture
async def services() -> AsyncIterator[list[Service]]:
    """The service's ends of the connections, in the order in which they came."""
    ends: list[Service] = []

    async def handler(there: ServerConnection) -> None:
        assert isinstance(there, Service)
        ends.append(there)
        with suppress(ConnectionClosed):
            async for _ in there:
                pass

    async with serve(
        handler,
        "127.0.0.1",
        80,
        create_connection=Service,
        compression=None,
        max_size=None,
        ping_interval=None,
        close_timeout=0.1,
    ):
        yield ends


@pytest.fixture
async def socket(services: list[Service]) -> AsyncIterator[Socket]:
    socket = await Socket.open("ws://127.0.0.1:80", headers={})
    await until(lambda: services)
    async with asyncio.TaskGroup() as group:
        group.create_task(messages(socket))
        yield socket
        socket.abort()


@asynccontextmanager
async def every(interval_s: float, what: Callable[[], object]) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            what()
            await asyncio.sleep(interval_s)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(repeat())
        yield
        task.cancel()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def ended_after_s(socket: Socket) -> float:
    begin_s = now_s()
    await until(lambda: socket.closing, within_s=120)
    return now_s() - begin_s


@pytest.mark.parametrize("phase_s", [0.0, 0.7, 1.3, 1.99])
async def test_a_black_hole_is_noticed_within_six_seconds_of_talking(
    network: Network, socket: Socket, phase_s: float
) -> None:
    async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
        await asyncio.sleep(60 + phase_s)
        assert socket.closing is None
        network.black_hole()
        assert await ended_after_s(socket) <= 6
    assert socket.closing is not None
    assert (socket.closing.code, socket.closing.ours) == (None, False)
    assert socket.closing.detail == f"{SILENT} 5 s"


@pytest.mark.parametrize("phase_s", [0.0, 3.3, 9.99])
async def test_a_black_hole_is_noticed_within_twenty_five_seconds_of_silence(
    network: Network, socket: Socket, phase_s: float
) -> None:
    await asyncio.sleep(600 + phase_s)
    assert socket.closing is None
    network.black_hole()
    assert await ended_after_s(socket) <= 25


async def test_a_link_that_the_roam_to_another_network_broke_is_noticed_in_three_seconds(
    network: Network, socket: Socket
) -> None:
    await asyncio.sleep(605)
    network.black_hole()
    socket.probe()
    assert await ended_after_s(socket) <= 2.6


async def test_a_network_that_comes_back_again_and_again_does_not_keep_a_dead_link_alive(
    network: Network, socket: Socket
) -> None:
    await asyncio.sleep(605)
    network.black_hole()
    async with every(2, socket.probe):
        assert await ended_after_s(socket) <= 2.6


async def test_a_link_that_survives_the_change_of_the_network_is_kept(
    network: Network, socket: Socket
) -> None:
    await asyncio.sleep(605)
    for _ in range(20):
        socket.probe()
        await asyncio.sleep(7)
        network.delay_ms = 1000
    assert socket.closing is None
    assert socket.silent_s < 10


async def test_a_link_that_dies_between_turns_is_noticed_when_somebody_talks(
    network: Network, socket: Socket
) -> None:
    await asyncio.sleep(605)
    network.black_hole()
    async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
        assert await ended_after_s(socket) <= 6


async def test_a_link_that_dies_while_a_reply_arrives_is_noticed(
    network: Network, socket: Socket, services: list[Service]
) -> None:
    async with every(0.1, lambda: asyncio.ensure_future(services[0].send("delta"))):
        await asyncio.sleep(60)
        network.black_hole()
        assert await ended_after_s(socket) <= 6
        services[0].transport.abort()


async def test_a_network_that_takes_nothing_is_noticed(network: Network, socket: Socket) -> None:
    network.window_bytes = 8192
    async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
        await asyncio.sleep(60)
        network.stall()
        assert await ended_after_s(socket) <= 6


async def test_a_service_that_talks_but_does_not_listen_is_noticed(
    network: Network, socket: Socket, services: list[Service]
) -> None:
    network.window_bytes = 8192
    services[0].transport.pause_reading()
    async with every(0.1, lambda: asyncio.ensure_future(services[0].send("delta"))):
        async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
            assert await ended_after_s(socket) <= 6
    assert socket.closing is not None
    assert socket.closing.detail == "the network took nothing for 5 s"


async def test_a_service_that_answers_no_ping_lives_as_long_as_it_talks(
    socket: Socket, services: list[Service]
) -> None:
    services[0].answers = False
    async with every(2, lambda: asyncio.ensure_future(services[0].send("delta"))):
        await asyncio.sleep(120)
        assert socket.closing is None


async def test_a_program_that_does_not_read_for_a_while_keeps_its_link(
    services: list[Service],
) -> None:
    socket = await Socket.open("ws://127.0.0.1:80", headers={})
    await until(lambda: services)
    for number in range(100):
        await services[0].send(str(number))
    await asyncio.sleep(120)
    assert socket.closing is None
    socket.abort()
    assert await messages(socket) == [str(number) for number in range(100)]


async def test_nothing_is_abandoned_on_a_network_with_four_seconds_of_delay(
    network: Network, socket: Socket
) -> None:
    network.delay_ms = 2000
    for _ in range(10):
        async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
            await asyncio.sleep(8)
        await asyncio.sleep(39)
    assert socket.closing is None


async def test_a_large_picture_may_take_its_time(network: Network, socket: Socket) -> None:
    network.bytes_per_s = 20_000
    socket.send(b"x" * 500_000)
    await asyncio.sleep(60)
    assert socket.closing is None


async def test_a_large_picture_does_not_keep_a_dead_link_alive_for_ever(
    network: Network, socket: Socket
) -> None:
    network.black_hole()
    socket.send(b"x" * 500_000)
    assert await ended_after_s(socket) <= 37


async def test_pings_are_rare_in_silence_and_frequent_while_somebody_talks(
    socket: Socket, services: list[Service]
) -> None:
    await asyncio.sleep(100)
    before = services[0].pings
    await asyncio.sleep(600)
    idle = services[0].pings - before
    async with every(0.02, lambda: socket.send(FRAME, audio_ms=20)):
        await asyncio.sleep(60)
    assert idle == 60
    assert services[0].pings - before - idle in range(29, 32)
