"""Connections made of memory: transports for unmodified asyncio protocols.

Bytes travel as they do over TCP: in order, through a window of what both kernels hold, and what
does not fit waits in the sender's write buffer, where flow control sees it.
"""

from __future__ import annotations

import asyncio
import errno
import math
from collections import deque
from collections.abc import Callable
from typing import cast

WINDOW_BYTES = 256 * 1024  # what both kernels hold of a stream before the sender has to wait
HIGH_WATER_BYTES = 64 * 1024  # asyncio's own default for pausing a writer

Address = tuple[str, int]


class Path:
    """The state of the way between two hosts.

    Attributes:
        delay_ms: How long a byte travels, one way; half of a ping.
        bytes_per_s: The speed of one direction of one connection.
        window_bytes: How much of a stream is under way before the sender has to wait.
        stalled: Nothing moves, and nothing is lost.
        swallowing: Everything is acknowledged, and nothing arrives.
    """

    def __init__(self) -> None:
        self.delay_ms = 0.0
        self.bytes_per_s = math.inf
        self.window_bytes = WINDOW_BYTES
        self.stalled = False
        self.swallowing = False


class Flow:
    """One direction of a connection: the sender's write buffer, both kernels and the wire.

    Attributes:
        unsent_bytes: What waits in the sender's write buffer.
    """

    sender: MemoryTransport
    receiver: MemoryTransport

    def __init__(self, path: Path) -> None:
        self.unsent_bytes = 0
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[bytes] = deque()
        self._travelling: deque[tuple[float, bytes]] = deque()  # arrival; b"" is the end (FIN)
        self._travelling_bytes = 0
        self._wire_free_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._dead = False

    def write(self, data: bytes) -> None:
        self._unsent.append(data)
        self.unsent_bytes += len(data)
        self._send()

    def finish(self) -> None:
        """Say that no more comes, behind everything that was written."""
        self.write(b"")

    def drop_unsent(self) -> None:
        self._unsent.clear()
        self.unsent_bytes = 0

    def kill(self) -> None:
        """Let nothing through any more; nobody is told."""
        self._dead = True
        self.drop_unsent()
        self._travelling.clear()
        self._travelling_bytes = 0

    def wake(self) -> None:
        """Look again: the way or the receiver may be free now."""
        if self._travelling and self._timer is None and not self._waits():
            self._timer = self._loop.call_at(self._travelling[0][0], self._arrive)

    def _waits(self) -> bool:
        return self._path.stalled or self.receiver.is_paused

    def _loses(self) -> bool:
        if self._path.swallowing:
            self.kill()
        return self._dead

    def _send(self) -> None:
        if self._loses():
            self.drop_unsent()
        while self._unsent:
            room = self._path.window_bytes - self._travelling_bytes
            data = self._unsent[0]
            if data and room <= 0:
                break
            self._unsent.popleft()
            if len(data) > room:
                self._unsent.appendleft(data[room:])
                data = data[:room]
            self._travel(data)
        self.wake()

    def _travel(self, data: bytes) -> None:
        self.unsent_bytes -= len(data)
        begin_s = max(self._loop.time(), self._wire_free_s)
        self._wire_free_s = begin_s + len(data) / self._path.bytes_per_s
        self._travelling.append((self._wire_free_s + self._path.delay_ms / 1000, data))
        self._travelling_bytes += len(data)

    def _arrive(self) -> None:
        self._timer = None
        if self._loses():
            self._send()
        elif not self._waits():
            self._hand_over()
            self._send()
        self.sender.written()

    def _hand_over(self) -> None:
        data, ended = self._take_arrived()
        if self.receiver.is_closing():
            if data:  # nobody is there to read it: the other kernel answers with a reset
                self.kill()
                self._loop.call_later(self._path.delay_ms / 1000, self.sender.fail, reset())
            return
        if data:
            self.receiver.take(data)
        if ended:
            self.receiver.take_end()

    def _take_arrived(self) -> tuple[bytes, bool]:
        """What came until now in one piece, as a read from a socket gives it, and if it ended."""
        pieces: list[bytes] = []
        now_s = self._travelling[0][0]  # a timer may fire a nanosecond early
        now_s = max(now_s, self._loop.time())
        while self._travelling and self._travelling[0][0] <= now_s:
            _, data = self._travelling.popleft()
            if not data:
                return b"".join(pieces), True
            self._travelling_bytes -= len(data)
            pieces.append(data)
        return b"".join(pieces), False


class MemoryTransport(asyncio.Transport):
    """One end of a connection, as asyncio's stream protocols expect it."""

    def __init__(
        self,
        protocol: asyncio.BaseProtocol,
        outgoing: Flow,
        incoming: Flow,
        *,
        here: Address,
        there: Address,
    ) -> None:
        super().__init__({"sockname": here, "peername": there, "socket": None})
        self.outgoing = outgoing
        self.incoming = incoming
        self.is_paused = False
        self.is_lost = False
        self.when_lost: Callable[[], None] = lambda: None
        self.on_write: Callable[[bytes], object] = lambda _: None
        outgoing.sender = incoming.receiver = self
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._ended = False
        self._losing = False
        self._writer_paused = False
        self._low, self._high = HIGH_WATER_BYTES // 4, HIGH_WATER_BYTES

    # -- what the protocol calls

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self.is_paused and not self._closing

    def pause_reading(self) -> None:
        self.is_paused = not self._closing

    def resume_reading(self) -> None:
        self.is_paused = False
        self.incoming.wake()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._losing or not data:
            return
        self.on_write(bytes(data))
        self.outgoing.write(bytes(data))
        if self.get_write_buffer_size() > self._high and not self._writer_paused:
            self._writer_paused = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._ended and not self._closing:
            self._ended = True
            self.outgoing.finish()

    def close(self) -> None:
        """Lose the connection after everything that was written is on its way."""
        if self._closing:
            return
        self._closing = True
        self.is_paused = False
        if not self._ended:
            self.outgoing.finish()
        self.incoming.wake()
        self.written()

    def abort(self) -> None:
        """Lose the connection now, as a closed socket does: what the kernel has still arrives."""
        self.outgoing.drop_unsent()
        self.close()
        self._lose(None)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = (4 * low if low is not None else HIGH_WATER_BYTES) if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self.outgoing.unsent_bytes

    # -- what the network calls

    def take(self, data: bytes) -> None:
        cast(asyncio.Protocol, self._protocol).data_received(data)

    def take_end(self) -> None:
        """The other end closed, or wrote its last."""
        if not cast(asyncio.Protocol, self._protocol).eof_received():
            self.close()

    def written(self) -> None:
        """Some of the write buffer left."""
        if self._writer_paused and self.get_write_buffer_size() <= self._low:
            self._writer_paused = False
            self._protocol.resume_writing()
        if self._closing and not self.get_write_buffer_size():
            self._lose(None)

    def fail(self, error: OSError) -> None:
        """The connection was reset."""
        self.outgoing.kill()
        self._closing = True
        self.is_paused = False
        self._lose(error)

    def _lose(self, error: OSError | None) -> None:
        if not self._losing:
            self._losing = True
            self._loop.call_soon(self._connection_lost, error)

    def _connection_lost(self, error: OSError | None) -> None:
        self.is_lost = True
        self.when_lost()
        self._protocol.connection_lost(error)


def reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
