"""The socket against real services: opening, refusing, streaming, stalling, closing."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from pi_voice.errors import LinkError, LocalLinkError, RemoteLinkError
from pi_voice.transport.websocket import Dialer, Limits, Socket, in_daemon_thread
from tests.loopback import Proxy, connected, messages, raw_service, service
from tests.until import until

TLS = Path(__file__).parent / "tls"
KEY = "sk-a-secret-that-nobody-shall-see"
FRAME = b'{"audio":"' + b"A" * 1280 + b'"}'
NAME = "service.example"

Names = dict[str, Callable[[], str]]


async def echo(there: ServerConnection) -> None:
    async for message in there:
        await there.send(message)


async def refused(
    url: str, *, dialer: Dialer | None = None, open_timeout_s: float = 10
) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await Socket.open(
            url,
            headers={"Authorization": f"Bearer {KEY}"},
            open_timeout_s=open_timeout_s,
            dialer=dialer,
        )
    return caught.value


@asynccontextmanager
async def refusing(status: int, body: bytes = b"", **headers: str) -> AsyncIterator[str]:
    def refuse(there: ServerConnection, request: Request) -> Response:
        response = there.respond(HTTPStatus(status), body.decode())
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    async with service(echo, process_request=refuse) as url:
        yield url


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the name service answers; what is missing is unknown to it."""
    table: Names = {}

    def getaddrinfo(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
        if host not in table:
            raise sockets.gaierror(sockets.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in table[host]().split()]

    monkeypatch.setattr(sockets, "getaddrinfo", getaddrinfo)
    return table


# -- opening


async def test_a_message_goes_out_as_one_text_frame_and_the_answer_comes_back() -> None:
    async with service(echo) as url, connected(url) as socket:
        socket.send('{"text":"grüß dich"}'.encode())
        assert await anext(aiter(socket)) == '{"text":"grüß dich"}'


async def test_the_headers_are_sent_and_compression_is_not_offered() -> None:
    requests: list[Request] = []

    async def handler(there: ServerConnection) -> None:
        assert there.request is not None
        requests.append(there.request)

    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://localhost:{port}/v1/realtime?model=a"
        socket = await Socket.open(url, headers={"X-Box": "7"})
        await messages(socket)
    assert requests[0].path == "/v1/realtime?model=a"
    assert requests[0].headers["X-Box"] == "7"
    assert "Sec-WebSocket-Extensions" not in requests[0].headers


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(401, False), (403, False), (404, False), (429, True), (500, True), (502, True), (503, True)],
)
async def test_a_refused_handshake_says_whether_another_try_may_help(
    status: int, *, retryable: bool
) -> None:
    async with refusing(status, b"<html>" + KEY.encode() * 2000) as url:
        error = await refused(url)
    assert isinstance(error, RemoteLinkError)
    assert (error.status, error.retryable) == (status, retryable)


async def test_a_busy_service_says_how_long_to_wait() -> None:
    async with refusing(429, b'{"error":{"code":"rate_limit_exceeded"}}', Retry_After="7") as url:
        error = await refused(url)
    assert isinstance(error, RemoteLinkError)
    assert (error.retry_after_s, error.code) == (7.0, "rate_limit_exceeded")


@pytest.mark.parametrize(
    "where", ["ws://127.0.0.1:{port}/here", "ws://127.0.0.2:{port}/", "/there"]
)
async def test_no_redirect_is_followed_because_the_key_would_be_too(where: str) -> None:
    seen: list[str] = []

    def redirect(there: ServerConnection, request: Request) -> Response:
        seen.append(request.path)
        response = there.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["Location"] = where.format(port=there.local_address[1])
        return response

    async with service(echo, process_request=redirect) as url:
        error = await refused(f"{url}/first")
    assert isinstance(error, RemoteLinkError)
    assert (error.status, seen) == (307, ["/first"])


async def test_nobody_listening_is_told() -> None:
    async with raw_service(hang_up) as port:
        pass
    error = await refused(f"ws://127.0.0.1:{port}")
    assert str(error) == (
        f"nothing listens at 127.0.0.1:{port}. Check [service] url, and that the service runs"
    )


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 9000, b"HTTP/1.1 101\r\n"]
)
async def test_something_else_listening_is_told(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with raw_service(talk) as port:
        error = await refused(f"ws://127.0.0.1:{port}")
    told = f"what answers at 127.0.0.1:{port} does not speak WebSocket. Check [service] url"
    assert str(error) == told


async def test_a_service_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_service(talk) as port:
        error = await refused(f"ws://127.0.0.1:{port}", open_timeout_s=0.1)
    assert str(error) == f"no answer from 127.0.0.1:{port} in time. Check the internet connection"


async def test_a_voice_never_travels_in_clear_text() -> None:
    error = await refused(f"ws://192.0.2.1/?key={KEY}")
    assert isinstance(error, LocalLinkError)
    assert KEY not in str(error)


async def test_no_failure_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="websockets")
    errors = []
    for status in (302, 401, 403, 404, 429, 500):
        async with refusing(status, f"no: {KEY}".encode(), Location=f"/{KEY}") as url:
            errors.append(await refused(url))
    async with service(echo) as url:
        headers = {"Authorization": f"Bearer {KEY}", "api-key": KEY}
        socket = await Socket.open(url, headers=headers)
        await socket.close()
        broken = {"Authorization": f"Bearer {KEY}\nX: y"}
        with pytest.raises(LinkError) as caught:
            await Socket.open(url, headers=broken)
        errors.append(caught.value)
    theirs = [record for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "".join(record.getMessage() for record in theirs)
    assert KEY not in "".join("".join(traceback.format_exception(error)) for error in errors)


# -- TLS


@asynccontextmanager
async def secured(certificate: str) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{certificate}.pem")
    async with service(echo, ssl=context) as url:
        yield f"wss://{NAME}:{url.rpartition(':')[2]}"


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: Names) -> None:
    """Trust the certificates of the tests, and know where their service is."""
    names[NAME] = lambda: "127.0.0.1"
    bundle = tmp_path / "trusted.pem"
    bundle.write_text("".join(path.read_text() for path in TLS.glob("*.pem")))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@pytest.mark.usefixtures("trusted")
async def test_a_trusted_service_is_spoken_to_over_tls() -> None:
    async with secured("good") as url, connected(url) as socket:
        for _ in range(300):
            socket.send(FRAME * 10)
        await socket.drain()
        received = aiter(socket)
        for _ in range(300):
            assert await anext(received) == (FRAME * 10).decode()
        await socket.close()
        assert socket.dropped_audio_ms == 0


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("certificate", "code", "text"),
    [
        ("expired", "clock", "is expired. Check the clock of this device: timedatectl"),
        ("future", "clock", "is not yet valid. Check the clock of this device: timedatectl"),
        (
            "other",
            "certificate",
            "is for another name. If this network wants a login, open any web page on it;"
            " else check [service] url",
        ),
    ],
)
async def test_a_certificate_that_proves_nothing_is_refused(
    certificate: str, code: str, text: str
) -> None:
    async with secured(certificate) as url:
        error = await refused(url)
    assert isinstance(error, RemoteLinkError)
    assert (error.code, error.retryable, error.retry_after_s) == (code, True, 30.0)
    assert str(error) == f"the certificate of {url.removeprefix('wss://')} {text}"


async def test_a_certificate_of_nobody_we_know_is_refused(
    names: Names,
) -> None:
    names[NAME] = lambda: "127.0.0.1"
    async with secured("good") as url:
        error = await refused(url)
    assert "is not trusted (self-signed certificate)" in str(error)


@pytest.mark.usefixtures("trusted")
async def test_a_service_without_tls_gets_no_key() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert KEY.encode() not in await reader.read(9999)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_service(talk) as port:
        error = await refused(f"wss://{NAME}:{port}")
    assert str(error) == f"cannot agree on TLS with {NAME}:{port}. Check [service] url"


# -- the way there


@pytest.mark.usefixtures("trusted")
async def test_a_proxy_is_asked_to_connect_and_sees_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async with secured("good") as url:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", int(url.rpartition(":")[2])
            )
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            proxy = Proxy()
            async with asyncio.TaskGroup() as both:
                both.create_task(proxy.pass_on(reader, far_writer))
                both.create_task(proxy.pass_on(far_reader, writer))

        async with raw_service(talk) as port:
            monkeypatch.setenv("https_proxy", f"http://localhost:{port}")
            async with connected(url) as socket:
                socket.send(b"hello")
                assert await anext(aiter(socket)) == "hello"
    assert heads[0].startswith(f"CONNECT {url.removeprefix('wss://')} HTTP/1.1\r\n".encode())
    assert KEY.encode() not in heads[0]


async def test_a_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with raw_service(talk) as port:
        monkeypatch.setenv("https_proxy", f"http://user:{KEY}@127.0.0.1:{port}")
        error = await refused(f"wss://{NAME}")
    assert str(error) == "the proxy refused to connect (407). Check https_proxy and its password"


async def test_an_unknown_name_is_told(names: Names) -> None:
    error = await refused(f"wss://{NAME}/v1?key={KEY}")
    assert str(error) == (
        f"cannot find '{NAME}' on the network. Check the internet connection and its DNS"
    )


async def test_a_dead_name_service_is_given_up_in_time(names: Names) -> None:
    answer = threading.Event()
    names[NAME] = lambda: "127.0.0.1" if answer.wait(60) else ""
    error = await refused(f"wss://{NAME}", open_timeout_s=0.1)
    answer.set()
    assert str(error).startswith(f"cannot find '{NAME}' on the network")


@pytest.mark.usefixtures("trusted")
async def test_the_address_that_worked_helps_when_the_name_service_is_dead(
    names: Names,
) -> None:
    dialer, answer = Dialer(), threading.Event()
    async with secured("good") as url:
        await (await Socket.open(url, headers={}, dialer=dialer)).close()
        names[NAME] = lambda: "127.0.0.1" if answer.wait(60) else ""
        socket = await Socket.open(url, headers={}, dialer=dialer, open_timeout_s=2)
        await socket.close()
        answer.set()


@pytest.mark.usefixtures("trusted")
async def test_a_slow_name_service_is_asked_once_and_waited_for(
    names: Names,
) -> None:
    dialer, answer, asked = Dialer(), threading.Event(), []

    def slowly() -> str:
        asked.append(NAME)
        answer.wait(60)
        return "127.0.0.1"

    names[NAME] = slowly
    async with secured("good") as url:
        for _ in range(3):
            await refused(url, dialer=dialer, open_timeout_s=0.05)
        attempt = asyncio.create_task(Socket.open(url, headers={}, dialer=dialer))
        answer.set()
        await (await attempt).close()
    assert asked == [NAME]


@pytest.mark.usefixtures("trusted")
async def test_a_broken_address_is_overtaken_by_one_that_works(
    names: Names,
) -> None:
    names[NAME] = lambda: "127.0.0.77 127.0.0.1"
    async with secured("good") as url, connected(url) as socket:
        socket.send(b"hello")
        assert await anext(aiter(socket)) == "hello"


def test_a_process_with_a_dead_name_service_ends_at_once(tmp_path: Path) -> None:
    script = tmp_path / "dead_dns.py"
    script.write_text(
        "import asyncio, socket, time\n"
        "from pi_voice.transport.websocket import Socket\n"
        "socket.getaddrinfo = lambda *_, **__: time.sleep(600)\n"
        "async def main():\n"
        "    opening = asyncio.create_task(Socket.open('wss://dead.example', headers={}))\n"
        "    await asyncio.sleep(0.1)\n"
        "    opening.cancel()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, script], check=True, timeout=60)


async def test_what_a_thread_finds_out_or_raises_comes_back() -> None:
    assert await in_daemon_thread(lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        await in_daemon_thread(lambda: 1 / 0)


# -- streaming


async def test_messages_that_are_no_text_are_handed_over_as_they_are() -> None:
    async def handler(there: ServerConnection) -> None:
        await there.send(b"\x00\xff")
        there.transport.write(b"\x81\x02\xff\xfe")  # a text frame that is no UTF-8
        await there.send("still here")

    async with service(handler) as url, connected(url) as socket:
        assert await messages(socket) == [b"\x00\xff", b"\xff\xfe", "still here"]


async def test_a_flood_of_messages_comes_through_whole_and_in_order() -> None:
    async def handler(there: ServerConnection) -> None:
        for number in range(3000):
            await there.send(str(number))

    async with service(handler) as url, connected(url) as socket:
        assert await messages(socket) == [str(number) for number in range(3000)]


async def test_a_message_of_sixteen_megabytes_is_taken() -> None:
    async def handler(there: ServerConnection) -> None:
        await there.send("x" * (16 << 20))

    async with service(handler) as url, connected(url) as socket:
        [message] = await messages(socket)
        assert len(message) == 16 << 20


async def test_an_oversized_message_ends_the_connection() -> None:
    async def handler(there: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await there.send("x" * (64 << 20))

    async with service(handler) as url, connected(url) as socket:
        assert await messages(socket) == []
        assert socket.closing is not None
        assert "more than 16 MiB in one message" in socket.closing.detail


async def test_fragments_without_end_end_the_connection() -> None:
    async def fragments() -> AsyncIterator[str]:
        while True:
            yield "x" * (1 << 18)

    async def handler(there: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await there.send(fragments())

    async with service(handler) as url, connected(url) as socket:
        assert await messages(socket) == []
        assert socket.closing is not None
        assert "more than 16 MiB in one message" in socket.closing.detail


async def test_what_the_network_does_not_take_waits_and_the_oldest_sound_is_dropped() -> None:
    proxy, received = Proxy(), list[str | bytes]()

    async def handler(there: ServerConnection) -> None:
        async for message in there:
            received.append(message)

    limits = Limits(audio_bytes=len(FRAME) * 100)
    async with service(handler, max_size=None) as url, proxy.to(url) as slow:
        async with connected(slow, limits) as socket:
            proxy.reads.clear()
            sent = 0
            while socket.dropped_audio_ms < 1000:
                socket.send(b"%06d" % sent + FRAME, audio_ms=20)
                sent += 1
                await asyncio.sleep(0)
            socket.send(b"commit")
            assert socket.queued_audio_ms <= 2000
            proxy.reads.set()
            await until(lambda: received[-1:] == ["commit"])
            numbers = [int(message[:6]) for message in received[:-1]]
            assert numbers == sorted(numbers)
            assert numbers[-1] == sent - 1
            assert (sent - len(numbers)) * 20 == socket.dropped_audio_ms


async def test_drain_returns_when_the_network_took_everything() -> None:
    proxy = Proxy()
    async with service(echo, max_size=None) as url, proxy.to(url) as slow:
        async with connected(slow, Limits(audio_bytes=1 << 30)) as socket:
            proxy.reads.clear()
            while not socket.queued_audio_ms:
                socket.send(FRAME * 50, audio_ms=20)
                await asyncio.sleep(0)
            draining = asyncio.create_task(socket.drain())
            reading = asyncio.create_task(messages(socket))
            await asyncio.sleep(0.01)
            assert not draining.done()
            proxy.reads.set()
            await draining
            assert socket.queued_audio_ms == 0
            socket.abort()
            await reading


async def test_drain_returns_when_there_is_nothing_left_to_drain_to() -> None:
    proxy = Proxy()
    async with service(echo, max_size=None) as url, proxy.to(url) as slow:
        async with connected(slow) as socket:
            proxy.reads.clear()
            while not socket.queued_audio_ms:
                socket.send(FRAME * 50, audio_ms=20)
                await asyncio.sleep(0)
            draining = asyncio.create_task(socket.drain())
            await asyncio.sleep(0.01)
            socket.abort()
            await draining
            assert socket.dropped_audio_ms
            proxy.reads.set()


async def test_sound_for_a_connection_that_is_gone_is_counted_and_harmless() -> None:
    async with service(hang_up_at_once) as url, connected(url) as socket:
        await messages(socket)
        for _ in range(50):
            socket.send(FRAME, audio_ms=20)
            socket.send(b"commit")
        assert socket.dropped_audio_ms == 1000
        await socket.drain()


# -- links that die, in real time with short patience


HASTY = Limits(ping_live_s=0.05, silent_live_s=0.3, ping_idle_s=0.1, silent_idle_s=0.4, close_s=0.1)


@pytest.mark.parametrize("talking", [True, False])
async def test_a_proxy_that_swallows_everything_is_noticed(*, talking: bool) -> None:
    proxy = Proxy()
    async with service(echo) as url, proxy.to(url) as holed, connected(holed, HASTY) as socket:
        socket.send(b"hello")
        assert await anext(aiter(socket)) == "hello"
        proxy.swallows = True
        while socket.closing is None:
            if talking:
                socket.send(FRAME, audio_ms=20)
            await asyncio.sleep(0.02)
        assert socket.closing.detail.startswith("no sign of life from the service for")


async def test_a_service_that_stops_reading_is_noticed() -> None:
    proxy = Proxy()
    limits = Limits(silent_live_s=60, blocked_s=0.2)
    async with service(echo) as url, proxy.to(url) as stuck, connected(stuck, limits) as socket:
        proxy.reads.clear()
        while socket.closing is None:
            socket.send(FRAME * 50, audio_ms=20)
            await asyncio.sleep(0)
        proxy.reads.set()
        assert socket.closing.detail == "the network took nothing for 0.2 s"


@pytest.mark.parametrize("full", [True, False])
async def test_closing_does_not_wait_for_a_network_that_is_gone(*, full: bool) -> None:
    proxy = Proxy()
    async with service(echo) as url, proxy.to(url) as stuck:
        async with connected(stuck, Limits(close_s=0.1)) as socket:
            proxy.reads.clear()
            while full and not socket.queued_audio_ms:
                socket.send(FRAME * 50, audio_ms=20)
                await asyncio.sleep(0)
            async with asyncio.timeout(30):
                await socket.close()
            assert socket.closing is not None
            assert (socket.closing.code, socket.closing.ours) == (None, True)
            proxy.reads.set()


async def test_the_memory_of_a_stalled_link_is_bounded() -> None:
    proxy = Proxy()
    async with service(echo) as url, proxy.to(url) as stuck, connected(stuck) as socket:
        proxy.reads.clear()
        for _ in range(20_000):
            socket.send(FRAME, audio_ms=20)
        assert socket.queued_audio_ms <= 20 * Limits().audio_bytes / len(FRAME)
        assert socket._wire.transport.get_write_buffer_size() <= 2 * len(FRAME)
        proxy.reads.set()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def hang_up_at_once(there: ServerConnection) -> None:
    pass
