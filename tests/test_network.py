"""Real websockets, client and server, over a network of memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from pi_voice.sim.network import DNS_TIMEOUT_S, Network

pytestmark = pytest.mark.virtual

URL = "ws://service.example:80"


class Service:
    """Echoes, and notes how its connections ended."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.ended: list[int | None] = []

    async def __call__(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for message in connection:
            await connection.send(message)
        self.ended.append(connection.close_code)


@pytest.fixture
async def service(network: Network) -> AsyncIterator[Service]:
    network.names["service.example"] = "203.0.113.7"
    handler = Service()
    async with serve(handler, "203.0.113.7", 80, compression=None, ping_interval=None):
        yield handler


@asynccontextmanager
async def dialled(**options: float | None) -> AsyncIterator[ClientConnection]:
    async with connect(URL, compression=None, proxy=None, **options) as client:  # type: ignore[arg-type]  # all timeouts
        yield client


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def echoed(client: ClientConnection, message: str) -> str | bytes:
    await client.send(message)
    return await client.recv()


async def test_messages_come_back_whole_and_in_order(service: Service) -> None:
    async with dialled() as client:
        sent = [f"{number}:" + "x" * number * 997 for number in range(100)]
        assert [await echoed(client, message) for message in sent] == sent


async def test_a_closing_handshake_reaches_both_ends(service: Service, network: Network) -> None:
    async with dialled() as client:
        await client.close(1000)
    assert client.close_code == 1000
    await asyncio.sleep(1)
    assert service.ended == [1000]
    assert network.connections == 0


async def test_a_closing_server_says_goodbye(network: Network) -> None:
    async with serve(Service(), "127.0.0.1", 80, compression=None) as server:
        async with connect("ws://localhost:80", compression=None, proxy=None) as client:
            server.close()
            with pytest.raises(ConnectionClosedOK, match="1001"):
                await client.recv()
    assert not server.is_serving()


async def test_a_ping_takes_the_way_there_and_back(service: Service, network: Network) -> None:
    network.delay_ms = 35
    async with dialled() as client:
        assert await (await client.ping()) == pytest.approx(0.070)


async def test_the_keepalive_of_websockets_runs_on_simulated_time(service: Service) -> None:
    async with dialled(ping_interval=10, ping_timeout=10) as client:
        await asyncio.sleep(86_400)
        assert await echoed(client, "still here") == "still here"


async def test_connecting_takes_one_round_trip_before_the_handshake(
    service: Service, network: Network
) -> None:
    network.delay_ms = 50
    began_s = now_s()
    async with dialled():
        assert now_s() - began_s == pytest.approx(0.200)


async def test_a_cut_ends_both_sides_at_once(service: Service, network: Network) -> None:
    async with dialled() as client:
        await echoed(client, "hello")
        cut_s = now_s()
        network.cut()
        with pytest.raises(ConnectionClosedError) as caught:
            await client.recv()
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        await service.connections[0].wait_closed()
        assert now_s() == cut_s
    assert network.connections == 0


async def test_after_a_cut_one_can_connect_again(service: Service, network: Network) -> None:
    async with dialled() as client:
        network.cut()
        await client.wait_closed()
    async with dialled() as client:
        assert await echoed(client, "again") == "again"


async def test_a_black_hole_takes_everything_and_only_a_ping_finds_it(
    service: Service, network: Network
) -> None:
    async with dialled(ping_interval=10, ping_timeout=10) as client:
        network.black_hole()
        began_s = now_s()
        for _ in range(100):
            await client.send(b"x" * 100_000)
        assert client.transport.get_write_buffer_size() == 0
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            await client.recv()
        assert 10 <= now_s() - began_s <= 35


async def test_a_black_hole_that_heals_leaves_the_old_connection_dead(
    service: Service, network: Network
) -> None:
    async with dialled(ping_interval=None, close_timeout=1) as client:
        network.black_hole()
        await client.send("lost")
        network.heal()
        await client.send("also lost")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await client.recv()
        async with dialled() as other:
            assert await echoed(other, "new") == "new"


async def test_a_black_hole_in_which_nothing_was_said_does_no_harm(
    service: Service, network: Network
) -> None:
    async with dialled(ping_interval=None) as client:
        network.black_hole()
        await asyncio.sleep(60)
        network.heal()
        assert await echoed(client, "never noticed") == "never noticed"


async def test_what_was_sent_into_a_stall_arrives_after_it(
    service: Service, network: Network
) -> None:
    async with dialled(ping_interval=None) as client:
        network.stall()
        for number in range(10):
            await client.send(str(number))
        await asyncio.sleep(60)
        healed_s = now_s()
        network.heal()
        assert [await client.recv() for _ in range(10)] == [str(number) for number in range(10)]
        assert now_s() == healed_s


@pytest.mark.parametrize("fault", ["stall", "black_hole"])
async def test_a_fault_catches_what_is_under_way(
    service: Service, network: Network, fault: str
) -> None:
    network.delay_ms = 100
    async with dialled(ping_interval=None, close_timeout=1) as client:
        await client.send("caught")
        getattr(network, fault)()
        await asyncio.sleep(1)
        network.heal()
        answer = asyncio.ensure_future(client.recv())
        await asyncio.sleep(1)
        assert answer.done() is (fault == "stall")
        answer.cancel()


async def test_a_sender_into_a_stall_fills_the_window_and_then_waits(
    service: Service, network: Network
) -> None:
    async with dialled(ping_interval=None) as client:
        network.stall()
        for _ in range(29):  # 256 KiB under way and 32 KiB in the buffer of websockets
            await client.send(b"x" * 10_000)
        waiting = asyncio.ensure_future(client.send(b"x" * 10_000))
        await asyncio.sleep(60)
        assert not waiting.done()
        network.heal()
        await waiting


async def test_a_cut_forgets_what_waited_to_be_sent(service: Service, network: Network) -> None:
    async with dialled(ping_interval=None) as client:
        network.stall()
        for _ in range(29):
            await client.send(b"x" * 10_000)
        assert client.transport.get_write_buffer_size() > 0
        network.cut()
        await client.wait_closed()
        assert client.transport.get_write_buffer_size() == 0


async def test_nobody_connects_through_a_stall_until_it_is_over(
    service: Service, network: Network
) -> None:
    network.stall()
    with pytest.raises(TimeoutError):
        await connect("ws://203.0.113.7:80", proxy=None, open_timeout=5)
    asyncio.get_running_loop().call_later(3, network.heal)
    began_s = now_s()
    async with dialled():
        assert now_s() - began_s == pytest.approx(3)


@pytest.mark.parametrize("host", ["service.example", "203.0.113.7"])
async def test_who_calls_into_a_black_hole_gets_through_when_it_is_gone(
    service: Service, network: Network, host: str
) -> None:
    network.black_hole()
    asyncio.get_running_loop().call_later(3, network.heal)
    async with connect(f"ws://{host}:80", compression=None, proxy=None) as client:
        assert await echoed(client, "hello") == "hello"


async def test_refusing_keeps_new_ones_out_and_old_ones_in(
    service: Service, network: Network
) -> None:
    async with dialled() as client:
        network.refuse()
        with pytest.raises(ConnectionRefusedError):
            await connect(URL, proxy=None)
        assert await echoed(client, "old") == "old"
        network.heal()
        async with dialled() as other:
            assert await echoed(other, "new") == "new"


async def test_where_nobody_listens_one_is_refused(service: Service) -> None:
    with pytest.raises(ConnectionRefusedError):
        await connect("ws://service.example:81", proxy=None)


async def test_a_name_that_nobody_knows_has_no_address(service: Service) -> None:
    with pytest.raises(socket.gaierror) as caught:
        await connect("ws://nobody.example:80", proxy=None, open_timeout=None)
    assert caught.value.errno == socket.EAI_NONAME


async def test_without_an_answer_the_resolver_gives_up(service: Service, network: Network) -> None:
    network.stall()
    began_s = now_s()
    with pytest.raises(socket.gaierror) as caught:
        await network.resolve("service.example")
    assert caught.value.errno == socket.EAI_AGAIN
    assert now_s() - began_s == pytest.approx(DNS_TIMEOUT_S)
    assert await network.resolve("localhost") == "127.0.0.1"


async def test_a_host_without_power_tells_nobody(service: Service, network: Network) -> None:
    async with dialled(ping_interval=10, ping_timeout=10) as client:
        await echoed(client, "hello")
        network.half_open()
        await service.connections[0].wait_closed()
        began_s = now_s()
        await client.send("anybody there?")
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            await client.recv()
        assert 10 <= now_s() - began_s <= 35


async def test_a_slow_uplink_takes_its_time(service: Service, network: Network) -> None:
    async with dialled(ping_interval=None) as client:
        network.bytes_per_s = 50_000
        began_s = now_s()
        await client.send(b"x" * 100_000)
        await client.recv()
        assert now_s() - began_s == pytest.approx(4, rel=0.01)


async def test_a_port_is_taken_until_its_server_closed(service: Service, network: Network) -> None:
    with pytest.raises(OSError, match="203.0.113.7"):
        network.listen(asyncio.Protocol, "203.0.113.7", 80)
    server = network.listen(asyncio.Protocol, None, 81)
    with pytest.raises(OSError, match="81"):
        network.listen(asyncio.Protocol, "127.0.0.1", 81)
    server.close()
    server.close()
    await server.wait_closed()
    network.listen(asyncio.Protocol, "127.0.0.1", 81)


async def test_port_zero_takes_a_free_one_each_time(network: Network) -> None:
    servers = [network.listen(asyncio.Protocol, "127.0.0.1", 0) for _ in range(3)]
    assert len({server.sockets[0].getsockname() for server in servers}) == 3
    assert {server.sockets[0].family for server in servers} == {socket.AF_INET}


async def test_a_server_that_is_closed_waits_for_its_connections(network: Network) -> None:
    server = network.listen(asyncio.Protocol, "127.0.0.1", 80)
    end, _ = await network.connect(asyncio.Protocol, "127.0.0.1", 80)
    server.close()
    waiting = asyncio.ensure_future(server.serve_forever())
    await asyncio.sleep(1)
    assert server.is_serving() is False
    assert not waiting.done()
    end.close()
    await waiting


@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
async def test_a_server_can_send_its_clients_away(network: Network, how: str) -> None:
    server = network.listen(asyncio.Protocol, "127.0.0.1", 80)
    await server.start_serving()
    await network.connect(asyncio.Protocol, "127.0.0.1", 80)
    assert network.connections == len(server.ends) == 1
    getattr(server, how)()
    await asyncio.sleep(1)
    assert network.connections == len(server.ends) == 0
    assert server.get_loop() is asyncio.get_running_loop()


async def test_what_clients_write_can_be_listened_to(service: Service, network: Network) -> None:
    heard: list[bytes] = []
    network.tap = heard.append
    async with dialled() as client:
        await client.send("to the service")
        assert await client.recv() == "to the service"
    assert heard[0].startswith(b"GET / HTTP/1.1")
    assert sum(b"to the service" in piece for piece in heard) == 0  # masked
    assert sum(len(piece) == len("to the service") + 6 for piece in heard) == 1
