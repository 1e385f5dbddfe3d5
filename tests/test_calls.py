"""What a program asks for, as it stands on the wire."""

from __future__ import annotations

import json
from base64 import b64encode
from math import inf
from typing import Any

import pytest

from pi_voice.transport import UNSET
from pi_voice.transport.calls import Calls
from pi_voice.transport.contracts import NotConnectedError, TransportError
from pi_voice.transport.dialog import Options
from pi_voice.transport.effects import ForgetAudio, Send
from pi_voice.transport.messages import ContentPart, Message
from tests.dialogue import Room

SOUND = bytes(range(256)) * 20
CALL = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "get_time", "arguments": "{}"}


def room(config: dict[str, Any] | None = None, **options: Any) -> Room:
    return Room(options=Options(**options)).connect(config or {"turn_detection": None})


def called(here: Room) -> Room:
    item = {**CALL, "status": "completed"}
    here.says("response.output_item.done", response_id="r1", item=item)
    here.forget()
    return here


def create(item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item, **fields}


EVERY_CALL = [
    lambda calls: calls.send_event({"type": "response.cancel"}),
    lambda calls: calls.send_neutral({"kind": "response.create"}),
    lambda calls: calls.request_response(None),
    lambda calls: calls.send_message("hi", None, trigger=True),
    lambda calls: calls.add_image("data:image/png;base64,AA", trigger=True),
    lambda calls: calls.update_session_config({"instructions": "x"}),
    lambda calls: calls.send_function_call_output(CALL, "1", respond=True),
    lambda calls: calls.send_mcp_response({"item_id": "m1"}, True, None),
    lambda calls: calls.reset_history([], []),
]


@pytest.mark.parametrize("call", EVERY_CALL)
def test_without_a_connection_a_call_fails_and_changes_nothing(call: Any) -> None:
    here = Room()
    with pytest.raises(NotConnectedError, match="Call connect"):
        call(here.calls)
    here.connect()
    assert here.types() == []


def test_a_message_is_said_as_the_user_and_answered() -> None:
    here = room()
    here.calls.send_message("hi", None, trigger=True)
    here.perform()
    message, asked = here.sent
    content = [{"type": "input_text", "text": "hi"}]
    assert message == create({"type": "message", "role": "user", "content": content})
    assert (asked["type"], sorted(asked)) == ("response.create", ["event_id", "type"])


def test_a_message_may_carry_more_and_want_no_answer() -> None:
    here = room()
    here.calls.send_message("hi", {"previous_item_id": "u0", "event_id": "e"}, trigger=False)
    here.perform()
    [message] = here.sent
    assert (message["previous_item_id"], message["event_id"]) == ("u0", "e")


@pytest.mark.off_the_wire
def test_other_data_of_a_message_has_the_last_word() -> None:
    here = room()
    here.calls.send_message("hi", {"item": {"type": "mine"}}, trigger=False)
    here.perform()
    assert here.sent == [create({"type": "mine"})]


def test_an_image_in_a_message_is_named_as_the_wire_wants_it() -> None:
    here = room()
    parts = [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image": "data:,x", "providerData": {"detail": "low"}},
        {"type": "input_text"},
        {"type": "surprise"},
    ]
    here.calls.send_message({"type": "message", "content": parts}, None, trigger=False)
    here.perform()
    assert here.sent[0]["item"]["content"] == [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": "data:,x", "detail": "low"},
    ]


def test_an_image_is_shown_as_the_user() -> None:
    here = room()
    here.calls.add_image("data:image/png;base64,AA", trigger=False)
    here.perform()
    part = {"type": "input_image", "image_url": "data:image/png;base64,AA"}
    assert here.sent == [create({"type": "message", "role": "user", "content": [part]})]


def test_an_image_that_would_end_the_connection_is_refused_here() -> None:
    with pytest.raises(TransportError, match="scale it"):
        room().calls.add_image("x" * (1 << 21), trigger=False)


def test_messages_in_a_row_want_one_answer_together() -> None:
    here = room()
    for words in "abc":
        here.calls.send_message(words, None, trigger=True)
    item, wanted = "conversation.item.create", "response.create"
    assert here.types() == [item, wanted, item, item]
    here.reply().done()
    assert here.types() == [wanted]
    here.reply("r2").done("r2")
    assert here.types() == []


def test_a_response_with_wishes_of_its_own_carries_them() -> None:
    here = room()
    here.calls.request_response({"instructions": "Use the override."})
    here.perform()
    assert here.sent[0]["response"] == {"instructions": "Use the override."}


def test_a_raw_create_is_sequenced_and_keeps_its_id() -> None:
    here = room().reply()
    here.forget()
    here.calls.send_event({"type": "response.create", "event_id": "mine"})
    assert here.types() == []
    here.done()
    assert here.sent == [{"type": "response.create", "event_id": "mine"}]


@pytest.mark.off_the_wire
def test_any_other_event_goes_out_as_it_is() -> None:
    here = room()
    event = {"type": "x.y", "deep": {"null": None}, "skip": UNSET}
    here.calls.send_event(event)
    here.perform()
    assert here.sent == [{"type": "x.y", "deep": {"null": None}}]


def test_an_event_that_json_cannot_say_fails_at_the_call() -> None:
    with pytest.raises(TypeError):
        room().calls.send_event({"type": "x.y", "bad": object()})


def test_sound_goes_out_as_base64_and_is_counted() -> None:
    here = room()
    here.calls.send_audio(memoryview(SOUND))
    [effect] = here.protocol.effects
    assert isinstance(effect, Send)
    assert effect.audio_ms == len(SOUND) / 48
    assert json.loads(effect.data) == {
        "type": "input_audio_buffer.append",
        "audio": b64encode(SOUND).decode(),
    }
    assert here.dialog.uplink.appended_ms == len(SOUND) / 48


def test_much_sound_at_once_goes_out_in_pieces() -> None:
    here = room()
    here.calls.send_audio(memoryview(bytes(5 << 19)))
    assert here.types() == ["input_audio_buffer.append"] * 3


def test_no_sound_is_no_event() -> None:
    here = room()
    here.calls.send_audio(memoryview(b""))
    assert here.types() == []


@pytest.mark.parametrize(
    "send",
    [
        lambda calls: calls.send_audio(memoryview(bytes(4800))),
        lambda calls: calls.send_event(
            {"type": "input_audio_buffer.append", "audio": b64encode(bytes(4800)).decode()}
        ),
        lambda calls: calls.send_neutral(
            {"kind": "audio.input.append", "audio": b64encode(bytes(4800)).decode()}
        ),
    ],
)
def test_sound_is_counted_however_it_is_sent_and_kept_back_while_muted(send: Any) -> None:
    here = room()
    send(here.calls)
    assert here.dialog.uplink.appended_ms == 100
    assert here.types() == ["input_audio_buffer.append"]
    here.calls.mute(muted=True)
    assert here.types() == ["input_audio_buffer.clear"]
    send(here.calls)
    assert here.types() == []
    assert here.dialog.uplink.dropped_ms == 100


def test_muting_after_the_turn_was_committed_sends_nothing() -> None:
    here = room()
    here.calls.send_audio(memoryview(bytes(4800)))
    here.calls.commit_audio()
    here.forget()
    here.calls.mute(muted=True)
    here.calls.mute(muted=True)
    here.calls.mute(muted=False)
    assert here.types() == []


def test_raw_commits_and_clears_are_counted_too() -> None:
    here = room()
    for kind in ("commit", "clear"):
        here.calls.send_audio(memoryview(bytes(4800)))
        here.calls.send_event({"type": f"input_audio_buffer.{kind}"})
        assert here.dialog.uplink.appended_ms == 0


@pytest.mark.parametrize(
    "event",
    [
        create({"type": "message", "content": [{"type": "input_audio", "audio": "AAAA"}]}),
        {
            "type": "response.create",
            "response": {"input": [{"content": [{"type": "input_audio", "audio": "AAAA"}]}]},
        },
    ],
)
def test_sound_in_other_clothes_is_kept_back_while_muted(event: dict[str, Any]) -> None:
    here = room()
    here.calls.mute(muted=True)
    here.calls.send_event(event)
    here.perform()
    assert "AAAA" not in json.dumps(here.sent)
    assert here.dialog.uplink.dropped_ms > 0


def test_an_update_of_the_session_says_only_what_changed() -> None:
    here = room()
    here.calls.update_session_config({"instructions": "Be brief."})
    here.calls.update_session_config({"instructions": "Be brief."})
    here.perform()
    [update] = here.sent
    assert update["session"] == {"type": "realtime", "instructions": "Be brief."}


@pytest.mark.off_the_wire
def test_a_raw_update_counts_for_the_next_session() -> None:
    here = room()
    here.calls.send_event({"type": "session.update", "session": {"instructions": "Be brief."}})
    here.reconnect()
    here.perform()
    assert here.sent[-1]["session"]["instructions"] == "Be brief."


def test_the_output_of_a_function_is_told_and_answered() -> None:
    here = called(room())
    here.calls.send_function_call_output(CALL, "12:00", respond=True)
    here.perform()
    output = {"type": "function_call_output", "call_id": "c1", "output": "12:00"}
    assert here.sent[0] == create(output)
    assert here.sent[1]["type"] == "response.create"
    [item] = here.all("item_update")
    assert (item.item_id, item.status, item.output) == ("f1", "completed", "12:00")
    assert (item.name, item.arguments) == ("get_time", "{}")


def test_the_object_of_the_event_answers_as_well_as_a_mapping() -> None:
    here = room()
    item = {**CALL, "status": "completed"}
    here.says("response.output_item.done", response_id="r1", item=item)
    [call] = here.all("function_call")
    here.calls.send_function_call_output(call, "", respond=False)
    assert here.types() == ["conversation.item.create"]


def test_an_output_after_an_interruption_starts_no_reply() -> None:
    here = room().reply()
    called(here)
    here.dialog.interrupt(cancel=True)
    here.done(status="cancelled")
    here.forget()
    here.calls.send_function_call_output(CALL, "12:00", respond=True)
    assert here.types() == ["conversation.item.create"]


def test_an_output_for_a_session_that_is_gone_is_dropped() -> None:
    here = called(room())
    here.reconnect()
    here.forget()
    here.calls.send_function_call_output(CALL, "12:00", respond=True)
    assert here.types() == []


def test_the_output_of_a_function_may_come_as_kernl_gives_it() -> None:
    here = called(room())
    here.calls.send_neutral({"kind": "tool.result", "call_id": "c1", "result": {"time": 9}})
    here.perform()
    output = {"type": "function_call_output", "call_id": "c1", "output": '{"time":9}'}
    assert here.sent == [create(output)]
    assert here.all("item_update")[-1].output == '{"time":9}'
    here.forget()
    here.reconnect()
    replayed = [event["item"]["type"] for event in here.sent[1:]]
    assert replayed == ["function_call", "function_call_output", "message"]


def test_a_raw_output_of_a_function_is_known_to_the_next_session_too() -> None:
    here = called(room())
    output = {"type": "function_call_output", "call_id": "c1", "output": "9"}
    here.calls.send_event(create(output))
    here.forget()
    here.reconnect()
    assert [event["item"]["type"] for event in here.sent[1:]][:1] == ["function_call"]


def test_kernls_output_for_a_session_that_is_gone_is_dropped() -> None:
    here = called(room())
    here.reconnect()
    here.forget()
    here.calls.send_neutral({"kind": "tool.result", "call_id": "c1", "result": "late"})
    assert here.types() == []


def test_an_output_of_a_call_that_we_never_saw_is_sent() -> None:
    here = room()
    here.calls.send_function_call_output({"call_id": "c9"}, "1", respond=False)
    assert here.types() == ["conversation.item.create"]


@pytest.mark.parametrize("reason", [None, "Denied by policy"])
def test_an_approval_names_what_it_answers(reason: str | None) -> None:
    here = room()
    here.calls.send_mcp_response({"item_id": "m1"}, False, reason)
    here.perform()
    [event] = here.sent
    assert event["previous_item_id"] == "m1"
    item = event["item"]
    assert item.pop("id").startswith("pv_")
    assert item == {
        "type": "mcp_approval_response",
        "approval_request_id": "m1",
        "approve": False,
        **({} if reason is None else {"reason": reason}),
    }


def test_a_history_is_turned_into_another() -> None:
    def said(item_id: str, words: str) -> Message:
        return Message(item_id, "user", (ContentPart("input_text", words),), "completed")

    here = room()
    here.calls.reset_history([said("a", "1"), said("b", "2")], [said("c", "3"), said("b", "4")])
    here.perform()
    assert [(e["type"], e.get("item_id")) for e in here.sent[:2]] == [
        ("conversation.item.delete", "a"),
        ("conversation.item.delete", "b"),
    ]
    made = [(e["item"]["id"], e["previous_item_id"]) for e in here.sent[2:]]
    assert made == [("c", "root"), ("b", "c")]


def test_only_messages_can_be_made(caplog: pytest.LogCaptureFixture) -> None:
    here = room()
    here.calls.reset_history([], [{**CALL, "item_id": "f1"}])
    assert here.types() == []
    assert "f1" in caplog.text


@pytest.mark.parametrize("turns", [True, False])
def test_kernls_activities_end_turns_only_when_wanted(turns: bool) -> None:
    here = room(activity_turns=turns).reply().speaks(100)
    here.forget()
    here.calls.send_neutral({"kind": "activity.start"})
    started = here.types()
    here.done(status="cancelled")
    here.calls.send_neutral({"kind": "activity.end"})
    ended = here.types()
    wanted = ["response.cancel", "conversation.item.truncate", "input_audio_buffer.clear"]
    assert started == (wanted if turns else [])
    assert ended == (["input_audio_buffer.commit", "response.create"] if turns else [])


def test_kernls_activities_are_nothing_where_the_service_detects_turns() -> None:
    here = room({"turn_detection": {"type": "server_vad"}}, activity_turns=True)
    here.calls.send_neutral({"kind": "activity.end"})
    assert here.types() == []


def test_a_neutral_update_is_merged_like_any_other() -> None:
    here = room()
    here.calls.send_neutral({"kind": "session.update", "config": {"voice": {"voiceId": "ash"}}})
    here.perform()
    assert here.sent[0]["session"]["audio"] == {"output": {"voice": "ash"}}


def test_a_neutral_event_that_the_wire_does_not_know_is_dropped() -> None:
    here = room()
    here.calls.send_neutral({"kind": "rocket.launch"})
    assert here.types() == []


@pytest.mark.off_the_wire
def test_a_raw_truncation_is_not_followed_by_one_of_ours() -> None:
    here = room().reply().speaks(100)
    here.forget()
    here.calls.send_event(
        {"type": "conversation.item.truncate", "item_id": "a1", "content_index": 0}
    )
    here.dialog.interrupt(cancel=False)
    assert here.types() == ["conversation.item.truncate"]


def test_whether_sound_is_accepted_is_known_before_it_is_read() -> None:
    calls: Calls = room().calls
    assert calls.accepts_audio("AAAA", connected=True)
    assert not calls.accepts_audio("AAAA", connected=False)
    calls.mute(muted=True)
    assert not calls.accepts_audio("AAAA", connected=True)


def test_what_is_cleared_and_still_waits_does_not_travel() -> None:
    for clear in ("clear_audio", "send_event"):
        here = room()
        here.calls.send_audio(memoryview(bytes(4800)))
        given = [{"type": "input_audio_buffer.clear"}] if clear == "send_event" else []
        getattr(here.calls, clear)(*given)
        assert ForgetAudio(100.0) in here.dialog.effects


def test_forgotten_sound_is_all_that_waits_also_what_was_committed() -> None:
    here = room()
    here.calls.send_audio(memoryview(bytes(4800)))
    here.calls.commit_audio()
    here.forget()
    here.calls.forget_audio()
    assert list(here.dialog.effects) == [ForgetAudio(inf)]
