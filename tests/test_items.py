"""Items of the service as objects, and back."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.items import (
    MOST_PARTS,
    as_item,
    read_function_call,
    read_item,
    read_json_object,
    write_message,
    write_user_message,
)
from pi_voice.transport.messages import ContentPart, McpApprovalRequest, Message, ToolCall


def read(status: str = "completed", **wire: Any) -> Any:
    return read_item(wire, status=status)


@pytest.mark.parametrize(
    ("role", "kind", "shown"),
    [
        ("assistant", "audio", "output_audio"),
        ("assistant", "text", "output_text"),
        ("assistant", "output_audio", "output_audio"),
        ("user", "input_audio", "input_audio"),
        ("user", "input_image", "input_image"),
        ("system", "input_text", "input_text"),
    ],
)
def test_parts_have_the_names_of_today(role: str, kind: str, shown: str) -> None:
    message = read(id="a", type="message", role=role, content=[{"type": kind}])
    assert message.content == (ContentPart(shown),)


def test_a_message_without_end_is_read_to_a_bound() -> None:
    message = read(id="a", type="message", role="assistant", content=[{"type": "x"}] * 10_000)
    assert len(message.content) == MOST_PARTS


def test_a_status_of_its_own_counts_more_than_ours() -> None:
    assert read(id="a", type="message", role="user", status="incomplete").status == "incomplete"
    assert read("in_progress", id="a", type="message", role="user").status == "in_progress"
    assert read(id="a", type="message", role="system").status is None


def test_sound_is_not_kept() -> None:
    part = {"type": "input_audio", "audio": "AAAA", "transcript": "hi"}
    assert "AAAA" not in repr(read(id="a", type="message", role="user", content=[part]))


@pytest.mark.parametrize("kind", ["function_call", "mcp_call", "mcp_tool_call"])
def test_calls_are_read(kind: str) -> None:
    call = read(id="f", type=kind, name="n", arguments="{}", output="1", call_id="c")
    assert call == ToolCall("f", "n", "{}", "completed", "1", "c", None, kind)


def test_a_request_for_approval_is_read() -> None:
    asked = read(id="m", type="mcp_approval_request", server_label="s", name="n", arguments="")
    assert asked == McpApprovalRequest("m", "s", "n", {})


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        {"type": "message", "role": "user"},
        {"id": "a", "type": "message", "role": "wizard"},
        {"id": "a", "type": "mcp_list_tools"},
        {"id": "a"},
        {"id": 7, "type": "message", "role": "user"},
    ],
)
def test_what_history_does_not_keep_is_none(wire: Any) -> None:
    assert read_item(wire, status="completed") is None


@pytest.mark.parametrize("content", [None, 5, [5], [{"type": 5}], [None]])
def test_content_that_makes_no_sense_is_left_out(content: Any) -> None:
    assert read(id="a", type="message", role="user", content=content).content == ()


def test_only_a_complete_call_can_be_run() -> None:
    wire = {"type": "function_call", "id": "f", "status": "completed", "name": "n"}
    call = read_function_call(wire, "r1", "u1")
    assert call is not None
    assert (call.id, call.call_id, call.arguments) == ("f", "f", "")
    assert (call.response_id, call.previous_item_id) == ("r1", "u1")
    assert read_function_call({**wire, "status": "incomplete"}, "r1", None) is None
    assert read_function_call({**wire, "id": ""}, "r1", None) is None
    assert read_function_call(None, "r1", None) is None


@pytest.mark.parametrize(
    ("given", "read_as"),
    [('{"a": 1}', {"a": 1}), ("", {}), ("[1]", {}), ("{", {}), (None, {}), ({"a": 1}, {"a": 1})],
)
def test_arguments_are_read_or_empty(given: Any, read_as: dict[str, Any]) -> None:
    assert read_json_object(given) == read_as


def test_a_mapping_with_the_keys_of_an_item_is_one() -> None:
    part = {"type": "input_text", "text": "hi"}
    given = {"item_id": "a", "type": "message", "role": "user", "content": [part]}
    item = as_item(given)
    assert item == Message("a", "user", (ContentPart("input_text", "hi"),), "completed")
    assert as_item(item) is item
    assert as_item(7) is None


def test_sound_is_written_as_its_words() -> None:
    parts = (ContentPart("output_audio", transcript="hi"), ContentPart("output_audio"))
    wire = write_message(Message("a", "assistant", parts, "in_progress"))
    assert wire == {
        "type": "message",
        "role": "assistant",
        "id": "a",
        "status": "completed",
        "content": [{"type": "output_text", "text": "hi"}],
    }


def test_a_message_without_words_cannot_be_written() -> None:
    assert write_message(Message("a", "user", (ContentPart("input_audio"),))) is None
    assert write_message(Message("a", "user", (ContentPart("input_image"),))) is None


def test_a_user_message_may_be_given_in_many_ways() -> None:
    text = [{"type": "input_text", "text": "hi"}]
    plain = {"type": "message", "role": "user", "content": text}
    assert write_user_message("hi") == plain
    assert write_user_message({"content": "hi"}) == plain
    assert write_user_message({"content": [ContentPart("input_text", "hi")]}) == plain
    assert write_user_message({"content": None, "id": "x"})["content"] == []


def test_images_and_sound_of_a_user_message_are_written() -> None:
    parts = [
        {"type": "input_image", "image_url": "data:,x", "detail": "high"},
        {"type": "input_image"},
        {"type": "input_audio", "audio": "AAAA"},
        {"type": "input_audio"},
        {"type": "input_text", "text": 7},
    ]
    assert write_user_message({"content": parts})["content"] == [
        {"type": "input_image", "image_url": "data:,x", "detail": "high"},
        {"type": "input_audio", "audio": "AAAA"},
    ]
