"""The service's events in kernl's words."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.neutral_events import decode

USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_token_details": {}}
MESSAGE = {
    "id": "u1",
    "type": "message",
    "role": "user",
    "content": [
        {"type": "input_text", "text": "hi"},
        {"type": "input_audio", "transcript": "there"},
    ],
}


def done(status: Any, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    details = None if reason is None else {"reason": reason}
    response = {"id": "r1", "status": status, "status_details": details, **fields}
    return {"type": "response.done", "response": response}


@pytest.mark.parametrize(
    ("wire", "kind", "fields"),
    [
        ("conversation.item.deleted", "item.deleted", {"item_id": "i"}),
        ("conversation.item.truncated", "item.truncated", {"item_id": "i", "audio_end_ms": 7}),
        ("input_audio_buffer.committed", "audio.input.committed", {"item_id": "i"}),
        ("input_audio_buffer.cleared", "audio.input.cleared", {}),
        (
            "input_audio_buffer.speech_started",
            "speech.started",
            {"audio_start_ms": 1, "item_id": "i"},
        ),
        (
            "input_audio_buffer.speech_stopped",
            "speech.stopped",
            {"audio_end_ms": 2, "item_id": "i"},
        ),
        (
            "conversation.item.input_audio_transcription.delta",
            "transcript.input.delta",
            {"item_id": "i", "delta": "d"},
        ),
        (
            "response.output_text.delta",
            "text.output.delta",
            {"response_id": "r", "item_id": "i", "delta": "d"},
        ),
        (
            "response.output_text.done",
            "text.output",
            {"response_id": "r", "item_id": "i", "text": "t"},
        ),
        (
            "response.output_audio.done",
            "audio.output.done",
            {"response_id": "r", "item_id": "i"},
        ),
        (
            "response.output_audio_transcript.delta",
            "transcript.output.delta",
            {"response_id": "r", "item_id": "i", "delta": "d"},
        ),
        (
            "response.function_call_arguments.delta",
            "tool.delta",
            {"call_id": "c", "delta": "d"},
        ),
    ],
)
def test_fields_of_the_same_name_pass_through(wire: str, kind: str, fields: dict[str, Any]) -> None:
    assert decode({"type": wire, "event_id": "e", **fields}) == [{"kind": kind, **fields}]


def test_transcripts_are_texts() -> None:
    said = {"response_id": "r", "item_id": "i", "transcript": "t"}
    assert decode({"type": "response.output_audio_transcript.done", **said}) == [
        {"kind": "transcript.output", "response_id": "r", "item_id": "i", "text": "t"}
    ]
    wire = "conversation.item.input_audio_transcription.completed"
    assert decode({"type": wire, "item_id": "i", "transcript": "t"}) == [
        {"kind": "transcript.input", "item_id": "i", "text": "t"}
    ]


def test_sound_stays_base64() -> None:
    wire = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "A"}
    assert decode(wire) == [
        {"kind": "audio.output.delta", "response_id": "r", "item_id": "i", "audio": "A"}
    ]


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_a_session_is_shown_with_its_settings(kind: str) -> None:
    audio = {
        "input": {"turn_detection": {"type": "server_vad", "threshold": 0.5}},
        "output": {"voice": "ash"},
    }
    session = {"id": "s", "instructions": "x", "output_modalities": ["audio"], "audio": audio}
    config = {
        "instructions": "x",
        "modalities": ["audio"],
        "voice": {"voice_id": "ash"},
        "turn_detection": {"mode": "server_vad", "threshold": 0.5},
    }
    assert decode({"type": kind, "session": session}) == [
        {"kind": kind, "session": {"id": "s", "config": config}}
    ]


def test_push_to_talk_is_kernls_manual_mode() -> None:
    session = {"audio": {"input": {"turn_detection": None}}}
    [event] = decode({"type": "session.updated", "session": session})
    assert event["session"]["config"]["turn_detection"] == {"mode": "manual"}


def test_an_error_is_one_of_the_session() -> None:
    error = {"code": "c", "message": "m", "param": "p"}
    assert decode({"type": "error", "error": error}) == [
        {"kind": "session.error", "error": {"code": "c", "message": "m", "details": error}}
    ]


@pytest.mark.parametrize("wire", ["conversation.item.added", "conversation.item.created"])
def test_a_message_keeps_its_name_and_its_words(wire: str) -> None:
    [event] = decode({"type": wire, "item": MESSAGE, "previous_item_id": "root"})
    assert event["previous_item_id"] == "root"
    assert event["item"] == {
        "kind": "message",
        "id": "u1",
        "role": "user",
        "content": [{"kind": "text", "text": "hi"}, {"kind": "text", "text": "there"}],
    }


def test_calls_and_their_outputs_are_items_too() -> None:
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "{}"}
    output = {"type": "function_call_output", "id": "o", "call_id": "c", "output": "1"}
    [made], [answered] = (
        decode({"type": "conversation.item.added", "item": item}) for item in (call, output)
    )
    assert (made["item"]["kind"], made["item"]["tool_id"]) == ("tool.call", "n")
    assert (answered["item"]["kind"], answered["item"]["result"]) == ("tool.result", "1")


@pytest.mark.parametrize("item", [None, {}, {"type": "mcp_list_tools"}, "x"])
def test_other_items_are_no_event(item: Any) -> None:
    assert decode({"type": "conversation.item.added", "item": item}) == []


@pytest.mark.parametrize(
    ("event", "kinds", "status"),
    [
        (done("completed"), ["response.done"], "completed"),
        (done("failed"), ["response.done"], "failed"),
        (done("incomplete", "content_filter"), ["response.done"], "failed"),
        (done("in_progress"), ["response.done"], "failed"),
        (done(None), ["response.done"], "failed"),
        (
            done("cancelled", "turn_detected"),
            ["response.interrupted", "response.done"],
            "interrupted",
        ),
        (
            done("cancelled", "client_cancelled"),
            ["response.interrupted", "response.done"],
            "cancelled",
        ),
        (done("cancelled"), ["response.interrupted", "response.done"], "cancelled"),
    ],
)
def test_the_end_of_a_reply_says_how(event: dict[str, Any], kinds: list[str], status: str) -> None:
    events = decode(event)
    assert [found["kind"] for found in events] == kinds
    assert events[-1]["status"] == status
    assert {found["response_id"] for found in events} == {"r1"}


def test_usage_is_told_where_there_is_one() -> None:
    assert decode(done("completed", usage=USAGE))[0]["usage"] == {
        "input_tokens": 1,
        "output_tokens": 2,
        "total_tokens": 3,
    }
    assert "usage" not in decode(done("completed"))[0]


def test_a_call_is_told_when_it_begins_and_when_it_may_run() -> None:
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": "n", "arguments": "{}"}
    begun = decode({"type": "response.output_item.added", "response_id": "r", "item": item})
    assert begun == [{"kind": "tool.start", "response_id": "r", "call_id": "c", "tool_id": "n"}]
    ended = {"type": "response.output_item.done", "item": {**item, "status": "completed"}}
    assert decode(ended) == [
        {"kind": "tool.call", "call_id": "c", "tool_id": "n", "arguments": "{}"}
    ]


def test_a_call_that_was_interrupted_is_cancelled_and_its_arguments_never_run() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "n", "status": "incomplete"}
    assert decode({"type": "response.output_item.done", "item": item}) == [
        {"kind": "tool.cancelled", "call_id": "c"}
    ]
    assert decode({"type": "response.function_call_arguments.done", "arguments": "{}"}) == []


@pytest.mark.parametrize("wire", ["response.output_item.added", "response.output_item.done"])
def test_other_parts_of_a_reply_are_no_call(wire: str) -> None:
    assert decode({"type": wire, "item": {"type": "message"}}) == []


@pytest.mark.parametrize("event", [{}, {"type": 5}, {"type": "rate_limits.updated"}])
def test_what_has_no_neutral_meaning_is_none(event: dict[str, Any]) -> None:
    assert decode(event) == []
