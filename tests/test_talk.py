"""Calls on a real connection: what returns at once, and what has happened when it returned."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pi_voice.sim.network import Network
from pi_voice.transport import NotConnectedError, WebSocketTransport
from tests.scripted import Scripted, diary, scripted, transport
from tests.until import until

pytestmark = pytest.mark.virtual

PUSH_TO_TALK = {"turn_detection": None}
HELLO = [{"type": "input_text", "text": "hi"}]


class Line:
    """A transport with a session, and its service."""

    def __init__(self, service: Scripted, t: WebSocketTransport) -> None:
        self.service = service
        self.t = t

    async def sent(self, count: int) -> list[dict[str, Any]]:
        """The events that the service got after the session was opened."""
        received = self.service.last.received
        await until(lambda: len(received) > count)
        return received[1:]

    async def types(self, count: int) -> list[str]:
        return [event["type"] for event in await self.sent(count)]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with scripted() as service, transport(service) as t:
        await t.connect(initial_session_config=PUSH_TO_TALK)
        yield Line(service, t)


async def test_a_turn_is_streamed_committed_and_answered(line: Line) -> None:
    assert line.t.send_audio(bytes(4800))
    assert line.t.appended_ms == 100
    assert line.t.send_audio(b"", commit=True)
    assert line.t.appended_ms == 0
    line.t.request_response()
    assert await line.types(3) == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]


@pytest.mark.parametrize("sound", [bytearray(480), memoryview(bytes(480)), array("h", [0] * 240)])
async def test_sound_may_come_in_any_buffer(line: Line, sound: Any) -> None:
    assert line.t.send_audio(sound)
    assert line.t.appended_ms == 10


async def test_muting_keeps_sound_back_and_clears_the_open_turn(line: Line) -> None:
    line.t.send_audio(bytes(4800))
    line.t.mute()
    assert line.t.muted
    assert not line.t.send_audio(bytes(4800), commit=True)
    assert line.t.dropped_ms == 100
    line.t.unmute()
    assert line.t.send_audio(bytes(4800))
    assert await line.types(4) == [
        "input_audio_buffer.append",
        "input_audio_buffer.clear",
        "input_audio_buffer.commit",
        "input_audio_buffer.append",
    ]


async def test_sound_that_still_waits_for_the_network_is_forgotten(
    line: Line, network: Network
) -> None:
    line.t.send_audio(bytes(96_000), commit=True)
    network.stall()
    for _ in range(50):
        line.t.send_audio(bytes(48_000))
    before_ms = line.t.dropped_ms
    line.t.mute()
    assert line.t.dropped_ms - before_ms > 10_000
    network.heal()
    received = line.service.last.received
    await until(lambda: received[-1]["type"] == "input_audio_buffer.clear")
    heard = sum(len(event.get("audio", "")) for event in received) * 3 // 4
    assert 96_000 <= heard < 1_000_000
    assert received[2]["type"] == "input_audio_buffer.commit"


async def test_both_ways_to_mute_are_one(line: Line) -> None:
    line.t.mute(True)
    line.t.mute(False)
    assert not line.t.muted
    line.t.mute()
    line.t.unmute()
    assert not line.t.muted


async def test_every_call_is_on_the_wire_in_the_order_of_the_calls(line: Line) -> None:
    line.t.send_event({"type": "input_audio_buffer.clear"})
    line.t.send_message("hi", trigger_response=False)
    line.t.add_image("data:image/png;base64,AA", trigger_response=False)
    line.t.update_session_config({"instructions": "x"})
    line.t.send_function_call_output({"call_id": "c", "id": "f"}, "1", False)
    line.t.send_mcp_response({"item_id": "m"}, True)
    line.t.reset_history(
        [], [{"item_id": "u", "type": "message", "role": "user", "content": HELLO}]
    )
    assert line.t.send({"kind": "audio.input.commit"})
    line.t.request_response({"instructions": "x"})
    item = "conversation.item.create"
    assert await line.types(9) == [
        "input_audio_buffer.clear",
        item,
        item,
        "session.update",
        item,
        item,
        item,
        "input_audio_buffer.commit",
        "response.create",
    ]


async def test_neutral_sound_is_dropped_where_other_events_fail() -> None:
    t = WebSocketTransport()
    assert t.send({"kind": "audio.input.append", "audio": "AAAA"}) is False
    assert t.dropped_ms > 0
    with pytest.raises(NotConnectedError):
        t.send({"kind": "response.create"})
    assert not t.send_audio(bytes(480), commit=True)


async def test_what_needs_no_connection_works_without_one() -> None:
    t = WebSocketTransport()
    t.mute()
    assert t.muted
    t.unmute()
    t.interrupt()
    t.close()
    assert not t.cancel_response()
    assert not t.truncate("a1", 0, 10.0)


async def test_an_interruption_is_complete_when_it_returns(line: Line) -> None:
    told = diary(line.t, "audio_interrupted", "interrupted", "audio")
    line.t.request_response()
    await line.service.last.say("response.created", response={"id": "r1", "conversation_id": "c"})
    delta = {"response_id": "r1", "item_id": "a1", "content_index": 0, "delta": "AAAA"}
    await line.service.last.say("response.output_audio.delta", **delta)
    await until(lambda: bool(told))
    line.t.interrupt()
    assert [name for name, _ in told] == ["audio", "audio_interrupted", "interrupted"]
    await line.service.last.say("response.output_audio.delta", **delta)
    assert await line.types(3) == [
        "response.create",
        "response.cancel",
        "conversation.item.truncate",
    ]
    assert len(told) == 3


async def test_a_device_cancels_first_and_truncates_when_its_speaker_stopped(line: Line) -> None:
    await line.service.last.say("response.created", response={"id": "r1", "conversation_id": "c"})
    delta = {"response_id": "r1", "item_id": "a1", "content_index": 0, "delta": "A" * 6400}
    await line.service.last.say("response.output_audio.delta", **delta)
    await until(lambda: bool(line.t.playback.position()))
    assert line.t.cancel_response()
    assert line.t.truncate("a1", 0, 41.9)
    sent = await line.sent(2)
    assert sent[0] == {"type": "response.cancel", "response_id": "r1"}
    assert sent[1]["audio_end_ms"] == 41
