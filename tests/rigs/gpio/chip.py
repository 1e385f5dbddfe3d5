"""A GPIO chip of this test run alone, under the real lgpio and gpiozero of child processes.

It answers in the kernel's place what `preload.c` passes on. One chip serves many processes, as a
real one does: a line belongs to whoever requested it, until that descriptor or process is gone.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import selectors
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from ctypes import Structure, sizeof
from pathlib import Path
from typing import Self, TypeVar

from tests.rigs.gpio.lines import Change, Line, Refused, configure, masked, put
from tests.rigs.gpio.uapi import (
    IOCTL_TYPE,
    LINES_MAX,
    ChipInfo,
    Command,
    Config,
    Flag,
    LineEvent,
    LineInfo,
    Request,
    Values,
)

LINES = 54
LABEL = b"pinctrl-bcm2711"  # by which a Pi's header is told from its other chips
MESSAGE_BYTES = 8 + sizeof(Request)  # command, number, and the largest argument
OPEN = 0  # the one command of preload.c that is no ioctl

StructureT = TypeVar("StructureT", bound=Structure)


class GpioChip:
    """A context manager; its lines, its thread and its socket are its own and end with it.

    Attributes:
        environment: What a program needs so that it finds this chip.
    """

    def __init__(self, library: Path) -> None:
        # a socket's path may have 108 characters, and pytest's own folders are deep
        self._folder = Path(tempfile.mkdtemp(prefix="pi-voice-gpio-"))
        self._folder.chmod(0o755)  # a service under another user may use the chip
        path = self._folder / "chip"
        before = (os.environ.get("LD_PRELOAD"),)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": " ".join(filter(None, (*before, str(library)))),
            "GPIO_RIG": str(path),
            "LG_WD": str(self._folder),  # where lgpio makes its pipes
        }
        self._refusal = 0
        self._lines = [Line(offset) for offset in range(LINES)]
        self._requests: dict[int, tuple[list[Line], socket.socket]] = {}
        self._number = 0
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.bind(str(path))
        path.chmod(0o666)
        self._door.listen()
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="gpio chip")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def unplug(self) -> None:
        """From now on there is no chip; a program that has it keeps it."""
        self._refusal = errno.ENOENT

    def close_to_user(self) -> None:
        """From now on the chip is there, but not for the users of these programs."""
        self._refusal = errno.EACCES

    def allow(self) -> None:
        """Undo `unplug` and `close_to_user`."""
        self._refusal = 0

    def drive(self, offset: int, *levels: bool, gap_ms: float = 1.0) -> None:
        """Put levels on a line, one after the other, as a bouncing contact does.

        The last edge is of this moment. The others were `gap_ms` apart before it in the kernel's
        time, however slow this test or its machine is.
        """
        with self._lock:
            now_ns = time.monotonic_ns()
            line = self._lines[offset]
            for left, level in zip(reversed(range(len(levels))), levels, strict=True):
                was, line.driven = line.high, level
                if line.high is not was:
                    self._tell(line, now_ns - int(left * gap_ms * 1e6))

    def drive_unnoticed(self, offset: int, *, high: bool) -> None:
        """Put a level on a line and lose the edge, as a kernel does whose queue is full."""
        with self._lock:
            self._lines[offset].driven = high

    def is_high(self, offset: int) -> bool:
        """What a lamp on an output shows; false if nobody drives the line."""
        with self._lock:
            return self._lines[offset].is_output and self._lines[offset].output

    def holder(self, offset: int) -> str:
        """The name under which a line was requested; "" if it is free."""
        with self._lock:
            self._reap()
            return self._lines[offset].consumer.decode()

    def left_on(self, offset: int) -> bool:
        """The last program on this line went away without turning its lamp off."""
        with self._lock:
            self._reap()
            return self._lines[offset].left_on

    def changes(self, offset: int) -> list[Change]:
        """Everything that a lamp on the line ever did."""
        with self._lock:
            return list(self._lines[offset].changes)

    def duty(self, offset: int, last_s: float) -> float:
        """For which part of the time until now the line was high, from 0 to 1."""
        now_s = time.monotonic()
        changes = [*self.changes(offset), Change(now_s, high=False)]
        spans_s = (
            after.at_s - max(change.at_s, now_s - last_s)
            for change, after in itertools.pairwise(changes)
            if change.high
        )
        return sum(span_s for span_s in spans_s if span_s > 0) / last_s

    def _serve(self) -> None:
        with self._selector, self._ended, contextlib.ExitStack() as programs:
            self._selector.register(self._ended, selectors.EVENT_READ)
            self._selector.register(programs.enter_context(self._door), selectors.EVENT_READ)
            while True:
                for key, _ in self._selector.select():
                    ready = key.fileobj
                    assert isinstance(ready, socket.socket)
                    if ready is self._ended:
                        self._drop(self._requests.copy())
                        return
                    if ready is self._door:
                        program = programs.enter_context(self._door.accept()[0])
                        self._selector.register(program, selectors.EVENT_READ)
                    else:
                        self._hear(ready)

    def _hear(self, sender: socket.socket) -> None:
        """Answer a program, or find that it let go of a line."""
        with self._lock, contextlib.suppress(ConnectionError):
            if sender.fileno() < 0:  # closed since it was found ready
                return
            if any(sender is line for _, line in self._requests.values()):
                self._reap()
                return
            if message := sender.recv(MESSAGE_BYTES):
                self._answer(sender, message)
                return
            self._selector.unregister(sender)
            sender.close()

    def _answer(self, program: socket.socket, message: bytes) -> None:
        command = int.from_bytes(message[:4], "little")
        number = int.from_bytes(message[4:8], "little", signed=True)
        descriptors: list[int] = []
        ends: list[socket.socket] = []
        try:
            if self._refusal and command == OPEN:
                raise Refused(self._refusal)
            argument, ends = self._perform(command, number, message[8:])
            answer, descriptors = b"\0" * 4 + argument, [end.fileno() for end in ends]
        except Refused as refused:
            answer = refused.number.to_bytes(4, "little")
        padded = (message[:4] + answer).ljust(MESSAGE_BYTES, b"\0")
        socket.send_fds(program, [padded], descriptors)
        for end in ends:
            end.close()

    def _perform(
        self, command: int, number: int, argument: bytes
    ) -> tuple[bytes, list[socket.socket]]:
        """The argument as the kernel leaves it, and the descriptor of a new request."""
        if command == OPEN:
            return b"", []
        kind, code = command >> 8 & 0xFF, command & 0xFF
        if kind != IOCTL_TYPE or code not in list(Command):
            raise Refused(errno.ENOTTY)
        if code == Command.CHIP_INFO:
            return bytes(ChipInfo(b"gpiochip0", LABEL, LINES)), []
        if code == Command.LINE_INFO:
            return self._info(LineInfo.from_buffer_copy(argument)), []
        if code == Command.REQUEST:
            request = Request.from_buffer_copy(argument)
            theirs = self._request(request)
            return bytes(request), [theirs]
        if number not in self._requests:
            raise Refused(errno.EBADF)
        lines = self._requests[number][0]
        if code == Command.CONFIGURE:
            configure(lines, Config.from_buffer_copy(argument))
            return argument, []
        values = Values.from_buffer_copy(argument)
        if code == Command.GET_VALUES:
            values.bits = sum(line.active << at for at, line in masked(lines, values.mask))
        else:
            put(lines, values)
        return bytes(values), []

    def _info(self, info: LineInfo) -> bytes:
        if info.offset >= LINES:
            raise Refused(errno.EINVAL)
        line = self._lines[info.offset]
        flags = line.flags | Flag.USED if line.request is not None else Flag.INPUT
        name = b"GPIO%d" % line.offset
        return bytes(LineInfo(name, line.consumer, line.offset, 0, flags))

    def _request(self, request: Request) -> socket.socket:
        offsets = request.offsets[: request.num_lines]
        if not 0 < request.num_lines <= LINES_MAX or max(offsets) >= LINES:
            raise Refused(errno.EINVAL)
        self._reap()  # a line that was just closed is free
        lines = [self._lines[offset] for offset in offsets]
        if any(line.request is not None for line in lines):
            raise Refused(errno.EBUSY)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._number += 1
        self._requests[self._number] = lines, ours
        self._selector.register(ours, selectors.EVENT_READ)
        for line in lines:
            line.request, line.consumer, line.output = self._number, request.consumer, False
            line.left_on = False
        configure(lines, request.config)
        request.fd = self._number
        return theirs

    def _tell(self, line: Line, at_ns: int) -> None:
        """Send an edge to whoever asked for it."""
        wanted = Flag.EDGE_RISING if line.active else Flag.EDGE_FALLING
        if line.request is None or line.is_output or wanted not in line.flags:
            return
        if Flag.EVENT_CLOCK_REALTIME in line.flags:
            at_ns += time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
        line.events += 1
        edge = 1 if line.active else 2
        event = LineEvent(at_ns, edge, line.offset, line.events, line.events)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._requests[line.request][1].send(bytes(event))

    def _reap(self) -> None:
        """Free the lines whose descriptors are closed."""
        closed = {}
        for number, (lines, ours) in self._requests.items():
            with contextlib.suppress(BlockingIOError):
                ours.recv(1)
                closed[number] = lines, ours
        self._drop(closed)

    def _drop(self, requests: dict[int, tuple[list[Line], socket.socket]]) -> None:
        for number, (lines, ours) in requests.items():
            del self._requests[number]
            self._selector.unregister(ours)
            ours.close()
            for line in lines:
                line.let_go()
