"""What each event of the service becomes for listeners."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.dialog import Options
from pi_voice.transport.messages import Message, ToolCall
from tests.dialogue import Room, response

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


def test_a_spoken_answer_is_told_in_the_order_of_the_seed() -> None:
    here = room().reply()
    here.says("response.output_audio_transcript.delta", response_id="r1", item_id="a1", delta="hi")
    here.speaks(20)
    here.says("response.output_audio.done", response_id="r1", item_id="a1", content_index=0)
    item = {"id": "a1", "type": "message", "role": "assistant", "content": []}
    here.says("response.output_item.done", response_id="r1", item=item).done()
    assert here.names() == [
        "turn_started",
        "item_update",
        "audio_transcript_delta",
        "audio",
        "audio_done",
        "item_update",
        "usage_update",
        "turn_done",
    ]


def test_sound_comes_as_bytes_with_all_that_the_speaker_must_report() -> None:
    [sound] = room().reply().speaks(20, index=1).all("audio")
    assert (sound.type, sound.response_id, sound.item_id, sound.content_index) == (
        "audio",
        "r1",
        "a1",
        1,
    )
    assert sound.data == bytes(960)


def test_sound_is_counted_by_the_format_that_the_service_confirmed() -> None:
    here = room()
    audio = {"output": {"format": {"type": "audio/pcmu"}}}
    here.says("session.updated", session={"audio": audio}).reply().speaks(1)
    assert here.dialog.heard.position()[0].received_ms == 6


def test_an_empty_piece_of_sound_is_none() -> None:
    here = room().reply()
    here.says("response.output_audio.delta", response_id="r1", item_id="a1", delta="")
    assert here.all("audio") == []


def test_usage_is_told_in_full_and_as_nothing_when_it_is_missing() -> None:
    usage = {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
        "input_token_details": {"cached_tokens": 3},
    }
    here = room().says("response.done", response=response("r1", "completed", usage=usage)).done()
    full, none = here.all("usage_update")
    assert (full.input_tokens, full.output_tokens, full.total_tokens) == (5, 7, 12)
    assert full.input_tokens_details == {"cached_tokens": 3}
    assert (none.input_tokens, none.total_tokens) == (0, 0)


def test_a_total_that_is_missing_is_the_sum() -> None:
    usage = {"input_tokens": 5, "output_tokens": 7}
    here = room().says("response.done", response=response("r1", "completed", usage=usage))
    assert here.all("usage_update")[0].total_tokens == 12


def test_the_end_of_a_turn_tells_its_state() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    done = response("r1", "cancelled", status_details=details, output=[{"id": "a1"}])
    [turn] = room().says("response.done", response=done).all("turn_done")
    assert (turn.type, turn.response.id, turn.response.status) == (
        "response_done",
        "r1",
        "cancelled",
    )
    assert turn.response.status_details == details
    assert turn.response.output == ({"id": "a1"},)


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("failed", {"error": {"type": "server_error", "code": "insufficient_quota"}}, None),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
        ("failed", None, None),
    ],
)
def test_a_reply_that_fails_is_an_error(status: str, details: Any, code: str | None) -> None:
    done = response("r1", status, status_details=details)
    [fault] = room().says("response.done", response=done).all("error")
    assert status in str(fault)
    assert fault.code == (code or ("insufficient_quota" if details else None))


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_reply_that_ends_as_it_should_is_no_error(status: str) -> None:
    assert room().reply().done(status=status).all("error") == []


@pytest.mark.parametrize(
    ("wire", "told", "kind"),
    [
        ("response.output_audio_transcript.delta", "audio_transcript_delta", "transcript_delta"),
        ("response.output_text.delta", "output_text_delta", "output_text_delta"),
    ],
)
def test_words_come_as_they_are_made(wire: str, told: str, kind: str) -> None:
    here = room().says(wire, response_id="r1", item_id="a1", delta="wo")
    [delta] = here.all(told)
    assert (delta.type, delta.delta, delta.item_id, delta.response_id) == (kind, "wo", "a1", "r1")


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
