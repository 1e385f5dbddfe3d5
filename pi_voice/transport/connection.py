"""One WebSocket connection of the `websockets` library, with what a live stream needs beside it."""

from __future__ import annotations

import os
import socket
from asyncio import BaseTransport
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from websockets.asyncio.client import ClientConnection
from websockets.frames import CloseCode
from websockets.protocol import State

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without a compiler
    from websockets.utils import apply_mask

MAX_MESSAGE_BYTES = 16 * 2**20  # a retrieved item carries its whole audio: 16 s fill 1 MiB
USER_TIMEOUT_MS = 15_000  # for the rare moments when our own watch is not looking
# What the kernel holds back unsent is out of our hands: neither dropped nor overtaken by a ping.
UNSENT_BYTES = 32 * 1024

_WHOLE_TEXT, _MASKED = 0x81, 0x80  # the last fragment, of a text; from a client
_SMALL, _USUAL, _LARGE = Struct("!BB"), Struct("!BBH"), Struct("!BBQ")


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection ended, as facts, never as success.

    Attributes:
        code: The WebSocket close code; None when the TCP connection just died.
        reason: What the other side wrote beside the code.
        ours: True only after the caller closed or aborted.
        detail: One sentence for the log.
    """

    code: int | None
    reason: str
    ours: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a conversation can bear.

    Attributes:
        live_s: How long after the last message the conversation counts as live.
        ping_live_s: Between two pings while it is live.
        silent_live_s: Without one byte from the service while it is live: the link is dead.
        ping_idle_s: Between two pings while nobody talks.
        silent_idle_s: Without one byte from the service while nobody talks: the link is dead.
        probe_s: Without one byte from the service after we had reason to ask: the link is dead.
        blocked_s: Without the kernel taking what we send: the link is dead.
        close_s: How long the goodbye may take.
        audio_s: How far the audio that waits may lag behind the newest; the oldest is dropped.
        audio_bytes: How much audio may wait however fast it came; the oldest is dropped.
    """

    live_s: float = 10.0
    ping_live_s: float = 2.0
    silent_live_s: float = 5.0
    ping_idle_s: float = 10.0
    silent_idle_s: float = 20.0
    probe_s: float = 2.5
    blocked_s: float = 5.0
    close_s: float = 1.5
    audio_s: float = 2.0
    audio_bytes: int = 750_000


def _ignore() -> None:
    """Stand in until somebody listens."""


def _unchanged(text: str) -> str:
    return text


class Wire(ClientConnection):
    """Writes frames at once instead of through a coroutine, and remembers when it heard something.

    Attributes:
        heard_at: When the last byte came in, on the loop's clock.
        blocked_at: Since when the kernel does not take what we write; None while it does.
        on_blocked: Called when it stops taking.
        on_writable: Called when it takes again.
        on_closing: Called when the closing handshake began, whoever began it.
        on_lost: Called once, when `closing` is known.
        ours: Set before we close on the caller's behalf.
        fault: Set before we abort for a reason of our own.
        hidden: Takes the key out of a text that the service wrote.
        closing: How it ended; None while it is open.
    """

    heard_at = 0.0
    blocked_at: float | None = None
    on_blocked: Callable[[], None] = staticmethod(_ignore)
    on_writable: Callable[[], None] = staticmethod(_ignore)
    on_closing: Callable[[], None] = staticmethod(_ignore)
    on_lost: Callable[[], None] = staticmethod(_ignore)
    ours = False
    fault = ""
    hidden: Callable[[str], str] = staticmethod(_unchanged)
    closing: Closing | None = None

    @property
    def is_open(self) -> bool:
        return self.protocol.state is State.OPEN and not self.transport.is_closing()

    def write_text(self, text: bytes) -> None:
        """Hand one text frame to the kernel; only while open.

        `send()` of the library does the same behind a coroutine, a context manager, a drain and
        the classes of its frames: after a sleep of 40 ms each costs more than the frame itself.
        """
        size = len(text)
        if size < 126:  # RFC 6455, section 5.2
            head = _SMALL.pack(_WHOLE_TEXT, _MASKED | size)
        elif size < 1 << 16:
            head = _USUAL.pack(_WHOLE_TEXT, _MASKED | 126, size)
        else:
            head = _LARGE.pack(_WHOLE_TEXT, _MASKED | 127, size)
        key = os.urandom(4)
        self.transport.write(b"".join((head, key, apply_mask(text, key))))

    def write_ping(self) -> None:
        """Ask for a sign of life; its pong counts like any other byte. Only while open."""
        self.protocol.send_ping(b"")
        for data in self.protocol.data_to_send():
            self.transport.write(data)

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.heard_at = self.loop.time()
        _tune(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)
        if self.protocol.state is State.CLOSING:
            self.on_closing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.blocked_at = self.loop.time()
        self.on_blocked()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.blocked_at = None
        self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.blocked_at = None
        self.closing = self._facts(exc)
        self.on_lost()

    def _facts(self, error: Exception | None) -> Closing:
        ended = self.protocol.close_exc
        we_objected = ended.sent is not None and not ended.rcvd_then_sent and not self.ours
        close = ended.sent if we_objected else ended.rcvd
        code = None if close is None else int(close.code)
        reason = "" if close is None else self.hidden(close.reason)
        if self.fault:
            detail = self.fault
        elif self.ours:
            detail = "we closed the connection"
        elif code is None:
            detail = f"the connection to the service broke ({error or 'without a goodbye'})"
        elif we_objected and code == CloseCode.MESSAGE_TOO_BIG:
            detail = f"the service sent more than {MAX_MESSAGE_BYTES >> 20} MiB in one message"
        elif we_objected:
            detail = f"the service broke the rules of WebSocket ({code} {reason})"
        else:
            detail = f"the service closed the connection ({f'{code} {reason}'.strip()})"
        return Closing(code, reason, self.ours, detail)


def _tune(sock: socket.socket | None) -> None:
    """Make a real TCP socket fit for speech; in-memory transports have none."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),  # Linux
        ("TCP_NOTSENT_LOWAT", UNSENT_BYTES),  # Linux and macOS
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
