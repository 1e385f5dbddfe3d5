"""The hands of the protocol: order, timers, and calls inside listeners."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from pi_voice.transport.effects import Emit, Send, StartGuard
from pi_voice.transport.emitter import EventEmitter
from pi_voice.transport.performer import Performer
from pi_voice.transport.protocol import RealtimeProtocol
from pi_voice.transport.websocket import Socket


class Line:
    """As much of a socket as a performer needs."""

    def __init__(self, log: list[Any]) -> None:
        self._log = log

    def send(self, text: bytes, *, audio_ms: float = 0.0) -> None:
        self._log.append((text, audio_ms))


class Stage:
    def __init__(self) -> None:
        self.log: list[Any] = []
        self.emitter = EventEmitter()
        self.protocol = RealtimeProtocol(self.emitter.has_listeners)
        self.performer = Performer(self.protocol, self.emitter)
        self.performer.socket = cast(Socket, Line(self.log))

    def perform(self, *effects: Any) -> None:
        self.protocol.effects.extend(effects)
        self.performer.perform()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_effects_are_performed_in_their_order(stage: Stage) -> None:
    stage.emitter.on("a", lambda value: stage.log.append(value))
    stage.perform(Send(b"1"), Emit("a", (2,)), Send(b"3", 20.0))
    assert stage.log == [(b"1", 0.0), 2, (b"3", 20.0)]


def test_what_a_listener_asks_for_comes_after_what_was_decided_before(stage: Stage) -> None:
    def listener() -> None:
        stage.perform(Send(b"asked"))
        stage.log.append("returned")

    stage.emitter.on("a", listener)
    stage.perform(Emit("a"), Send(b"decided"))
    assert stage.log == ["returned", (b"decided", 0.0), (b"asked", 0.0)]


def test_without_a_socket_nothing_is_written(stage: Stage) -> None:
    stage.performer.socket = None
    stage.perform(Send(b"x"))
    assert stage.log == []
    assert not stage.protocol.effects


async def test_sound_of_a_reply_that_was_cut_meanwhile_reaches_no_further_listener(
    stage: Stage,
) -> None:
    def cut(_: object) -> None:
        stage.protocol.dialog.responses.created("r1")
        stage.protocol.dialog.interrupt(cancel=True)

    stage.emitter.on("audio", cut)
    stage.emitter.on("audio", lambda _: stage.log.append("heard"))
    stage.perform(Emit("audio", ("sound",), ("r1", "a1")), Emit("audio", ("more",), ("r1", "a1")))
    assert stage.log == [(b'{"type":"response.cancel","response_id":"r1"}', 0.0)]
    stage.performer.stop_timers()


def test_a_listener_that_fails_does_not_stop_the_rest(stage: Stage) -> None:
    stage.emitter.on("a", lambda: 1 / 0)
    stage.perform(Emit("a"), Send(b"x"))
    assert stage.log == [(b"x", 0.0)]


@pytest.mark.virtual
async def test_a_guard_is_called_when_its_time_is_over(stage: Stage) -> None:
    stage.protocol.dialog.responses.request({"type": "response.create"}, manual=False)
    stage.protocol.dialog.settle()
    stage.performer.perform()
    assert len(stage.log) == 1
    assert stage.protocol.dialog.responses.awaited
    await asyncio.sleep(10.5)
    assert not stage.protocol.dialog.responses.awaited


@pytest.mark.virtual
async def test_a_timer_that_is_started_again_starts_anew(stage: Stage) -> None:
    stage.performer.start_timer("t", 1.0, lambda: stage.log.append("first"))
    await asyncio.sleep(0.9)
    stage.performer.start_timer("t", 1.0, lambda: stage.log.append("second"))
    await asyncio.sleep(0.9)
    assert stage.log == []
    await asyncio.sleep(0.2)
    assert stage.log == ["second"]
    assert not stage.performer.stop_timer("t")


@pytest.mark.virtual
async def test_stopped_timers_do_not_fire(stage: Stage) -> None:
    stage.performer.start_timer("a", 1.0, lambda: stage.log.append("a"))
    stage.perform(StartGuard(1.0))
    assert stage.performer.stop_timer("a")
    stage.performer.stop_timers()
    await asyncio.sleep(2)
    assert stage.log == []
