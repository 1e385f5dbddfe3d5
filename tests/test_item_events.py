"""What the service says of items, as listeners get it."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.dialog import Options
from pi_voice.transport.messages import Message, ToolCall
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


@pytest.mark.parametrize("where", ["added", "done"])
def test_a_complete_call_is_told_once_after_its_item(where: str) -> None:
    here = room().says(f"response.output_item.{where}", response_id="r1", item=CALL)
    here.says("response.output_item.done", response_id="r1", item=CALL)
    assert here.names() == ["item_update", "function_call"]


def test_a_call_carries_what_its_answer_needs() -> None:
    here = room().says("response.output_item.done", response_id="r1", item=CALL)
    [call], [item] = here.all("function_call"), here.all("item_update")
    assert (call.type, call.id, call.call_id) == ("function_call", "f1", "c1")
    assert (call.name, call.arguments, call.response_id) == ("get_time", "{}", "r1")
    assert isinstance(item, ToolCall)
    assert (item.status, item.output) == ("in_progress", None)


@pytest.mark.parametrize("status", ["in_progress", "incomplete", None])
def test_a_call_that_is_not_complete_never_runs(status: str | None) -> None:
    here = room().says("response.function_call_arguments.done", call_id="c1", arguments="{}")
    here.says("response.output_item.done", response_id="r1", item={**CALL, "status": status})
    assert here.all("function_call") == []
    assert "tool.call" not in here.kinds()


def test_a_call_without_its_own_name_is_answered_by_its_item() -> None:
    here = room().says("response.output_item.done", item={**CALL, "call_id": ""})
    assert here.all("function_call")[0].call_id == "f1"


def test_items_are_told_as_they_come_and_go() -> None:
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    here = room().says("conversation.item.added", item=item, previous_item_id="root")
    here.says("conversation.item.done", item=item)
    here.says("conversation.item.deleted", item_id="u1")
    first, second = here.all("item_update")
    assert isinstance(first, Message)
    assert (first.status, first.previous_item_id) == ("in_progress", "root")
    assert (second.status, second.previous_item_id) == ("completed", "root")
    assert here.all("item_deleted")[0].item_id == "u1"
    assert len(here.dialog.history) == 0


def test_the_older_name_of_an_added_item_is_understood() -> None:
    item = {"id": "u1", "type": "message", "role": "user"}
    here = room().says("conversation.item.created", item=item)
    assert here.all("item_update")[0].content == ()
    assert "item.created" in here.kinds()


def test_what_the_user_said_is_told_whenever_it_is_known() -> None:
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    here = room().says("conversation.item.added", item=item)
    here.says(
        "conversation.item.input_audio_transcription.completed",
        item_id="u1",
        content_index=0,
        transcript="hello",
    )
    [said] = here.all("input_audio_transcription_completed")
    assert (said.item_id, said.transcript) == ("u1", "hello")
    assert here.all("item_update")[-1].content[0].transcript == "hello"


def test_what_could_not_be_understood_is_told_too() -> None:
    here = room()
    here.says(
        "conversation.item.input_audio_transcription.failed",
        item_id="u1",
        error={"message": "too quiet"},
    )
    [failed] = here.all("transcription_failed")
    assert (failed.item_id, failed.reason) == ("u1", "too quiet")


def test_a_truncated_transcript_stays_cut_whatever_comes_after() -> None:
    here = room().reply().speaks(1000)
    spoken = {"item_id": "a1", "content_index": 0}
    here.says("response.output_audio_transcript.delta", delta="0123456789", **spoken)
    here.dialog.heard.on_played("a1", 0, 24 * 500)
    here.dialog.interrupt(cancel=True)
    here.says("response.output_audio_transcript.done", transcript="0123456789ab", **spoken)
    content = [{"type": "output_audio", "transcript": "0123456789ab"}]
    item = {"id": "a1", "type": "message", "role": "assistant", "content": content}
    here.says("conversation.item.done", item=item)
    last = here.all("item_update")[-1]
    assert (last.content[0].transcript, last.content[0].truncated) == ("01234", True)
    assert last.status == "incomplete"


@pytest.mark.parametrize("retrieve", [True, False])
@pytest.mark.parametrize(
    "event",
    [
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.truncated",
        "response.mcp_call.in_progress",
        "mcp_list_tools.in_progress",
    ],
)
def test_items_are_fetched_again_only_when_wanted(event: str, retrieve: bool) -> None:
    here = room(retrieve_items=retrieve).says(event, item_id="i1")
    wanted = [{"type": "conversation.item.retrieve", "item_id": "i1"}]
    assert here.sent == (wanted if retrieve else [])


def test_tools_of_a_server_are_listed() -> None:
    item = {"type": "mcp_list_tools", "server_label": "home", "tools": [{"name": "lamp"}]}
    [listed] = room().says("conversation.item.done", item=item).all("mcp_tools_listed")
    assert (listed.server_label, listed.tools) == ("home", ({"name": "lamp"},))


def test_a_request_for_approval_carries_its_arguments_read() -> None:
    item = {
        "id": "m1",
        "type": "mcp_approval_request",
        "server_label": "home",
        "name": "lamp",
        "arguments": '{"on": true}',
    }
    here = room().says("conversation.item.done", item=item)
    assert here.names() == ["item_update", "mcp_approval_request"]
    [asked] = [here.dialog.history.get("m1")]
    assert asked is not None
    assert (asked.type, getattr(asked, "arguments", None)) == ("mcp_approval_request", {"on": True})


def test_a_call_that_the_service_made_itself_is_told_when_it_ends() -> None:
    item = {"id": "m1", "type": "mcp_call", "name": "lamp", "arguments": "{}", "output": "on"}
    here = room().says("response.output_item.added", item={**item, "output": None})
    here.says("conversation.item.done", item=item)
    assert here.names() == ["item_update", "item_update", "mcp_tool_call_completed"]


def test_a_retrieved_item_replaces_what_was_known() -> None:
    content = [{"type": "input_text", "text": "hello"}]
    item = {"id": "u1", "type": "message", "role": "user", "content": content}
    here = room().says("conversation.item.retrieved", item=item)
    assert here.all("item_update")[0].content[0].text == "hello"
