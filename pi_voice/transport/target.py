"""Where to connect: the parts of a URL that we accept, the proxy on the way, the addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.request
from collections import deque
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import SplitResult, urlsplit

from pi_voice.errors import LocalLinkError

HEAD_START_S = 0.25  # between two addresses of one name (RFC 8305 §5)
EXAMPLE = 'for example url = "wss://api.openai.com/v1/realtime"'


@dataclass(frozen=True, slots=True)
class Target:
    """One end of a TCP connection, from a URL."""

    host: str
    port: int
    secure: bool
    url: SplitResult

    @classmethod
    def parse(cls, url: str) -> Target:
        """Accept wss:// to anywhere and ws:// to this machine; LocalLinkError says why not."""
        target = _split(url, secure="wss", plain="ws", ports=(443, 80))
        if not target.secure and not is_loopback(target.host):
            raise LocalLinkError(
                f"[service] url would carry the key and the voice to {target.host!r} in clear"
                " text; use wss://"
            )
        if target.url.username is not None:
            raise LocalLinkError("[service] url contains a user name; use [service] headers")
        return target

    @property
    def where(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"

    def at(self, address: str) -> str:
        """The URL with an address as its host, and nothing behind it; a login has a password."""
        literal = f"[{address}]" if ":" in address else address
        login, at, _ = self.url.netloc.rpartition("@")
        colon = ":" if at and ":" not in login else ""
        return f"{self.url.scheme}://{login}{colon}{at}{literal}:{self.port}"


def _split(url: str, *, secure: str, plain: str, ports: tuple[int, int]) -> Target:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as the resolver does, which says it less well
    except ValueError as error:
        raise LocalLinkError(f"[service] url cannot be read ({error}); {EXAMPLE}") from None
    if parts.scheme not in (secure, plain) or not parts.hostname or parts.fragment:
        raise LocalLinkError(f"[service] url is no {secure}:// address; {EXAMPLE}")
    is_secure = parts.scheme == secure
    return Target(parts.hostname, port or ports[not is_secure], is_secure, parts)


def proxy_for(target: Target) -> Target | None:
    """Find the HTTP proxy that the environment asks for (https_proxy, no_proxy)."""
    if is_loopback(target.host) or urllib.request.proxy_bypass(target.host):
        return None
    proxies = urllib.request.getproxies()
    url = proxies.get("wss") or proxies.get("https") or proxies.get("all")
    if not url:
        return None
    try:
        return _split(url, secure="https", plain="http", ports=(443, 80))
    except LocalLinkError:
        raise LocalLinkError(
            "https_proxy is no http:// address; set it to one, or unset it"
        ) from None


def literal_address(host: str) -> str | None:
    """Return the address where a host needs no name service; the name of this machine is one."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host


def is_loopback(host: str) -> bool:
    address = literal_address(host)
    return address is not None and ipaddress.ip_address(address).is_loopback


def resolve(host: str) -> list[str]:
    """Ask the system, blocking; families take turns, so that a broken one costs little."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    found = list(dict.fromkeys(str(address[0]) for *_, address in answers))
    first = [address for address in found if (":" in address) == (":" in found[0])]
    second = [address for address in found if address not in first]
    pairs = zip_longest(first, second)
    return [address for pair in pairs for address in pair if address is not None]


async def first_to_answer(addresses: list[str], port: int) -> socket.socket:
    """Connect to the first address that answers, each with a head start before the next.

    Raises:
        OSError: Nobody answered; what the first address said.
    """
    waiting = deque(addresses)
    attempts: list[asyncio.Task[socket.socket]] = []
    pending: set[asyncio.Task[socket.socket]] = set()
    winner: asyncio.Task[socket.socket] | None = None
    try:
        while winner is None and (waiting or pending):
            if waiting:
                attempts.append(asyncio.ensure_future(_connected(waiting.popleft(), port)))
                pending.add(attempts[-1])
            done, pending = await asyncio.wait(
                pending,
                timeout=HEAD_START_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            winner = next((task for task in done if task.exception() is None), None)
    finally:
        for task in pending:
            task.cancel()
        for made in await asyncio.gather(*attempts, return_exceptions=True):
            if not isinstance(made, BaseException) and not (winner and made is winner.result()):
                made.close()
    if winner is None:
        raise attempts[0].exception() or ConnectionError
    return winner.result()


async def _connected(address: str, port: int) -> socket.socket:
    """Connect to one address; OSError also where this machine does not know its family."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock
