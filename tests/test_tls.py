"""Services that cannot prove who they are: none of them gets one byte of the key."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pi_voice.core.events import LinkDown, LinkFault, LinkUp
from pi_voice.errors import RemoteLinkError
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from pi_voice.transport.websocket import Socket
from tests.loopback import raw_service
from tests.until import until

TLS = Path(__file__).parent / "tls"
TLS_HELLO = b"\x16\x03"  # what a client of TLS begins with
KEY = "sk-a-secret-that-nobody-shall-see"
TRUSTED = [*TLS.glob("*.pem"), TLS / "issued" / "authority.pem"]


class Impostor:
    """A service behind a wire that keeps all that a client sent.

    Attributes:
        raw: What was on the wire.
        read: What the service could read.
    """

    def __init__(self) -> None:
        self.raw = bytearray()
        self.read = bytearray()

    @asynccontextmanager
    async def at(self, context: ssl.SSLContext | None) -> AsyncIterator[int]:
        """Listen; yields the port."""
        async with raw_service(self._talk, ssl=context) as behind:

            async def wire(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", behind)
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pass_on(reader, far_writer, self.raw))
                    both.create_task(_pass_on(far_reader, writer, bytearray()))

            async with raw_service(wire) as port:
                yield port

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.read += data
            if b"\r\n\r\n" in self.read or self.read.startswith(TLS_HELLO):
                break
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
) -> None:
    try:
        while data := await reader.read(4096):
            kept += data
            writer.write(data)
    except ConnectionError:
        writer.transport.abort()
    finally:
        writer.close()


def presenting(name: str) -> ssl.SSLContext:
    """A service with this certificate, and as careless as one can be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(TLS / f"{name}.pem")
    return context


def without_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:aNULL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def of_old(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = presenting("issued/good")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "trusted.pem"
    bundle.write_text("".join(path.read_text() for path in TRUSTED))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


async def turned_away(context: ssl.SSLContext | None) -> RemoteLinkError:
    """Call a service, which must see nothing of the key; returns why it was not believed."""
    impostor = Impostor()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with impostor.at(context) as port:
        with pytest.raises(RemoteLinkError) as caught:
            await Socket.open(f"wss://127.0.0.1:{port}/v1/realtime", headers=headers)
        await until(lambda: impostor.raw)  # it was really there
    assert impostor.read == b"" or context is None
    assert KEY.encode() not in impostor.raw
    return caught.value


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_that_is_good_gets_the_key() -> None:
    impostor = Impostor()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with impostor.at(presenting("issued/good")) as port:
        with pytest.raises(RemoteLinkError, match="400"):
            await Socket.open(f"wss://127.0.0.1:{port}/", headers=headers)
    assert KEY.encode() in impostor.read
    assert KEY.encode() not in impostor.raw


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("expired", "clock", "is expired"),
        ("future", "clock", "is not yet valid"),
        ("other", "certificate", "for another name"),
        ("issued/address", "certificate", "for another name"),
        ("issued/wildcard", "certificate", "for another name"),
        ("issued/nameless", "certificate", "for another name"),
        ("issued/client", "certificate", "not trusted (unsuitable certificate purpose)"),
        ("issued/weak_key", "certificate", "not trusted (EE certificate key too weak)"),
        ("issued/sha1", "certificate", "not trusted (CA signature digest algorithm too weak)"),
        ("issued/truncated", "certificate", "not trusted (unable to get local issuer certificate)"),
        ("issued/by_nobody", "certificate", "not trusted (invalid CA certificate)"),
        ("issued/forged", "certificate", "not trusted (certificate signature failure)"),
    ],
)
async def test_a_bad_certificate_is_refused_and_no_byte_of_the_key_is_sent(
    name: str, code: str, words: str
) -> None:
    error = await turned_away(presenting(name))
    assert error.code == code
    assert words in str(error)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("good", "not trusted (self-signed certificate)"),
        ("issued/good", "not trusted (unable to get local issuer certificate)"),
    ],
)
async def test_a_certificate_of_nobody_we_trust_is_refused(name: str, words: str) -> None:
    error = await turned_away(presenting(name))
    assert words in str(error)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "context",
    [
        lambda: None,
        without_certificate,
        lambda: of_old(ssl.TLSVersion.TLSv1),
        lambda: of_old(ssl.TLSVersion.TLSv1_1),
    ],
    ids=["plain HTTP", "no certificate", "TLS 1.0", "TLS 1.1"],
)
async def test_a_service_without_safe_tls_gets_no_key(
    context: Callable[[], ssl.SSLContext | None],
) -> None:
    error = await turned_away(context())
    assert "cannot agree on TLS" in str(error) or "broke" in str(error)


@asynccontextmanager
async def secured(service: EmbeddedService, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The embedded service behind TLS; yields its address."""
    port = int(service.url.rpartition(":")[2].partition("/")[0])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(reader, far_writer, bytearray()))
            both.create_task(_pass_on(far_reader, writer, bytearray()))

    async with raw_service(talk, ssl=context) as tls_port:
        yield f"wss://127.0.0.1:{tls_port}/v1/realtime"


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_that_is_not_yet_valid_is_tried_again_when_the_clock_is_set() -> None:
    """To the client it is the same whether its clock leaps or the certificate becomes another."""
    context = presenting("future")
    async with EmbeddedService() as service, secured(service, context) as url:
        async with ServiceLink(LinkSettings(url, api_key=KEY)) as link:
            events = link.events()
            down = await anext(events)
            assert isinstance(down, LinkDown)
            assert down.fault is LinkFault.CLOCK
            context.load_cert_chain(TLS / "good.pem")
            link.link_up()
            async with asyncio.timeout(5):
                assert isinstance(await anext(events), LinkUp)
