"""The conversation of a session, over its wire."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.sim.service_items import Conversation, Item
from tests.stage import Stage, base64_text, error_of, only, tone, types


def words(text: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **fields}


def test_an_item_is_added_and_done_with_its_own_id() -> None:
    stage = Stage()
    events = stage.send("conversation.item.create", item=words("hi", id="u1"))
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    assert events[0]["item"] == {
        "id": "u1",
        "object": "realtime.item",
        "status": "completed",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "hi"}],
    }


def test_items_go_to_the_end_to_the_root_or_behind_another() -> None:
    stage = Stage()
    stage.send("conversation.item.create", item=words("1", id="a"))
    stage.send("conversation.item.create", item=words("2", id="c"))
    behind = stage.send("conversation.item.create", item=words("3", id="b"), previous_item_id="a")
    first = stage.send("conversation.item.create", item=words("0", id="r"), previous_item_id="root")
    assert behind[0]["previous_item_id"] == "a"
    assert first[0]["previous_item_id"] is None
    last = stage.send("conversation.item.create", item=words("4"))
    assert last[0]["previous_item_id"] == "c"


def test_a_deleted_item_is_gone() -> None:
    stage = Stage()
    stage.send("conversation.item.create", item=words("1", id="a"))
    [event] = stage.send("conversation.item.delete", item_id="a")
    assert (event["type"], event["item_id"]) == ("conversation.item.deleted", "a")
    error = error_of(stage.send("conversation.item.delete", item_id="a"))
    assert error["code"] == "item_delete_invalid_item_id"
    assert error["message"] == "Error deleting item: the item with id 'a' does not exist."


def test_a_turn_is_retrieved_with_its_audio() -> None:
    stage = Stage()
    item_id = only(stage.turn(tone(200)), "input_audio_buffer.committed")["item_id"]
    [event] = stage.send("conversation.item.retrieve", item_id=item_id)
    assert event["item"]["content"][0]["audio"] == base64_text(tone(200))


def test_audio_inside_an_item_is_kept_and_answered() -> None:
    stage = Stage()
    part = {"type": "input_audio", "audio": base64_text(tone(200)), "transcript": "la"}
    item = {"type": "message", "role": "user", "id": "u", "content": [part]}
    added = only(stage.send("conversation.item.create", item=item), "conversation.item.added")
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": "la"}]
    [event] = stage.send("conversation.item.retrieve", item_id="u")
    assert event["item"]["content"][0] == part


def test_a_function_call_and_its_output_can_be_replayed() -> None:
    stage = Stage()
    call = {"type": "function_call", "name": "f", "call_id": "c1", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "1"}
    for item in (call, output):
        added = only(stage.send("conversation.item.create", item=item), "conversation.item.added")
        assert added["item"].items() >= item.items()


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ("text", "invalid_value", "item.type"),
        ({"type": "poem"}, "invalid_value", "item.type"),
        ({"type": "message", "content": []}, "invalid_value", "item.role"),
        (words("x", role=["user"]), "invalid_value", "item.role"),
        (words("x", content=None), "missing_required_parameter", "item.content"),
        (words("x", content=["x"]), "missing_required_parameter", "item.content"),
        (words("x", role="assistant"), "invalid_value", "item.content[0].type"),
        (
            words("x", content=[{"type": "input_audio", "audio": "?"}]),
            "invalid_value",
            "item.content.audio",
        ),
    ],
)
def test_an_item_that_makes_no_sense_is_refused(item: Any, code: str, param: str) -> None:
    error = error_of(Stage().send_raw({"type": "conversation.item.create", "item": item}))
    assert (error["code"], error["param"]) == (code, param)


def test_no_client_puts_sound_into_the_assistants_mouth() -> None:
    part = {"type": "output_audio", "audio": base64_text(tone(100))}
    item = {"type": "message", "role": "assistant", "content": [part]}
    error = error_of(Stage().send("conversation.item.create", item=item))
    assert error["message"] == "Invalid value: 'output_audio'. Supported values are: 'output_text'."


def test_the_same_id_twice_and_an_unknown_neighbour_are_refused() -> None:
    stage = Stage()
    stage.send("conversation.item.create", item=words("1", id="a"))
    twice = error_of(stage.send("conversation.item.create", item=words("2", id="a")))
    assert twice["code"] == "item_create_duplicate_item_id"
    lost = stage.send("conversation.item.create", item=words("3"), previous_item_id="x")
    assert error_of(lost)["code"] == "item_not_found"


def replied(stage: Stage) -> str:
    stage.turn(tone(1000))
    stage.send("response.create")
    stage.wait()
    return stage.session.turns[-1].reply_item_id


def truncate(stage: Stage, item_id: str, ms: object, index: int = 0) -> dict[str, Any]:
    where = {"item_id": item_id, "content_index": index, "audio_end_ms": ms}
    [event] = stage.send_raw({"type": "conversation.item.truncate", **where})
    return event


def test_a_truncation_takes_the_unheard_audio_and_the_transcript_away() -> None:
    stage = Stage()
    item_id = replied(stage)
    assert truncate(stage, item_id, 500)["type"] == "conversation.item.truncated"
    [event] = stage.send("conversation.item.retrieve", item_id=item_id)
    heard = base64_text(tone(1000)[: 500 * 48])
    assert event["item"]["content"] == [{"type": "output_audio", "audio": heard}]


@pytest.mark.parametrize(
    ("ms", "index", "message"),
    [
        (1001, 0, "Audio content of 1000ms is already shorter than 1001ms"),
        (740.5, 0, "Invalid type for 'audio_end_ms': expected an integer, but got a decimal"),
        (-1, 0, "Invalid 'audio_end_ms': integer below minimum value."),
        (100, 1, "has no content at index 1."),
    ],
)
def test_an_impossible_truncation_is_refused(ms: object, index: int, message: str) -> None:
    stage = Stage()
    assert message in truncate(stage, replied(stage), ms, index)["error"]["message"]


def test_only_what_the_assistant_said_can_be_truncated() -> None:
    stage = Stage()
    item_id = only(stage.turn(tone(200)), "input_audio_buffer.committed")["item_id"]
    assert truncate(stage, item_id, 100)["error"]["code"] == "unsupported_content_type"
    assert truncate(stage, "item_x", 100)["error"]["code"] == "item_truncate_invalid_item_id"


def test_an_item_that_was_deleted_while_it_was_made_still_ends() -> None:
    conversation = Conversation()
    item = Item({"id": "a", "type": "message"})
    conversation.add(item)
    conversation.delete("a")
    assert conversation.done(item)["previous_item_id"] is None
