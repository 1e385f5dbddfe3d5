"""The order of what is told, the life of the connection, and what bad input does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pi_voice.transport.contracts import NotConnectedError, TransportError, TransportStatus
from pi_voice.transport.dialog import Options
from pi_voice.transport.protocol import RealtimeProtocol
from tests.dialogue import PUSH_TO_TALK, Room, response


def told(here: Room, *names: str) -> list[tuple[str, Any]]:
    here.perform()
    return [(name, payload) for name, payload in here.told if name in names]


def test_every_event_is_told_raw_then_by_its_name_then_derived_then_neutrally() -> None:
    here = Room().connect().says("response.created", response=response("r1"))
    names = [name for name, _ in here.told]
    assert names == ["*", "response.created", "turn_started", "event"]


def test_listeners_that_change_the_raw_event_change_nothing_else() -> None:
    here = Room().connect()
    here.says("response.created", response=response("r1"))
    [raw], [named] = here.all("*"), here.all("response.created")
    raw.clear()
    assert named["response"]["id"] == "r1"


def test_state_is_known_before_listeners_are_called() -> None:
    here = Room().connect()
    here.protocol.receive(json.dumps({"type": "response.done", "response": response("r0")}))
    here.calls.request_response(None)
    assert here.types() == ["response.create"]


def test_an_unknown_event_passes_through_as_it_is() -> None:
    here = Room().connect().says("rocket.launched", speed=3)
    assert told(here, "*") == [("*", {"type": "rocket.launched", "speed": 3})]


def test_a_service_that_speaks_as_before_the_release_is_understood() -> None:
    here = Room().connect().reply()
    delta = {"response_id": "r1", "item_id": "a1"}
    here.forget()
    here.says("response.audio.delta", delta="AAAA", **delta)
    here.says("response.audio_transcript.delta", delta="hi", **delta)
    assert [event["type"] for event in here.all("*")] == [
        "response.audio.delta",
        "response.audio_transcript.delta",
    ]
    assert here.all("response.output_audio.delta")[0]["type"] == "response.output_audio.delta"
    assert here.kinds() == ["audio.output.delta", "transcript.output.delta"]
    assert here.names() == ["audio", "audio_transcript_delta"]


@pytest.mark.parametrize("name", ["audio", "connected", "*", "event", "turn_done"])
def test_the_service_cannot_pretend_to_be_us(name: str) -> None:
    here = Room().connect().says(name, data="x")
    assert [told_name for told_name, _ in here.told] == ["*"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type":1}',
        '{"no":"type"}',
        b"\xff\xfe",
        "[" * 100_000,
        '{"type":"response.done","response":' + "[" * 100_000,
        '{"type":"response.output_audio.delta","delta":"not base64!"}',
        '{"type":"response.output_audio.delta","delta":7}',
        '{"type":"response.output_audio.delta"}',
        '{"type":"response.created","response":{"id":' + "9" * 5000 + "}}",
    ],
)
def test_what_is_no_event_is_counted_and_skipped(message: str | bytes) -> None:
    here = Room().connect()
    here.protocol.receive(message)
    assert here.names() == ["malformed"]
    assert here.protocol.malformed == 1
    assert here.protocol.connected


def test_nobody_pays_for_what_nobody_listens_to() -> None:
    here = Room(wants=lambda name: False).connect()
    here.reply().speaks(100).done()
    assert here.told == []
    assert here.dialog.heard.position()[0].received_ms == 100


def test_a_connection_tells_both_vocabularies_and_opens_the_session() -> None:
    here = Room()
    here.dialog.session.begin(PUSH_TO_TALK, model="m", attached=False)
    here.protocol.connecting()
    here.protocol.opened()
    here.perform()
    assert here.told == [
        ("connection_change", "connecting"),
        ("status", "connecting"),
        ("connection_change", "connected"),
        ("connected", None),
        ("status", "connected"),
    ]
    assert here.types() == ["session.update"]
    assert not here.protocol.acknowledged
    here.acknowledge("s1")
    assert here.protocol.acknowledged
    assert here.all("session_ready") == ["s1"]


def test_a_lost_connection_that_comes_back_is_told_as_such() -> None:
    here = Room().connect()
    here.protocol.lost(TransportStatus.RECONNECTING)
    here.protocol.opened()
    here.acknowledge("s2")
    assert told(here, "connection_change", "connected", "disconnected", "status") == [
        ("connection_change", "connecting"),
        ("status", "reconnecting"),
        ("connection_change", "connected"),
        ("connected", None),
        ("status", "connected"),
    ]
    assert here.all("session_ready") == ["s2"]


@pytest.mark.off_the_wire
def test_a_session_without_answer_counts_as_ready_once() -> None:
    here = Room()
    here.protocol.connecting()
    here.protocol.opened()
    here.protocol.ready()
    here.acknowledge("s1")
    assert len(here.all("session_ready")) == 1


def test_while_reconnecting_calls_fail_until_the_session_is_acknowledged() -> None:
    here = Room().connect()
    here.protocol.lost(TransportStatus.RECONNECTING)
    here.protocol.opened()
    with pytest.raises(NotConnectedError):
        here.calls.request_response(None)
    here.acknowledge()
    here.calls.request_response(None)


def test_a_goodbye_says_disconnected_at_once_and_closed_when_it_is_over() -> None:
    here = Room().connect()
    here.protocol.closing()
    assert here.protocol.status is TransportStatus.DISCONNECTING
    assert here.names() == ["connection_change", "disconnected"]
    here.protocol.closed()
    here.perform()
    assert here.told == [("status", "closed")]


def test_the_end_of_a_connection_is_told_after_its_error() -> None:
    here = Room().connect()
    here.protocol.lost(TransportStatus.DISCONNECTED, TransportError("gone"))
    assert here.names() == ["error", "connection_change", "disconnected", "status"]
    assert here.protocol.status is TransportStatus.DISCONNECTED


def test_an_attempt_that_was_never_announced_ends_unannounced() -> None:
    here = Room()
    here.protocol.lost(TransportStatus.DISCONNECTED)
    assert here.names() == []


def test_a_reply_that_the_connection_took_with_it_has_failed() -> None:
    here = Room().connect().reply()
    here.protocol.lost(TransportStatus.RECONNECTING)
    [done] = here.all("turn_done")
    assert (done.response.id, done.response.status) == ("r1", "failed")
    assert done.response.status_details["reason"] == "disconnected"
    assert "response.done" in here.kinds()


@pytest.mark.off_the_wire
def test_a_refused_opening_is_known_as_such() -> None:
    here = Room()
    here.protocol.connecting()
    here.protocol.opened()
    here.perform()
    here.fails("invalid_value", "no such voice", here.sent[0]["event_id"])
    assert here.protocol.rejected is not None
    assert here.protocol.rejected.code == "invalid_value"
    assert not here.protocol.acknowledged


def test_an_error_of_the_service_is_told_with_all_it_said() -> None:
    here = Room().connect().fails("server_error", "sorry", "e1")
    [fault] = here.all("error")
    assert (fault.type, fault.code, fault.event_id) == ("error", "server_error", "e1")
    assert fault.error["error"]["message"] == "sorry"
    assert str(fault) == "the service says: sorry"
    assert "session.error" in here.kinds()


@pytest.mark.parametrize(
    "code",
    ["response_cancel_not_active", "conversation_already_has_active_response"],
)
def test_harmless_errors_are_told_raw_only(code: str) -> None:
    here = Room().connect().fails(code)
    assert [name for name, _ in here.told] == ["*"]


def test_an_empty_commit_is_an_error_only_where_we_end_the_turns() -> None:
    assert Room().connect().fails("input_audio_buffer_commit_empty").all("error")
    vad = Room().connect({"turn_detection": {"type": "server_vad"}})
    assert vad.fails("input_audio_buffer_commit_empty").all("error") == []


def test_an_error_that_explains_the_end_is_remembered_until_things_go_well() -> None:
    here = Room().connect().fails("session_expired")
    assert here.protocol.fault is not None
    here.reply()
    assert here.protocol.fault is None
    assert here.fails("invalid_value").protocol.fault is None


def test_an_interruption_while_reconnecting_silences_what_still_plays() -> None:
    here = Room().connect().reply().speaks(100)
    here.protocol.lost(TransportStatus.RECONNECTING)
    here.forget()
    here.protocol.interrupt(cancel=True)
    assert here.types() == []
    assert here.names() == ["audio_interrupted", "interrupted"]


def test_an_interruption_without_a_connection_is_nothing() -> None:
    here = Room()
    here.protocol.interrupt(cancel=True)
    assert here.names() == []


def test_limits_are_remembered_as_the_service_said_them() -> None:
    limits = [{"name": "tokens", "remaining": 7}]
    here = Room().connect().says("rate_limits.updated", rate_limits=limits)
    assert here.protocol.rate_limits == limits


def test_history_is_told_to_the_next_session_and_forgotten_for_a_new_conversation() -> None:
    here = Room().connect().says("conversation.item.added", item=user_item("u1", "hello"))
    here.reconnect()
    here.perform()
    [_, said, continues] = here.sent
    assert said["item"]["content"] == [{"type": "input_text", "text": "hello"}]
    assert continues["item"]["role"] == "system"
    assert "same conversation" in continues["item"]["content"][0]["text"]
    here.forget()
    here.connect()
    here.reconnect()
    assert here.types() == ["session.update"]


def test_what_was_said_is_told_once_the_service_has_agreed_to_the_session() -> None:
    here = Room().connect().says("conversation.item.added", item=user_item("u1", "hello"))
    here.protocol.lost(TransportStatus.RECONNECTING)
    here.protocol.opened()
    assert here.types() == ["session.update"]
    here.acknowledge()
    assert here.types() == ["conversation.item.create"] * 2
    here.acknowledge()
    assert here.types() == []


@pytest.mark.parametrize("order", ["question first", "reply first"])
def test_what_was_said_is_told_in_its_order_whatever_came_first(order: str) -> None:
    here = Room().connect()
    part = {"type": "output_audio", "transcript": "hi"}
    reply = {"id": "a1", "type": "message", "role": "assistant", "content": [part]}
    asked = user_item("u1", "hello")
    if order == "question first":
        here.says("conversation.item.added", item=asked, previous_item_id=None)
    here.says("response.output_item.added", response_id="r1", item=reply)
    if order == "reply first":
        here.says("conversation.item.added", item=asked, previous_item_id=None)
    here.says("conversation.item.added", item=reply, previous_item_id="u1")
    here.forget()
    here.reconnect()
    here.perform()
    creates = [event for event in here.sent if "item" in event]
    assert [event["item"]["id"] for event in creates] == ["u1", "a1", "pv_continues"]
    assert [event.get("previous_item_id") for event in creates] == ["root", "u1", None]


def test_that_the_conversation_goes_on_is_no_part_of_it() -> None:
    here = Room().connect().says("conversation.item.added", item=user_item("u1", "hello"))
    for _ in range(3):
        here.reconnect()
        here.says("conversation.item.added", item=here.sent[-1]["item"])
    here.perform()
    assert [item.item_id for item in here.dialog.history] == ["u1"]


def test_a_service_that_tells_of_its_conversation_instead_of_the_session_has_a_session() -> None:
    here = Room()
    here.dialog.session.begin({"tracing": "auto"}, model="m", attached=False)
    here.protocol.connecting()
    here.protocol.opened()
    here.forget()
    here.says("conversation.created", conversation={"id": "conv_1"})
    here.says("session.updated", session={"instructions": "Be kind."})
    assert here.all("session_ready") == ["conv_1"]
    assert here.all("event")[0] == {
        "kind": "session.created",
        "session": {"id": "conv_1", "config": {}},
    }
    assert [payload["session"] for payload in here.all("session.created")] == [{"id": "conv_1"}]
    assert len(here.all("conversation.created")) == 1
    assert [event["session"]["tracing"] for event in here.sent] == ["auto"]


@pytest.mark.parametrize("conversation", [{"id": "conv_1"}, {}, None])
def test_a_conversation_of_a_session_that_is_known_is_no_other_session(conversation: Any) -> None:
    here = Room().connect()
    here.says("conversation.created", conversation=conversation)
    assert here.dialog.session.id == "s1"
    assert here.kinds() == []
    assert [name for name, _ in here.told] == ["*", "conversation.created"]


def test_tracing_is_sent_only_when_given_and_by_itself() -> None:
    here = Room()
    here.dialog.session.begin({"tracing": "auto"}, model="m", attached=False)
    here.protocol.connecting()
    here.protocol.opened()
    here.says("session.created", session={"id": "s1"})
    assert "tracing" not in here.sent[0]["session"]
    assert here.sent[1]["session"] == {"type": "realtime", "tracing": "auto"}


def test_nobody_notices_a_new_session_only_when_nothing_goes_on() -> None:
    here = Room().connect()
    assert here.protocol.idle
    here.reply().speaks(10)
    assert not here.protocol.idle
    here.dialog.heard.on_played("a1", 0, 120)
    here.done()
    assert not here.protocol.idle
    here.dialog.heard.on_played("a1", 0, 120)
    assert here.protocol.idle
    here.calls.send_audio(memoryview(bytes(480)))
    assert not here.protocol.idle


def test_nobody_waits_for_a_speaker_that_tells_nothing() -> None:
    here = Room().connect().reply().speaks(10).done()
    assert here.protocol.idle


def test_nobody_waits_for_the_end_of_what_was_cancelled() -> None:
    here = Room().connect().reply().speaks(10)
    here.dialog.heard.on_played("a1", 0, 120)
    here.dialog.cancel()
    here.done(status="cancelled")
    assert here.protocol.idle


@pytest.mark.parametrize("answers", [True, False])
def test_where_the_service_detects_turns_its_ear_decides_whether_somebody_talks(
    *, answers: bool
) -> None:
    detection = {"type": "server_vad", "create_response": answers}
    here = Room().connect({"turn_detection": detection})
    here.calls.send_audio(memoryview(bytes(480)))
    assert here.protocol.idle
    here.says("input_audio_buffer.speech_started", item_id="u1")
    assert not here.protocol.idle
    here.says("input_audio_buffer.committed", item_id="u1")
    assert here.protocol.idle is not answers
    here.reply().done()
    assert here.protocol.idle
    here.says("input_audio_buffer.speech_started", item_id="u2")
    here.calls.clear_audio()
    assert here.protocol.idle


def test_silence_of_the_service_is_logged_when_it_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = Room().connect()
    here.calls.request_response(None)
    here.protocol.guard()
    assert "asking again" in caplog.text
    caplog.clear()
    here.protocol.guard()
    here.protocol.guard()
    assert caplog.text == ""


def test_a_protocol_needs_no_options() -> None:
    assert RealtimeProtocol(lambda name: True).dialog.options == Options()


def user_item(item_id: str, words: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": words}]
    return {"id": item_id, "type": "message", "role": "user", "content": content}
