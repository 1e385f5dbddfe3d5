"""What the service says of the session and the user, and events that are incomplete."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.dialog import Options
from tests.dialogue import Room

CALL = {
    "id": "f1",
    "type": "function_call",
    "status": "completed",
    "call_id": "c1",
    "name": "get_time",
    "arguments": "{}",
}


def room(**options: Any) -> Room:
    return Room(options=Options(**options)).connect()


def test_the_silence_of_the_user_is_told() -> None:
    here = room().says(
        "input_audio_buffer.timeout_triggered", item_id="u1", audio_start_ms=1, audio_end_ms=9
    )
    [timeout] = here.all("input_audio_timeout_triggered")
    assert (timeout.item_id, timeout.audio_start_ms, timeout.audio_end_ms) == ("u1", 1, 9)


def test_a_turn_that_the_service_ended_empties_our_count_and_ours_only_once() -> None:
    here = room()
    here.calls.send_audio(memoryview(bytes(4800)))
    here.says("input_audio_buffer.committed", item_id="u1")
    assert here.dialog.uplink.appended_ms == 0
    here.calls.commit_audio()
    here.calls.send_audio(memoryview(bytes(4800)))
    here.says("input_audio_buffer.committed", item_id="u2")
    assert here.dialog.uplink.appended_ms == 100


def test_a_refused_commit_is_not_waited_for() -> None:
    here = room()
    here.calls.commit_audio()
    here.fails("input_audio_buffer_commit_empty")
    here.calls.send_audio(memoryview(bytes(4800)))
    here.says("input_audio_buffer.committed", item_id="u1")
    assert here.dialog.uplink.appended_ms == 0


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.created", "response": None},
        {"type": "response.created"},
        {"type": "response.done", "response": {"usage": 7, "output": {}, "status": 3}},
        {"type": "response.output_item.done", "item": [1]},
        {"type": "response.output_item.done", "item": {"type": "function_call"}},
        {"type": "response.output_item.added", "item": {**CALL, "id": 7, "call_id": None}},
        {"type": "conversation.item.added", "item": {"type": "message", "id": "x", "role": "cat"}},
        {"type": "conversation.item.done", "item": {"type": "mcp_list_tools", "tools": 9}},
        {"type": "conversation.item.done", "item": {"type": "mcp_approval_request", "id": "x"}},
        {"type": "conversation.item.deleted", "item_id": ["x"]},
        {"type": "conversation.item.input_audio_transcription.completed", "content_index": 1e9},
        {"type": "response.output_audio_transcript.delta", "delta": None, "content_index": -1},
        {"type": "input_audio_buffer.timeout_triggered", "audio_start_ms": 1e400},
        {"type": "session.updated", "session": "s"},
        {"type": "session.created", "session": {"id": 5, "expires_at": "soon", "audio": 3}},
        {"type": "error", "error": "no"},
        {"type": "error"},
    ],
)
def test_incomplete_events_do_no_harm(event: dict[str, Any]) -> None:
    fields = {key: value for key, value in event.items() if key != "type"}
    here = room().says(event["type"], **fields)
    here.reply("r2", "a2").speaks(10, "r2", "a2")
    assert here.all("audio")
