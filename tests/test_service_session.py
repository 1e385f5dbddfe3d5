"""The rules of the protocol, as the embedded service keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_voice.sim.faults import Script
from pi_voice.sim.parrot import Call
from pi_voice.sim.service_records import TEXT_KEPT
from pi_voice.sim.service_reply import DELTA_MS, SPEED
from pi_voice.sim.service_session import EVENTS_KEPT
from tests.stage import Stage, audio_of, base64_text, error_of, only, silence, tone, types

HELLO = tone(1000)
SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 200}
TOOL = {"type": "function", "name": "get_time", "description": "", "parameters": {}}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
FIELDS = ["type", "event_id", "audio", "session", "item", "item_id", "response", "content_index"]
KINDS = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
]


def say(text: str) -> dict[str, object]:
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


# -- a turn and its reply


def test_a_push_to_talk_turn_reads_like_the_reference_transcript() -> None:
    stage = Stage()
    events = stage.send("input_audio_buffer.clear") + stage.turn(tone(150))
    events += stage.send("response.create", event_id="mine") + stage.wait_for("rate_limits.updated")
    assert types(events) == [
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_the_reply_is_what_was_said_byte_for_byte() -> None:
    stage = Stage()
    stage.turn(HELLO)
    stage.send("response.create")
    assert audio_of(stage.wait()) == HELLO
    assert stage.session.turns[0].pcm == HELLO


def test_the_record_of_a_turn_tells_its_times_and_its_reply() -> None:
    stage = Stage()
    stage.speak(HELLO[:960])
    began_s = stage.now_s
    stage.wait(0.5)
    stage.turn(HELLO[960:])
    events = stage.send("response.create") + stage.wait_for("response.done")
    turn = stage.session.turns[0]
    assert (turn.first_byte_at_s, turn.committed_at_s) == (began_s, began_s + 0.5)
    assert turn.reply_item_id == only(events, "response.output_item.added")["item"]["id"]
    assert (turn.replied_ms, turn.status) == (1000.0, "completed")
    assert stage.session.audio_received_bytes == len(HELLO)


def test_audio_comes_in_pieces_of_200_ms_four_times_faster_than_it_plays() -> None:
    stage = Stage()
    stage.turn(tone(2000))
    stage.send("response.create")
    stage.wait_for("response.output_audio.delta")
    began_s = stage.now_s
    events = stage.wait_for("response.done")
    assert types(events).count("response.output_audio.delta") == 2000 // DELTA_MS - 1
    assert stage.now_s - began_s == pytest.approx(2.0 / SPEED)


def test_the_transcript_and_the_usage_come_with_the_reply() -> None:
    stage = Stage()
    stage.turn(HELLO)
    stage.send("response.create")
    done = only(stage.wait(), "response.done")["response"]
    assert done["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "(what you said)"}
    ]
    assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (10, 20)


def test_each_turn_gets_its_own_reply() -> None:
    stage = Stage()
    for pcm in (tone(300, hz=300), tone(400, hz=500)):
        stage.turn(pcm)
        stage.send("response.create")
        assert audio_of(stage.wait()) == pcm
    assert [turn.replied_ms for turn in stage.session.turns] == [300.0, 400.0]


def test_items_name_the_item_before_them() -> None:
    stage = Stage()
    first = only(stage.turn(HELLO), "input_audio_buffer.committed")
    second = only(stage.turn(HELLO), "input_audio_buffer.committed")
    assert first["previous_item_id"] is None
    assert second["previous_item_id"] == first["item_id"]


def test_a_commit_below_100_ms_is_refused_and_keeps_what_came() -> None:
    stage = Stage()
    stage.speak(tone(60))
    error = error_of(stage.send("input_audio_buffer.commit", event_id="c1"))
    assert error == {
        "type": "invalid_request_error",
        "code": "input_audio_buffer_commit_empty",
        "message": "Error committing input audio buffer: buffer too small. Expected at least "
        "100ms of audio, but buffer only has 60.00ms of audio.",
        "param": None,
        "event_id": "c1",
    }
    stage.turn(tone(60))
    assert stage.session.turns[0].pcm == tone(60) * 2


def test_cleared_audio_is_in_no_turn() -> None:
    stage = Stage()
    stage.speak(tone(500, hz=200))
    assert types(stage.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    stage.turn(HELLO)
    assert stage.session.turns[0].pcm == HELLO


def test_a_turn_is_transcribed_where_that_is_configured() -> None:
    stage = Stage()
    transcription = {"transcription": {"model": "whisper-1"}}
    stage.send("session.update", session={"type": "realtime", "audio": {"input": transcription}})
    item_id = only(stage.turn(HELLO), "input_audio_buffer.committed")["item_id"]
    done = only(stage.wait(), "conversation.item.input_audio_transcription.completed")
    assert (done["item_id"], done["transcript"]) == (item_id, "(your words)")
    assert done["usage"] == {"type": "duration", "seconds": 1.0}


def test_compressed_speech_comes_back_compressed() -> None:
    stage = Stage()
    pcmu = {"format": {"type": "audio/pcmu"}}
    audio = {"input": pcmu, "output": pcmu}
    stage.send("session.update", session={"type": "realtime", "audio": audio})
    spoken = bytes(range(256)) * 10
    stage.turn(spoken)
    stage.send("response.create")
    assert audio_of(stage.wait()) == spoken
    assert stage.session.turns[0].replied_ms == 320.0


# -- interrupting


def test_a_cancelled_response_says_so_after_a_little_late_audio() -> None:
    stage = Stage()
    stage.turn(tone(3000))
    stage.send("response.create")
    stage.wait_for("response.output_audio.delta")
    assert stage.send("response.cancel") == []
    events = stage.wait()
    assert types(events).count("response.output_audio.delta") == 1
    done = only(events, "response.done")["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"][0]["status"] == "incomplete"
    assert stage.session.turns[0].status == "cancelled"
    assert [cancel.reason for cancel in stage.session.cancels] == ["client_cancelled"]


def test_a_response_cancelled_before_its_first_item_has_none() -> None:
    stage = Stage()
    stage.turn(HELLO)
    created = only(stage.send("response.create"), "response.created")
    stage.send("response.cancel", response_id=created["response"]["id"])
    assert only(stage.wait(), "response.done")["response"]["output"] == []


def test_cancelling_nothing_is_an_error_that_names_the_event() -> None:
    error = error_of(Stage().send("response.cancel", event_id="e7"))
    assert error["code"] == "response_cancel_not_active"
    assert error["message"] == "Cancellation failed: no active response found"
    assert error["event_id"] == "e7"


def test_a_second_response_has_to_wait_for_the_first() -> None:
    stage = Stage()
    stage.turn(HELLO)
    first = only(stage.send("response.create"), "response.created")["response"]["id"]
    error = error_of(stage.send("response.create", event_id="again"))
    assert error["code"] == "conversation_already_has_active_response"
    assert first in error["message"]
    assert error["event_id"] == "again"


def test_a_truncation_is_confirmed_and_recorded() -> None:
    stage = Stage()
    stage.turn(HELLO)
    stage.send("response.create")
    stage.wait()
    item_id = stage.session.turns[0].reply_item_id
    where = {"item_id": item_id, "content_index": 0, "audio_end_ms": 740}
    [event] = stage.send("conversation.item.truncate", **where)
    assert event | where == event
    assert stage.session.truncations[0].audio_end_ms == 740


def test_late_audio_does_not_grow_a_truncated_item() -> None:
    stage = Stage()
    stage.turn(tone(3000))
    stage.send("response.create")
    stage.wait_for("response.output_audio.delta")
    item_id = stage.session.turns[0].reply_item_id
    stage.send("response.cancel")
    stage.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=120)
    stage.wait()
    [event] = stage.send("conversation.item.retrieve", item_id=item_id)
    assert event["item"]["content"][0]["audio"] == base64_text(tone(3000)[: 120 * 48])


def test_an_item_without_audio_yet_cannot_be_truncated() -> None:
    stage = Stage()
    stage.turn(HELLO)
    stage.send("response.create")
    stage.wait_for("response.content_part.added")
    item_id = stage.session.turns[0].reply_item_id
    where = {"item_id": item_id, "content_index": 0, "audio_end_ms": 0}
    error = error_of(stage.send("conversation.item.truncate", **where))
    assert error["code"] == "unsupported_content_type"
    assert error["message"] == "Only model output audio messages can be truncated"


# -- server voice activity detection


def test_the_service_finds_a_turn_by_itself_and_answers_it() -> None:
    stage = Stage(turn_detection=SERVER_VAD)
    events = stage.speak(silence(400) + tone(600) + silence(400)) + stage.wait()
    started = only(events, "input_audio_buffer.speech_started")
    stopped = only(events, "input_audio_buffer.speech_stopped")
    committed = only(events, "input_audio_buffer.committed")
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (100, 1200)
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    spoken = silence(300) + tone(600) + silence(200)
    assert audio_of(events) == stage.session.turns[0].pcm == spoken


def test_talking_over_a_reply_cancels_it() -> None:
    stage = Stage(turn_detection=SERVER_VAD)
    stage.speak(tone(3000) + silence(200))
    stage.wait_for("response.output_audio.delta")
    events = stage.speak(tone(400)) + stage.wait(1)
    done = only(events, "response.done")["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}


def test_a_turn_that_comes_before_the_cancelled_reply_ended_is_answered_too() -> None:
    stage = Stage(turn_detection=SERVER_VAD)
    stage.speak(tone(3000) + silence(200))
    stage.wait_for("response.output_audio.delta")
    events = stage.speak(tone(400) + silence(200))
    assert types(events).index("response.done") < types(events).index("response.created")
    assert audio_of(stage.wait())[-600 * 48 :] == tone(400) + silence(200)


def test_without_interrupt_response_the_reply_goes_on_and_the_turn_gets_none() -> None:
    stage = Stage(turn_detection=SERVER_VAD | {"interrupt_response": False})
    stage.speak(tone(3000) + silence(200))
    stage.wait_for("response.output_audio.delta")
    error = error_of(stage.speak(tone(400) + silence(200)))
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)
    assert only(stage.wait(), "response.done")["response"]["status"] == "completed"


def test_without_create_response_a_turn_is_only_committed() -> None:
    stage = Stage(turn_detection={"type": "semantic_vad", "create_response": False})
    events = stage.speak(tone(400) + silence(600)) + stage.wait()
    assert "input_audio_buffer.committed" in types(events)
    assert "response.created" not in types(events)


def test_a_client_commit_in_mid_speech_takes_the_announced_item() -> None:
    stage = Stage(turn_detection=SERVER_VAD)
    started = only(stage.speak(tone(500)), "input_audio_buffer.speech_started")
    committed = only(
        stage.send("input_audio_buffer.commit"),
        "input_audio_buffer.committed",
    )
    assert committed["item_id"] == started["item_id"]


# -- typed words, tools, out of band


def test_typed_words_are_answered_in_text_where_text_is_wanted() -> None:
    stage = Stage()
    stage.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    stage.send("conversation.item.create", item=say("hello there"))
    stage.send("response.create")
    events = stage.wait()
    assert only(events, "response.output_text.done")["text"] == "hello there"
    assert audio_of(events) == b""


def test_typed_words_are_answered_in_sound_where_sound_is_wanted() -> None:
    stage = Stage()
    stage.send("conversation.item.create", item=say("hello there"))
    stage.send("response.create")
    events = stage.wait()
    done = only(events, "response.output_audio_transcript.done")
    assert done["transcript"] == "hello there"
    assert audio_of(events)


def test_a_text_response_can_be_cancelled() -> None:
    stage = Stage()
    stage.send("conversation.item.create", item=say("one two three four"))
    stage.send("response.create", response={"output_modalities": ["text"]})
    stage.wait_for("response.output_text.delta")
    stage.send("response.cancel")
    assert only(stage.wait(), "response.output_text.done")["text"] == "one"


def test_the_model_calls_a_tool_and_speaks_about_its_result() -> None:
    stage = Stage()
    stage.send("session.update", session={"type": "realtime", "tools": [TOOL]})
    stage.send("conversation.item.create", item=say('please call get_time {"zone": "UTC"}'))
    stage.send("response.create")
    events = stage.wait()
    call = only(events, "response.output_item.done")["item"]
    assert (call["name"], call["arguments"]) == ("get_time", '{"zone": "UTC"}')
    assert call["status"] == "completed"
    deltas = [e["delta"] for e in events if e["type"].endswith("arguments.delta")]
    assert "".join(deltas) == call["arguments"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "noon"}
    stage.send("conversation.item.create", item=output)
    stage.send("response.create")
    done = only(stage.wait(), "response.output_audio_transcript.done")
    assert done["transcript"] == "noon"


def test_a_cancelled_tool_call_is_incomplete() -> None:
    call = Call("get_time", '{"zone": "Europe/Berlin", "format": "24h"}')
    stage = Stage(Script(calls={1: call}))
    stage.send("response.create")
    stage.wait_for("response.function_call_arguments.delta")
    stage.send("response.cancel")
    assert only(stage.wait(), "response.output_item.done")["item"]["status"] == "incomplete"


def test_the_script_can_ask_for_a_tool_call_at_any_response() -> None:
    stage = Stage(Script(calls={2: Call("get_time")}))
    kinds = []
    for _ in range(3):
        stage.turn(HELLO)
        stage.send("response.create")
        kinds.append(only(stage.wait(), "response.output_item.done")["item"]["type"])
    assert kinds == ["message", "function_call", "message"]


def test_a_response_out_of_band_leaves_the_conversation_alone() -> None:
    stage = Stage()
    stage.turn(HELLO)
    stage.send("response.create")
    aside = {
        "conversation": "none",
        "output_modalities": ["text"],
        "input": [say("aside")],
        "metadata": {"topic": "x"},
    }
    created = only(stage.send("response.create", response=aside), "response.created")["response"]
    assert (created["conversation_id"], created["metadata"]) == (None, {"topic": "x"})
    events = stage.wait()
    assert only(events, "response.output_text.done")["text"] == "aside"
    assert types(events).count("response.done") == 2
    assert types(events).count("conversation.item.added") == 1


def test_a_response_can_be_given_items_of_the_conversation() -> None:
    stage = Stage()
    item_id = only(stage.turn(HELLO), "input_audio_buffer.committed")["item_id"]
    stage.turn(tone(200))
    given = {"input": [{"type": "item_reference", "id": item_id}]}
    stage.send_raw({"type": "response.create", "response": given})
    assert audio_of(stage.wait()) == HELLO


def test_an_unknown_reference_is_refused() -> None:
    given = {"input": [{"type": "item_reference", "id": "item_x"}]}
    error = error_of(Stage().send_raw({"type": "response.create", "response": given}))
    assert error["code"] == "item_not_found"


# -- the session itself


def test_a_rejected_update_changes_nothing() -> None:
    stage = Stage()
    before = stage.session.config
    update = {"type": "realtime", "instructions": "new", "color": "red"}
    error = error_of(stage.send_raw({"type": "session.update", "session": update}))
    assert (error["code"], error["param"]) == ("unknown_parameter", "session.color")
    assert stage.session.config == before


def test_the_voice_is_settled_once_it_was_heard() -> None:
    stage = Stage()
    update = {"type": "realtime", "audio": {"output": {"voice": "sage"}}}
    assert types(stage.send("session.update", session=update)) == ["session.updated"]
    stage.turn(HELLO)
    stage.send("response.create")
    stage.wait()
    update = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
    error = error_of(stage.send("session.update", session=update))
    assert error["code"] == "cannot_update_voice"


def test_a_session_ends_after_its_time() -> None:
    stage = Stage(Script(session_s=120.0))
    error = error_of(stage.wait(121))
    assert error["code"] == "session_expired"
    assert error["message"] == "Your session hit the maximum duration of 2 minutes."
    assert stage.session.expired


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": "no.such"}, "invalid_value", "type"),
        ({"type": ["x"]}, "invalid_value", "type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%"}, "invalid_value", "audio"),
        ({"type": "response.cancel", "event_id": 7}, "invalid_type", "event_id"),
        ({"type": "response.create", "x": 1}, "unknown_parameter", "x"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(
    event: dict[str, object], code: str, param: str
) -> None:
    error = error_of(Stage().send_raw(event))
    assert (error["code"], error["param"]) == (code, param)


def test_received_events_can_be_read_back_without_their_audio() -> None:
    stage = Stage()
    stage.turn(HELLO[:4800])
    append = {"type": "input_audio_buffer.append", "audio_bytes": 960}
    assert stage.session.received[1:] == [append] * 5 + [{"type": "input_audio_buffer.commit"}]


def test_the_records_of_a_long_session_stay_bounded() -> None:
    stage = Stage()
    for _ in range(3 * EVENTS_KEPT):
        stage.session.receive({"type": "input_audio_buffer.clear"}, stage.now_s)
        stage.session.poll(stage.now_s)
    assert EVENTS_KEPT <= len(stage.session.received) <= 2 * EVENTS_KEPT


def test_images_are_no_part_of_the_record() -> None:
    stage = Stage()
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 100_000}
    item = {"type": "message", "role": "user", "content": [image]}
    stage.send("conversation.item.create", item=item)
    assert len(stage.session.received[-1]["item"]["content"][0]["image_url"]) == TEXT_KEPT


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(KINDS)},
            optional={
                **dict.fromkeys(FIELDS[1:], JUNK),
                "item": JUNK
                | st.fixed_dictionaries(
                    {"type": st.just("message"), "role": JUNK, "content": JUNK}
                ),
                "session": JUNK
                | st.dictionaries(st.sampled_from(["type", "audio", "tools"]), JUNK),
            },
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_a_client_sends_the_session_lives(events: list[dict[str, object]]) -> None:
    stage = Stage()
    for event in events:
        stage.send_raw(event)
    stage.wait(10)
    stage.send("input_audio_buffer.clear")
    stage.turn(tone(200))
    assert stage.session.turns[-1].pcm == tone(200)
