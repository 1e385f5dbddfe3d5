"""What the kernel tells of links and addresses, so that nobody waits when the network is back."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from errno import ENOBUFS
from types import TracebackType
from typing import Self

from pi_voice.core.events import NetworkUp

logger = logging.getLogger(__name__)

# include/uapi/linux/{netlink,rtnetlink,if,if_addr}.h; Python names only some of them
GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR = 16, 17, 20, 21
IFF_LOOPBACK, IFF_LOWER_UP = 0x8, 0x10000
IFA_F_TENTATIVE = 0x40  # IPv6 still asks whether somebody else has the address
RT_SCOPE_UNIVERSE, RT_SCOPE_SITE = 0, 200
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type; then its value
IFA_ADDRESS, IFA_LOCAL = 1, 2
RECEIVE_BYTES = 65_536  # the kernel's largest datagram is 32 KiB
SETTLE_S = 0.1  # a link that comes up tells it several times, addresses one by one


@dataclass(frozen=True, slots=True)
class LinkNews:
    """A link changed: a cable, a radio.

    Attributes:
        index: Which, as the kernel counts them.
        carrier: Something answers at its other end.
    """

    index: int
    carrier: bool


@dataclass(frozen=True, slots=True)
class AddressNews:
    """A link got an address, or lost it.

    Attributes:
        index: Which link.
        address: As bytes of the wire; empty if the kernel does not say.
        usable: Others can be reached from it.
    """

    index: int
    address: bytes
    usable: bool


News = LinkNews | AddressNews


def parse(datagram: bytes) -> Iterator[News]:
    """Read what the kernel says of links and addresses, loopback aside; the rest is skipped."""
    place = 0
    while place + HEADER.size <= len(datagram):
        length, kind, *_ = HEADER.unpack_from(datagram, place)
        if length < HEADER.size or place + length > len(datagram):
            return
        news = _read(kind, datagram[place + HEADER.size : place + length])
        if news is not None:
            yield news
        place += _aligned(length)


def _read(kind: int, body: bytes) -> News | None:
    if kind in (RTM_NEWLINK, RTM_DELLINK) and len(body) >= LINK.size:
        _, _, index, flags, _ = LINK.unpack_from(body)
        carrier = kind == RTM_NEWLINK and bool(flags & IFF_LOWER_UP)
        return None if flags & IFF_LOOPBACK else LinkNews(index, carrier)
    if kind in (RTM_NEWADDR, RTM_DELADDR) and len(body) >= ADDRESS.size:
        _, _, flags, scope, index = ADDRESS.unpack_from(body)
        if scope not in (RT_SCOPE_UNIVERSE, RT_SCOPE_SITE):
            return None  # of this machine, or of this cable alone
        usable = kind == RTM_NEWADDR and not flags & IFA_F_TENTATIVE
        return AddressNews(index, _address(body[ADDRESS.size :]), usable)
    return None


def _address(attributes: bytes) -> bytes:
    found: dict[int, bytes] = {}
    place = 0
    while place + ATTRIBUTE.size <= len(attributes):
        length, kind = ATTRIBUTE.unpack_from(attributes, place)
        if length < ATTRIBUTE.size:
            break
        found[kind] = attributes[place + ATTRIBUTE.size : place + length]
        place += _aligned(length)
    return found.get(IFA_LOCAL) or found.get(IFA_ADDRESS) or b""


def _aligned(length: int) -> int:
    return (length + 3) & ~3


class Reachable:
    """Knows which links and addresses there are, and tells when one is new.

    The kernel repeats itself: lifetimes of addresses are renewed, a radio tells its state again.
    """

    def __init__(self) -> None:
        self._known: set[tuple[int, bytes]] = set()

    def learn(self, news: News) -> bool:
        """Take one piece of news; True if there is a link or an address that was not there."""
        if isinstance(news, LinkNews):
            key, good = (news.index, b""), news.carrier
            if not good:
                self._known = {known for known in self._known if known[0] != news.index}
        else:
            key, good = (news.index, b"=" + news.address), news.usable
        if not good:
            self._known.discard(key)
            return False
        is_new = key not in self._known
        self._known.add(key)
        return is_new


class Netlink:
    """A source of NetworkUp; without permission to ask the kernel, one that stays silent."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._reachable = Reachable()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            self._socket = _listening()
        except (OSError, AttributeError) as error:
            logger.info("changes of the network are not told here (%s); it is looked for", error)
        else:
            asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    async def events(self) -> AsyncIterator[NetworkUp]:
        """One event for each time that something came up, however much that was."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(SETTLE_S)
            self._changed.clear()
            yield NetworkUp()

    def _read(self) -> None:
        assert self._socket is not None
        try:
            datagram = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._changed.set()
            if error.errno != ENOBUFS:  # that one says that some news were lost: there was much
                logger.warning("the kernel tells no more of the network (%s)", error)
                self._close()
            return
        for news in parse(datagram):
            if self._reachable.learn(news):
                self._changed.set()

    def _close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


def _listening() -> socket.socket:
    """A socket of the kernel's news.

    Raises:
        OSError: The kernel does not allow it.
        AttributeError: This is no Linux.
    """
    made = socket.socket(
        socket.AF_NETLINK,
        socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
        socket.NETLINK_ROUTE,
    )
    try:
        made.bind((0, GROUPS))
    except OSError:
        made.close()
        raise
    return made
