"""What programs can see of a connection; the same scenes are played over memory and over TCP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from pi_voice.sim.clock import run
from pi_voice.sim.network import Network
from tests.until import until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Scene = Callable[[Streams, Streams], Awaitable[object]]


async def connected(scene: Scene) -> object:
    """Play a scene between the two ends of a connection."""
    accepted: asyncio.Queue[Streams] = asyncio.Queue()

    def accept(*streams: asyncio.StreamReader | asyncio.StreamWriter) -> None:
        accepted.put_nowait(streams)  # type: ignore[arg-type]  # exactly a reader and a writer

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    client = await asyncio.open_connection(*address)
    there = await accepted.get()
    try:
        return await scene(client, there)
    finally:
        server.close()
        for _, writer in (client, there):
            writer.close()
        for _, writer in (client, there):
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        await server.wait_closed()


def played(scene: Scene) -> object:
    """What a scene shows, over memory; the same as over TCP."""
    in_memory = run(connected(scene))
    assert asyncio.run(connected(scene)) == in_memory
    return in_memory


def test_bytes_arrive_in_order_however_they_were_cut() -> None:
    chance = random.Random(1)
    pieces = [chance.randbytes(chance.randrange(1, 90_000)) for _ in range(40)]

    async def scene(here: Streams, there: Streams) -> bytes:
        async def send() -> None:
            for piece in pieces:
                here[1].write(piece)
                await here[1].drain()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            return await there[0].readexactly(sum(map(len, pieces)))

    assert played(scene) == b"".join(pieces)


def test_a_half_closed_connection_still_carries_the_answer() -> None:
    async def scene(here: Streams, there: Streams) -> tuple[bytes, bytes]:
        here[1].write(b"question")
        here[1].write_eof()
        here[1].write_eof()
        question = await there[0].read()
        there[1].write(b"answer")
        there[1].close()
        return question, await here[0].read()

    assert played(scene) == (b"question", b"answer")


def test_nothing_can_be_written_after_the_end() -> None:
    async def scene(here: Streams, there: Streams) -> str:
        here[1].write_eof()
        with pytest.raises(RuntimeError) as caught:
            here[1].write(b"more")
        return str(caught.value)

    assert played(scene) == "Cannot call write() after write_eof()"


def test_closing_delivers_everything_that_was_written() -> None:
    async def scene(here: Streams, there: Streams) -> int:
        here[1].write(bytes(5_000_000))
        here[1].close()
        return len(await there[0].read())

    assert played(scene) == 5_000_000


def test_a_closing_connection_is_lost_only_after_everything_left() -> None:
    async def scene(here: Streams, there: Streams) -> tuple[bool, bool]:
        here[1].write(bytes(20_000_000))
        here[1].close()
        lost = asyncio.ensure_future(here[1].wait_closed())
        await asyncio.sleep(0.05)
        early = lost.done()
        await there[0].read()
        await until(lost.done)
        return early, lost.done()

    assert played(scene) == (False, True)


def test_aborting_drops_what_did_not_leave() -> None:
    async def scene(here: Streams, there: Streams) -> tuple[bool, int]:
        here[1].write(bytes(20_000_000))
        end = here[1].transport
        end.abort()
        return 0 < len(await there[0].read()) < 20_000_000, end.get_write_buffer_size()

    assert played(scene) == (True, 0)


def test_whoever_aborts_is_the_end_of_the_file_for_the_other() -> None:
    async def scene(here: Streams, there: Streams) -> bytes:
        here[1].write(b"last")
        here[1].transport.abort()
        return await there[0].read()

    assert played(scene) == b"last"


def test_writing_to_one_who_is_gone_ends_in_a_reset() -> None:
    async def scene(here: Streams, there: Streams) -> str:
        there[1].close()
        await there[1].wait_closed()
        try:
            async with asyncio.timeout(30):
                while True:
                    here[1].write(b"anybody there?")
                    await here[1].drain()
                    await asyncio.sleep(0.01)
        except ConnectionError:  # reset, or broken pipe: TCP has both
            return "reset"

    assert played(scene) == "reset"


def test_a_writer_waits_for_a_slow_reader() -> None:
    async def scene(here: Streams, there: Streams) -> tuple[bool, int]:
        here[1].write(bytes(20_000_000))
        drained = asyncio.ensure_future(here[1].drain())
        await asyncio.sleep(0.05)
        waited = not drained.done()
        read = len(await there[0].readexactly(20_000_000))
        await drained
        return waited, read

    assert played(scene) == (True, 20_000_000)


def test_both_ends_know_their_names() -> None:
    async def scene(here: Streams, there: Streams) -> bool:
        names = [here[1].get_extra_info(name) for name in ("sockname", "peername")]
        return names == [there[1].get_extra_info(name) for name in ("peername", "sockname")]

    assert played(scene) is True


def test_a_transport_tells_whether_it_reads_and_closes() -> None:
    async def scene(here: Streams, there: Streams) -> list[bool]:
        end = here[1].transport
        assert isinstance(end, asyncio.Transport)
        seen = [end.is_reading(), end.is_closing()]
        end.pause_reading()
        seen.append(end.is_reading())
        end.resume_reading()
        seen.append(end.is_reading())
        end.close()
        return [*seen, end.is_reading(), end.is_closing(), end.can_write_eof()]

    assert played(scene) == [True, False, False, True, False, True, True]


@pytest.mark.parametrize(
    ("high", "low"), [(None, None), (1000, None), (1000, 100), (None, 100), (0, None)]
)
def test_the_limits_of_the_write_buffer_are_those_of_asyncio(
    high: int | None, low: int | None
) -> None:
    async def scene(here: Streams, there: Streams) -> object:
        end = here[1].transport
        end.set_write_buffer_limits(high, low)
        return end.get_write_buffer_limits()

    assert isinstance(played(scene), tuple)


class Talker(asyncio.Protocol):
    """Notes what the transport tells it."""

    def __init__(self, notes: list[object]) -> None:
        self.notes = notes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.end = transport
        self.notes.append("made")

    def data_received(self, data: bytes) -> None:
        self.notes.append(data)

    def eof_received(self) -> None:
        self.notes.append("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.notes.append(("lost", error))


async def life_of_a_connection() -> tuple[list[object], list[object]]:
    loop = asyncio.get_running_loop()
    at_server: list[object] = []
    at_client: list[object] = []
    server = await loop.create_server(lambda: Talker(at_server), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    end, talker = await loop.create_connection(lambda: Talker(at_client), host, port)
    assert end.get_protocol() is talker
    end.write(b"hello")
    await until(lambda: b"hello" in at_server)
    end.close()
    end.close()
    end.write(b"too late")
    await until(lambda: len(at_server) == 4 and len(at_client) == 2)
    server.close()
    await server.wait_closed()
    return at_client, at_server


def test_a_protocol_is_told_the_same_as_over_tcp() -> None:
    in_memory = run(life_of_a_connection())
    assert in_memory == (["made", ("lost", None)], ["made", b"hello", "eof", ("lost", None)])
    assert asyncio.run(life_of_a_connection()) == in_memory


def test_a_protocol_can_be_exchanged_while_connected() -> None:
    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        notes: list[object] = []
        server = await loop.create_server(lambda: Talker([]), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        end, _ = await loop.create_connection(lambda: Talker([]), *address)
        end.set_protocol(Talker(notes))
        end.abort()
        await until(lambda: notes)
        server.close()
        return notes

    assert run(main()) == asyncio.run(main()) == [("lost", None)]


def test_a_byte_takes_the_delay_and_the_time_of_its_bandwidth() -> None:
    network = Network()
    network.delay_ms = 50
    network.bytes_per_s = 10_000

    async def scene(here: Streams, there: Streams) -> list[float]:
        loop = asyncio.get_running_loop()
        began_s, arrivals = loop.time(), []
        here[1].write(bytes(1000))
        here[1].write(bytes(1000))
        for _ in range(2):
            await there[0].readexactly(1000)
            arrivals.append(loop.time() - began_s)
        return arrivals

    assert run(connected(scene), network=network) == pytest.approx([0.15, 0.25])


def test_bytes_stay_in_order_when_the_way_gets_shorter() -> None:
    network = Network()
    network.delay_ms = 1000

    async def scene(here: Streams, there: Streams) -> bytes:
        here[1].write(b"first ")
        network.delay_ms = 1
        here[1].write(b"second")
        return await there[0].readexactly(12)

    assert run(connected(scene), network=network) == b"first second"


def test_the_writer_is_paused_above_the_high_mark_and_resumed_at_the_low_one() -> None:
    async def scene(here: Streams, there: Streams) -> list[object]:
        notes: list[object] = []

        class Paused(Talker):
            def pause_writing(self) -> None:
                notes.append(("pause", end.get_write_buffer_size()))

            def resume_writing(self) -> None:
                notes.append(("resume", end.get_write_buffer_size()))

        end = here[1].transport
        assert isinstance(end, asyncio.Transport)
        streams = end.get_protocol()
        end.set_protocol(Paused(notes))
        end.set_write_buffer_limits(high=1000, low=100)
        network.stall()
        for size in (network.window_bytes, 1000, 1):
            end.write(bytes(size))
        network.heal()
        await until(lambda: len(notes) == 2)
        end.set_protocol(streams)
        return notes

    network = Network()
    assert run(connected(scene), network=network) == [("pause", 1001), ("resume", 0)]
