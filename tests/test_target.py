"""Which addresses are used, which are not, and in which order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from errno import EAFNOSUPPORT

import pytest
from websockets.proxy import parse_proxy

from pi_voice.errors import LocalLinkError
from pi_voice.transport.target import (
    Target,
    first_to_answer,
    is_loopback,
    literal_address,
    proxy_for,
    resolve,
)
from tests.loopback import raw_service

SECRET = "sk-secret"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "wss_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("wss://api.openai.com/v1/realtime?model=x", "api.openai.com:443"),
        ("wss://api.example:8443/", "api.example:8443"),
        ("ws://127.0.0.1:8765", "127.0.0.1:8765"),
        ("ws://localhost/x", "localhost:80"),
        ("ws://[::1]:9/", "::1:9"),
    ],
)
def test_a_url_is_a_host_and_a_port(url: str, where: str) -> None:
    assert Target.parse(url).where == where


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            f"ws://api.example/{SECRET}",
            "[service] url would carry the key and the voice to 'api.example' in clear text;"
            " use wss://",
        ),
        (
            f"https://api.example/{SECRET}",
            "[service] url is no wss:// address; for example"
            ' url = "wss://api.openai.com/v1/realtime"',
        ),
        (
            f"wss://user:{SECRET}@api.example/",
            "[service] url contains a user name; use [service] headers",
        ),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_showing_it(url: str, text: str) -> None:
    with pytest.raises(LocalLinkError) as caught:
        Target.parse(url)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "url",
    [
        *[
            "",
            "wss://",
            "api.openai.com",
            "wss://a:port/",
            "wss://a:99999/",
            "wss://a/#b",
            "ws://[",
        ],
        *["wss://api..openai.com/v1/realtime", f"wss://{'a' * 64}.example/"],
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(LocalLinkError, match="for example"):
        Target.parse(url)


def test_addresses_and_the_name_of_this_machine_need_no_name_service() -> None:
    assert literal_address("192.0.2.1") == "192.0.2.1"
    assert literal_address("::1") == "::1"
    assert literal_address("localhost") == "127.0.0.1"
    assert literal_address("api.example") is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["192.168.0.1", "localhost.evil.example", "::", "0.0.0.0"])
def test_other_machines_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("name", ["https_proxy", "wss_proxy", "HTTPS_PROXY"])
def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://user:word@proxy.example:3128")
    proxy = proxy_for(Target.parse("wss://api.example/"))
    assert proxy is not None
    assert (proxy.where, proxy.secure) == ("proxy.example:3128", False)
    assert proxy.at("192.0.2.9") == "http://user:word@192.0.2.9:3128"
    assert proxy.at("2001:db8::9") == "http://user:word@[2001:db8::9]:3128"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/", "wss://localhost/", "wss://api.example/"])
def test_some_targets_are_reached_without_the_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "api.example")
    assert proxy_for(Target.parse(url)) is None


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", f"socks5://user:{SECRET}@proxy.example")
    with pytest.raises(LocalLinkError) as caught:
        proxy_for(Target.parse("wss://api.example/"))
    assert str(caught.value) == "https_proxy is no http:// address; set it to one, or unset it"


@pytest.mark.parametrize(
    "proxy", [f"http://user:{SECRET}@127.0.0.1:1/x?y", f"http://{SECRET}@[::1]"]
)
def test_what_the_library_would_refuse_of_a_proxy_is_left_out(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    found = proxy_for(Target.parse("wss://api.example/"))
    assert found is not None
    assert parse_proxy(found.at("192.0.2.9")).user_info in [("user", SECRET), (SECRET, "")]


def test_the_families_of_a_name_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["2001:db8::1", "2001:db8::2", "2001:db8::2", "192.0.2.1"]

    def answer(host: str, port: object, type: int) -> Iterator[tuple[object, ...]]:
        return iter([(0, type, 6, "", (address, 0)) for address in found])

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert resolve("api.example") == ["2001:db8::1", "192.0.2.1", "2001:db8::2"]


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_an_address_that_refuses_costs_nothing_when_another_answers() -> None:
    async with raw_service(accept) as port:
        sock = await first_to_answer(["127.0.0.77", "127.0.0.1"], port)
        assert sock.getpeername() == ("127.0.0.1", port)
        sock.close()


async def test_an_address_that_never_answers_is_overtaken() -> None:
    # Its backlog is full, so that the kernel drops what comes: like a route to nowhere.
    with socket.create_server(("127.0.0.78", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.78", port)):
            async with raw_service(accept, port=port) as _:
                sock = await first_to_answer(["127.0.0.78", "127.0.0.1"], port)
                assert sock.getpeername() == ("127.0.0.1", port)
                sock.close()


async def test_a_family_that_this_machine_does_not_know_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = socket.socket

    def without_ipv6(family: int = -1, *others: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(EAFNOSUPPORT, "Address family not supported by protocol")
        return made(family, *others)

    async with raw_service(accept) as port:
        monkeypatch.setattr(socket, "socket", without_ipv6)
        sock = await first_to_answer(["::1", "127.0.0.1"], port)
        assert sock.getpeername() == ("127.0.0.1", port)
        sock.close()


async def test_when_nobody_answers_the_first_error_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await first_to_answer(["127.0.0.1", "127.0.0.77"], port)


async def test_giving_up_leaves_no_socket_behind() -> None:
    with socket.create_server(("127.0.0.78", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.78", port)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await first_to_answer(["127.0.0.78"], port)
