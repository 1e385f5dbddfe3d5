"""kernl's client events on the GA wire."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.neutral import encode


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (
            {"kind": "audio.input.append", "audio": "AA"},
            {"type": "input_audio_buffer.append", "audio": "AA"},
        ),
        ({"kind": "audio.input.commit"}, {"type": "input_audio_buffer.commit"}),
        ({"kind": "audio.input.clear"}, {"type": "input_audio_buffer.clear"}),
        (
            {"kind": "item.delete", "itemId": "i"},
            {"type": "conversation.item.delete", "item_id": "i"},
        ),
        (
            {"kind": "item.truncate", "item_id": "i", "audio_end_ms": 7.9},
            {
                "type": "conversation.item.truncate",
                "item_id": "i",
                "content_index": 0,
                "audio_end_ms": 7,
            },
        ),
        ({"kind": "item.truncate", "item_id": "i", "audio_end_ms": None}, None),
        ({"kind": "response.create"}, {"type": "response.create"}),
        (
            {"kind": "response.create", "config": {"instructions": "x", "modalities": ["text"]}},
            {
                "type": "response.create",
                "response": {"instructions": "x", "output_modalities": ["text"]},
            },
        ),
        ({"kind": "response.cancel"}, {"type": "response.cancel"}),
        (
            {"kind": "response.cancel", "responseId": "r"},
            {"type": "response.cancel", "response_id": "r"},
        ),
        ({"kind": "activity.start"}, None),
        ({"kind": "activity.end"}, None),
        ({"kind": "unheard.of"}, None),
        ({}, None),
    ],
)
def test_client_events_are_written(event: dict[str, Any], wire: dict[str, Any] | None) -> None:
    assert encode(event) == wire


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({"result": "1"}, "1"),
        ({"error": "no", "result": "1"}, "no"),
        ({"result": {"a": 1}}, '{"a":1}'),
        ({}, ""),
    ],
)
def test_the_result_of_a_tool_is_text(given: dict[str, Any], output: str) -> None:
    wire = encode({"kind": "tool.result", "callId": "c", **given})
    assert wire is not None
    assert wire["item"] == {"type": "function_call_output", "call_id": "c", "output": output}


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        (
            {"kind": "message", "role": "user", "content": [{"kind": "text", "text": "hi"}]},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}],
            },
        ),
        (
            {"kind": "message", "role": "assistant", "content": [{"kind": "text", "text": "hi"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "hi"}],
            },
        ),
        (
            {"kind": "tool-call", "callId": "c", "toolId": "n", "arguments": "{}"},
            {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
        ),
        (
            {"kind": "tool.result", "call_id": "c", "result": 5},
            {"type": "function_call_output", "call_id": "c", "output": "5"},
        ),
    ],
)
def test_items_are_written(item: dict[str, Any], wire: dict[str, Any]) -> None:
    event = encode({"kind": "item.create", "item": item, "previousItemId": "p"})
    assert event == {"type": "conversation.item.create", "item": wire, "previous_item_id": "p"}


def test_files_are_sound_or_images_or_nothing() -> None:
    content = [
        {"kind": "file", "mimeType": "audio/wav", "data": "AA"},
        {"kind": "file", "mime_type": "image/png", "data": "AA"},
        {"kind": "file", "mime_type": "image/png", "uri": "https://x/y.png"},
        {"kind": "file", "mime_type": "text/plain", "data": "AA"},
        {"kind": "file", "data": "AA"},
        {"kind": "reasoning"},
    ]
    event = encode({"kind": "item.create", "item": {"kind": "message", "content": content}})
    assert event is not None
    assert event["item"]["content"] == [
        {"type": "input_audio", "audio": "AA"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA"},
        {"type": "input_image", "image_url": "https://x/y.png"},
    ]


def test_an_item_of_an_unknown_kind_is_not_written() -> None:
    assert encode({"kind": "item.create", "item": {"kind": "dream"}}) is None
    assert encode({"kind": "item.create"}) is None
