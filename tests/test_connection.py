"""How connections end on real sockets, told as facts."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct

import pytest
from websockets.asyncio.server import ServerConnection

from pi_voice.transport.connection import Closing, Limits
from pi_voice.transport.websocket import Socket
from tests.loopback import connected, messages, service
from tests.until import until


async def end(url: str, limits: Limits | None = None) -> Closing:
    async with connected(url, limits) as socket:
        await messages(socket)
        assert socket.closing is not None
        return socket.closing


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011])
@pytest.mark.parametrize("reason", ["", "because"])
async def test_a_close_of_the_service_is_a_fact_and_never_ours(code: int, reason: str) -> None:
    async def handler(there: ServerConnection) -> None:
        await there.close(code, reason)

    async with service(handler) as url:
        told = f"the service closed the connection ({f'{code} {reason}'.strip()})"
        assert await end(url) == Closing(code, reason, ours=False, detail=told)


@pytest.mark.parametrize("code", [1012, 1013, 1014, 3000, 3999, 4000, 4999])
async def test_codes_beyond_the_standard_are_passed_on(code: int) -> None:
    async def handler(there: ServerConnection) -> None:
        await there.close(code)

    async with service(handler) as url:
        assert (await end(url)).code == code


async def test_a_close_without_a_code_is_1005() -> None:
    async def handler(there: ServerConnection) -> None:
        there.protocol.send_close()
        there.transport.write(b"".join(there.protocol.data_to_send()))
        await there.wait_closed()

    async with service(handler) as url:
        assert (await end(url)).code == 1005


@pytest.mark.parametrize("size", [0, 1, 125, 126, 3_000, 65_535, 65_536, 1_000_000])
async def test_a_text_of_any_length_arrives_whole(size: int) -> None:
    arrived: asyncio.Future[str | bytes] = asyncio.get_running_loop().create_future()

    async def handler(there: ServerConnection) -> None:
        arrived.set_result(await there.recv())

    text = "".join(chr(ord("a") + at % 26) for at in range(size))
    async with service(handler, max_size=None) as url, connected(url) as socket:
        socket.send(text.encode())
        assert await arrived == text


async def test_a_connection_that_just_dies_has_no_code() -> None:
    async def handler(there: ServerConnection) -> None:
        linger = struct.pack("ii", 1, 0)  # closing then sends a reset
        raw = there.transport.get_extra_info("socket")
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, linger)
        there.transport.abort()

    async with service(handler) as url:
        closing = await end(url)
    assert (closing.code, closing.reason, closing.ours) == (None, "", False)
    assert closing.detail.startswith("the connection to the service broke (")


async def test_a_connection_that_ends_without_a_goodbye_has_no_code() -> None:
    async def handler(there: ServerConnection) -> None:
        there.transport.close()

    async with service(handler) as url:
        told = "the connection to the service broke (without a goodbye)"
        assert await end(url) == Closing(None, "", ours=False, detail=told)


async def test_our_own_close_is_ours() -> None:
    async with service(messages_until_closed) as url, connected(url) as socket:
        await socket.close()
        assert socket.closing == Closing(1000, "", ours=True, detail="we closed the connection")
        await socket.close()


async def test_an_abort_is_ours_and_needs_no_answer() -> None:
    async with service(messages_until_closed) as url, connected(url) as socket:
        socket.abort()
        assert await messages(socket) == []
        assert socket.closing == Closing(None, "", ours=True, detail="we closed the connection")


async def test_a_close_of_theirs_stays_theirs_when_we_close_after_it() -> None:
    async def handler(there: ServerConnection) -> None:
        await there.close(1011, "boom")

    async with service(handler) as url, connected(url) as socket:
        await messages(socket)
        before = socket.closing
        await socket.close()
        assert socket.closing is before


async def test_a_message_that_is_too_large_ends_the_connection_without_being_held() -> None:
    async def handler(there: ServerConnection) -> None:
        # The header of a text frame that promises 64 MiB, and the first piece of it.
        there.transport.write(b"\x81\x7f" + (64 << 20).to_bytes(8, "big") + bytes(9999))
        await there.wait_closed()

    async with service(handler) as url:
        closing = await end(url)
    assert closing.code == 1009
    assert closing.detail == "the service sent more than 16 MiB in one message"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x83\x00",  # an opcode that does not exist
        b"\xc1\x00",  # a reserved bit
        b"\x81\x81\x00\x00\x00\x00a",  # a mask, which only clients use
        b"\x80\x01a",  # the rest of nothing
        b"\x89\xfe\x00\x7e",  # a ping that is too long
    ],
)
async def test_frames_against_the_rules_end_the_connection(garbage: bytes) -> None:
    async def handler(there: ServerConnection) -> None:
        there.transport.write(garbage)
        await there.wait_closed()

    async with service(handler) as url:
        closing = await end(url)
    assert closing.code == 1002
    assert closing.detail.startswith("the service broke the rules of WebSocket (1002 ")


class Deaf(ServerConnection):
    """Sees no answer to its goodbye, so it never hangs up."""

    said_goodbye = False

    def data_received(self, data: bytes) -> None:
        if not self.said_goodbye:
            super().data_received(data)

    def say_goodbye(self) -> None:
        self.said_goodbye = True
        self.transport.write(b"\x88\x02\x03\xe9")  # the frame of a close with 1001


async def test_a_service_that_says_goodbye_and_never_hangs_up_is_left() -> None:
    async def handler(there: ServerConnection) -> None:
        assert isinstance(there, Deaf)
        there.say_goodbye()
        await there.wait_closed()

    async with service(handler, create_connection=Deaf, ping_interval=None) as url:
        assert (await end(url, Limits(close_s=0.05))).code == 1001


async def test_a_service_that_says_goodbye_and_drips_for_ever_is_left() -> None:
    async def handler(there: ServerConnection) -> None:
        assert isinstance(there, Deaf)
        there.say_goodbye()
        while not there.transport.is_closing():
            there.transport.write(b"\x8a\x00")
            await asyncio.sleep(0.01)

    async with service(handler, create_connection=Deaf, ping_interval=None) as url:
        assert (await end(url, Limits(close_s=0.05))).code == 1001


async def test_the_key_is_hidden_where_the_service_repeats_it() -> None:
    async def handler(there: ServerConnection) -> None:
        await there.close(3000, "bad key: sk-secret")

    async with service(handler) as url:
        socket = await Socket.open(url, headers={"Authorization": "Bearer sk-secret"})
        await messages(socket)
        assert socket.closing is not None
        assert socket.closing.reason == "bad key: …"
        assert "sk-secret" not in socket.closing.detail


async def test_a_real_socket_is_tuned_for_speech() -> None:
    async with service(messages_until_closed) as url, connected(url) as socket:
        raw = socket._wire.transport.get_extra_info("socket")
        assert raw.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY)
        assert raw.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT) == 15_000


async def test_nothing_is_left_behind_when_everybody_is_gone() -> None:
    there: list[ServerConnection] = []

    async def handler(connection: ServerConnection) -> None:
        there.append(connection)
        await connection.wait_closed()

    async with service(handler) as url:
        async with connected(url) as socket:
            await socket.close()
        await until(lambda: there[0].close_code == 1000)


async def messages_until_closed(there: ServerConnection) -> None:
    async for _ in there:
        pass
