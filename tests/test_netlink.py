"""News of the network, as a kernel told them, and from the kernel itself in a namespace."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pi_voice.core.events import NetworkUp
from pi_voice.netlink import AddressNews, LinkNews, Netlink, News, Reachable, parse
from tests.until import until

# What Linux 6 sent while a pair of links was made, got addresses, went down and up, and was deleted
RECORDED = [
    (tag, bytes.fromhex(data))
    for tag, data in (
        line.split() for line in (Path(__file__).parent / "netlink.txt").read_text().splitlines()
    )
]
V4, V6 = socket.inet_aton("192.0.2.1"), socket.inet_pton(socket.AF_INET6, "2001:db8::1")


def told(tag: str) -> list[News]:
    return [news for each, data in RECORDED if each == tag for news in parse(data)]


@pytest.mark.parametrize(
    ("tag", "news"),
    [
        ("add", [LinkNews(2, False), LinkNews(3, False)]),
        ("addr4", [AddressNews(3, V4, True)]),
        ("up0", [LinkNews(3, False)]),
        ("up1", [LinkNews(2, True), LinkNews(2, True), LinkNews(3, True)]),
        ("dad", []),
        ("addr6", [AddressNews(3, V6, False)]),
        ("addr6dad", [AddressNews(3, V6, True)]),
        ("down1", [LinkNews(2, False), LinkNews(3, False)]),
        ("del4", [AddressNews(3, V4, False)]),
        ("lo", []),
    ],
)
def test_what_the_kernel_told_is_understood(tag: str, news: list[News]) -> None:
    assert told(tag) == news


def test_only_what_is_new_and_good_counts() -> None:
    reachable = Reachable()
    ups = {tag for tag, data in RECORDED for news in parse(data) if reachable.learn(news)}
    assert ups == {"addr4", "up1", "addr6dad"}


def test_what_is_told_again_is_not_new_before_it_was_gone() -> None:
    reachable = Reachable()
    up, address = LinkNews(2, True), AddressNews(2, V4, True)
    assert [reachable.learn(news) for news in (up, up, address, address)] == [
        True,
        False,
        True,
        False,
    ]
    reachable.learn(LinkNews(2, False))
    assert reachable.learn(up)
    assert reachable.learn(address)


def test_a_datagram_that_is_cut_anywhere_harms_nobody() -> None:
    for _, data in RECORDED:
        for length in range(0, len(data), 7):
            list(parse(data[:length]))


def test_lengths_that_lie_harm_nobody() -> None:
    for lie in (0, 1, 15, 17, 0xFFFFFFFF):
        for _, data in RECORDED:
            list(parse(struct.pack("=I", lie) + data[4:]))
    address = next(data for tag, data in RECORDED if tag == "addr4")
    for lie in (0, 3, 5, 0xFFFF):
        list(parse(address[:24] + struct.pack("=H", lie) + address[26:]))


def test_several_messages_in_one_datagram_are_all_read() -> None:
    both = b"".join(data for tag, data in RECORDED if tag in ("addr4", "addr6dad"))
    assert list(parse(both)) == [AddressNews(3, V4, True), AddressNews(3, V6, True)]


class Kernel:
    """The other end of a socket that stands in for the kernel's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.end, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        monkeypatch.setattr("pi_voice.netlink._listening", lambda: ours)

    def tells(self, *tags: str) -> None:
        for tag, data in RECORDED:
            if tag in tags:
                self.end.send(data)


async def test_all_that_comes_up_together_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch)
    told: list[NetworkUp] = []

    async def listen(netlink: Netlink) -> None:
        async for event in netlink.events():
            told.append(event)

    async with Netlink() as netlink, asyncio.TaskGroup() as group:
        listening = group.create_task(listen(netlink))
        kernel.tells("up1", "addr4", "addr6", "addr6dad")
        await until(lambda: told == [NetworkUp()])
        kernel.tells("up1", "down1", "lo", "dellink")
        kernel.tells("up1")
        await until(lambda: len(told) == 2)
        listening.cancel()
    kernel.end.close()


async def test_where_the_kernel_may_not_be_asked_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbidden() -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    caplog.set_level(logging.DEBUG, "pi_voice.netlink")
    monkeypatch.setattr("pi_voice.netlink._listening", forbidden)
    async with Netlink() as netlink:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(netlink.events())
    assert len(caplog.records) == 1


async def test_a_socket_that_breaks_is_closed_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(socket.socket):
        def recv(self, *_: object) -> bytes:
            raise OSError(100, "Network is down")

    end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    broken = Broken(fileno=other.detach())
    monkeypatch.setattr("pi_voice.netlink._listening", lambda: broken)
    async with Netlink() as netlink:
        end.send(b"news")
        assert await anext(netlink.events()) == NetworkUp()
        assert broken.fileno() == -1
    end.close()
    assert "Network is down" in caplog.text


PROGRAM = """
import asyncio, subprocess
from pi_voice.netlink import Netlink

def ip(words):
    subprocess.run(["ip", *words.split()], check=True)

async def main():
    async with Netlink() as netlink:
        events = netlink.events()
        for change in (
            "link set v1 up",
            "addr add 192.0.2.1/24 dev v0",
            "link set v1 down,link set v1 up",
            "addr add 2001:db8::1/64 dev v0 nodad",
        ):
            for words in change.split(","):
                ip(words)
            async with asyncio.timeout(30):
                print(await anext(events))

ip("link add v0 type veth peer name v1")
ip("link set v0 up")
asyncio.run(main())
"""


def test_a_link_that_comes_up_is_told_by_the_kernel() -> None:
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if os.geteuid() or unshare is None or ip is None:
        pytest.skip("needs root, unshare and ip, for a network of its own")
    allowed = subprocess.run([unshare, "-n", ip, "link", "add", "v0", "type", "veth"], check=False)
    if allowed.returncode:
        pytest.skip("this kernel gives nobody a network of his own, or has no veth")
    command = [unshare, "-n", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines() == ["NetworkUp()"] * 4
