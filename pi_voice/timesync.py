"""Tells when somebody set the clock: a box without a battery wakes up in the past."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from pi_voice.core.events import ClockSet

logger = logging.getLogger(__name__)

JUMP_S = 2.0  # less matters to no certificate; the time service sets the clock when 0.4 s are wrong
TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET = 1, 2  # include/uapi/linux/timerfd.h
NEVER = (1 << (8 * ctypes.sizeof(ctypes.c_long) - 1)) - 1


class TimeSync:
    """A source of ClockSet, without a single wake-up while the clock only runs.

    The kernel cancels an alarm that was set for a date when the date jumps. Where it does not (no
    Linux), the source stays silent, and whoever waits for a better time looks again by himself.
    """

    def __init__(self) -> None:
        self._alarm: int | None = None
        self._offset_s = 0.0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._offset_s = _offset_s()
        try:
            self._alarm = _alarm()
        except (OSError, AttributeError) as error:
            logger.info("nobody tells here when the clock is set (%s); it is looked for", error)
        else:
            asyncio.get_running_loop().add_reader(self._alarm, self._on_alarm)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    async def events(self) -> AsyncIterator[ClockSet]:
        """One event for each time that the clock jumped."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield ClockSet()

    def _on_alarm(self) -> None:
        assert self._alarm is not None
        try:
            os.read(self._alarm, 8)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ECANCELED:
                logger.warning("nobody tells any more when the clock is set (%s)", error)
                self._close()
        before_s, self._offset_s = self._offset_s, _offset_s()
        if abs(self._offset_s - before_s) >= JUMP_S:
            logger.info("the clock was set by %+.0f s", self._offset_s - before_s)
            self._changed.set()

    def _close(self) -> None:
        if self._alarm is not None:
            asyncio.get_running_loop().remove_reader(self._alarm)
            os.close(self._alarm)
            self._alarm = None


def _offset_s() -> float:
    """How far the date is ahead of the clock that nobody sets."""
    return time.time() - time.monotonic()  # that the date jumps is what we want to know


class _Times(ctypes.Structure):
    """An itimerspec: its period, then its time; each in seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


def _alarm() -> int:
    """The descriptor of an alarm for the end of time: readable when the clock is set.

    Raises:
        OSError: The kernel does not want it.
        AttributeError: This is no Linux.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    alarm: int = libc.timerfd_create(time.CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
    if alarm < 0:
        raise _last_error()
    flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
    if libc.timerfd_settime(alarm, flags, ctypes.byref(_Times(0, 0, NEVER, 0)), None) < 0:
        error = _last_error()
        os.close(alarm)
        raise error
    return alarm


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
