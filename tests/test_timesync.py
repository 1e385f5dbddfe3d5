"""Clocks that are set, seen through an alarm that the test sets off."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
from collections.abc import Iterator

import pytest

from pi_voice import timesync
from pi_voice.core.events import ClockSet
from pi_voice.timesync import TimeSync
from tests.until import until


class Clock:
    """A clock and an alarm that stand in for the kernel's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset_s = 1e9
        self.alarm, self._other = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        monkeypatch.setattr(timesync, "_offset_s", lambda: self.offset_s)
        monkeypatch.setattr(timesync, "_alarm", lambda: self.alarm)

    def set_by(self, seconds: float) -> None:
        self.offset_s += seconds
        os.write(self._other, bytes(8))

    def close(self) -> None:
        os.close(self._other)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock(monkeypatch)
    yield made
    made.close()


@pytest.mark.parametrize("seconds", [3.0, -3.0, 50 * 365 * 86_400.0])
async def test_a_clock_that_is_set_is_told(clock: Clock, seconds: float) -> None:
    async with TimeSync() as sync:
        clock.set_by(seconds)
        assert await anext(sync.events()) == ClockSet()


async def test_a_clock_that_is_corrected_a_little_is_not_told(clock: Clock) -> None:
    told: list[ClockSet] = []

    async def listen(sync: TimeSync) -> None:
        async for event in sync.events():
            told.append(event)

    async with TimeSync() as sync, asyncio.TaskGroup() as group:
        listening = group.create_task(listen(sync))
        for _ in range(5):
            clock.set_by(1.9)
            await asyncio.sleep(0.01)
        assert told == []
        clock.set_by(2.1)
        await until(lambda: told == [ClockSet()])
        listening.cancel()


async def test_an_alarm_that_breaks_is_closed_and_told(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with TimeSync() as sync:
        sync._on_alarm()  # nothing to read yet: nothing happens
        unreadable = os.open(os.devnull, os.O_WRONLY)
        os.dup2(unreadable, clock.alarm)
        os.close(unreadable)
        sync._on_alarm()
        assert sync._alarm is None
    assert os.strerror(errno.EBADF) in caplog.text


async def test_where_no_alarm_can_be_had_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> int:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    caplog.set_level(logging.DEBUG, "pi_voice.timesync")
    monkeypatch.setattr(timesync, "_alarm", refused)
    async with TimeSync() as sync:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(sync.events())
    assert len(caplog.records) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs an alarm of Linux")
async def test_the_alarm_of_the_kernel_is_silent_while_the_clock_runs() -> None:
    async with TimeSync() as sync:
        alarm = sync._alarm
        assert alarm is not None
        with pytest.raises(BlockingIOError):
            os.read(alarm, 8)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(alarm)


def test_the_distance_of_the_clocks_does_not_change_by_itself() -> None:
    before_s = timesync._offset_s()
    assert abs(timesync._offset_s() - before_s) < 1
