"""Events and their listeners."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pi_voice.transport.emitter import EventEmitter
from tests.until import until


@pytest.fixture
def emitter() -> EventEmitter:
    return EventEmitter()


def test_listeners_are_called_in_their_order_with_what_is_told(emitter: EventEmitter) -> None:
    calls: list[Any] = []
    emitter.on("a", lambda *args: calls.append(("first", *args)))
    emitter.on("a", lambda *args: calls.append(("second", *args)))
    assert emitter.emit("a", 1, 2)
    assert calls == [("first", 1, 2), ("second", 1, 2)]


def test_nobody_listening_is_known(emitter: EventEmitter) -> None:
    assert not emitter.emit("a")
    assert not emitter.has_listeners("a")
    emitter.on("a", print)
    assert emitter.has_listeners("a")
    emitter.off("a", print)
    assert not emitter.has_listeners("a")


def test_on_off_and_once_can_be_chained(emitter: EventEmitter) -> None:
    assert emitter.on("a", print).once("b", print).off("a", print) is emitter


def test_a_decorator_listens_too(emitter: EventEmitter) -> None:
    calls: list[int] = []

    @emitter.on("a")
    def every(value: int) -> None:
        calls.append(value)

    @emitter.once("a")
    def first(value: int) -> None:
        calls.append(-value)

    emitter.emit("a", 1)
    emitter.emit("a", 2)
    assert calls == [1, -1, 2]
    every(3)
    assert calls[-1] == 3


def test_once_is_gone_before_it_is_called(emitter: EventEmitter) -> None:
    calls: list[int] = []

    def again() -> None:
        calls.append(len(calls))
        emitter.emit("a")

    emitter.once("a", again)
    emitter.emit("a")
    assert calls == [0]


def test_once_is_called_once_even_when_an_inner_emission_reached_it(emitter: EventEmitter) -> None:
    calls: list[str] = []
    emitter.once("a", lambda: emitter.emit("a"))
    emitter.once("a", lambda: calls.append("called"))
    emitter.emit("a")
    assert calls == ["called"]


def test_a_listener_may_come_and_go_while_it_is_told(emitter: EventEmitter) -> None:
    calls: list[str] = []

    def late() -> None:
        calls.append("late")

    def first() -> None:
        emitter.off("a", first)
        emitter.on("a", late)

    emitter.on("a", first)
    emitter.emit("a")
    assert calls == []
    emitter.emit("a")
    assert calls == ["late"]


def test_a_function_that_is_registered_twice_is_called_twice(emitter: EventEmitter) -> None:
    calls: list[int] = []
    emitter.on("a", calls.append).on("a", calls.append)
    emitter.emit("a", 1)
    emitter.off("a", calls.append)
    emitter.emit("a", 2)
    assert calls == [1, 1, 2]


def test_taking_away_what_is_not_there_is_harmless(emitter: EventEmitter) -> None:
    emitter.off("a", print)


def test_a_listener_that_fails_harms_nobody(
    emitter: EventEmitter, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    emitter.on("a", lambda: 1 / 0)
    emitter.on("a", lambda: calls.append("second"))
    emitter.on("error", lambda error: calls.append(str(error)))
    emitter.emit("a")
    assert calls[0].startswith("a listener of 'a' failed: ZeroDivisionError")
    assert calls[1] == "second"
    assert "ZeroDivisionError" in caplog.text


async def test_a_listener_that_asks_what_was_cancelled_ends_nothing(emitter: EventEmitter) -> None:
    cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    calls: list[str] = []
    emitter.on("a", cancelled.result)
    emitter.on("a", lambda: calls.append("second"))
    emitter.on("error", lambda fault: calls.append(str(fault)))
    emitter.emit("a")
    assert calls == ["a listener of 'a' failed: CancelledError()", "second"]


def test_a_failing_listener_of_errors_does_not_call_itself(
    emitter: EventEmitter, caplog: pytest.LogCaptureFixture
) -> None:
    emitter.on("error", lambda _: 1 / 0)
    emitter.emit("error", "first")
    assert caplog.text.count("a listener of 'error' failed") == 1


def test_an_error_without_listeners_is_logged_and_never_raised(
    emitter: EventEmitter, caplog: pytest.LogCaptureFixture
) -> None:
    assert not emitter.emit("error", "out of luck")
    assert "out of luck" in caplog.text


def test_an_emission_can_be_called_off_between_listeners(emitter: EventEmitter) -> None:
    calls: list[str] = []
    wanted = [True]
    emitter.on("a", lambda: calls.append("first")).on("a", wanted.clear)
    emitter.on("a", lambda: calls.append("second"))
    assert emitter.emit_while(lambda: bool(wanted), "a")
    assert calls == ["first"]


async def test_a_coroutine_function_becomes_a_task_of_ours(emitter: EventEmitter) -> None:
    calls: list[int] = []

    async def slow(value: int) -> None:
        await asyncio.sleep(0)
        calls.append(value)

    emitter.on("a", slow)
    emitter.emit("a", 7)
    assert calls == []
    await until(lambda: calls == [7])
    await emitter.join()


async def test_a_coroutine_that_fails_is_reported_like_any_other(emitter: EventEmitter) -> None:
    errors: list[str] = []

    async def bad() -> None:
        raise ValueError("late")

    emitter.on("error", lambda error: errors.append(str(error)))
    emitter.on("a", bad)
    emitter.emit("a")
    await until(lambda: errors == ["a listener of 'a' failed: ValueError('late')"])


async def test_the_end_waits_for_no_listener(emitter: EventEmitter) -> None:
    ended: list[bool] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    emitter.on("a", for_ever)
    emitter.emit("a")
    await asyncio.sleep(0)
    await emitter.join()
    assert ended == [True]


async def test_a_listener_may_end_the_transport_that_owns_it(emitter: EventEmitter) -> None:
    done: list[bool] = []

    async def last() -> None:
        await emitter.join()
        done.append(True)

    emitter.on("a", last)
    emitter.emit("a")
    await until(lambda: done == [True])
