"""The life of a response: every event of it, in the order of the real service."""

from __future__ import annotations

from pi_voice.sim.faults import Script
from pi_voice.sim.parrot import Call
from pi_voice.sim.service_reply import TOKENS_PER_MINUTE
from tests.stage import Stage, audio_of, only, silence, tone, types

SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 200}


def test_a_text_response_goes_through_its_events_in_order() -> None:
    stage = Stage()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a b"}]}
    stage.send("conversation.item.create", item=item)
    events = stage.send("response.create", response={"output_modalities": ["text"]})
    events += stage.wait_for("rate_limits.updated")
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert only(events, "response.content_part.done")["part"] == {"type": "text", "text": "a b"}
    usage = only(events, "response.done")["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (0, 2, 2)


def test_a_function_call_goes_through_its_events_in_order() -> None:
    stage = Stage(Script(calls={1: Call("f", '{"some": "arguments"}')}))
    events = stage.send("response.create") + stage.wait_for("rate_limits.updated")
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    added = only(events, "response.output_item.added")["item"]
    done = only(events, "response.function_call_arguments.done")
    assert (added["status"], added["arguments"]) == ("in_progress", "")
    assert (done["name"], done["arguments"]) == ("f", '{"some": "arguments"}')
    assert done["call_id"] == added["call_id"]


def test_events_show_a_response_as_it_was_when_they_were_made() -> None:
    stage = Stage()
    stage.turn(tone(500))
    created = only(stage.send("response.create"), "response.created")
    events = stage.wait()
    assert (created["response"]["status"], created["response"]["output"]) == ("in_progress", [])
    assert only(events, "response.output_item.added")["item"]["content"] == []
    assert only(events, "response.output_item.done")["item"]["status"] == "completed"


def test_barge_in_on_a_reply_that_was_sent_already_needs_no_cancel() -> None:
    stage = Stage()
    stage.turn(tone(2900))
    stage.send("response.create")
    stage.wait()
    where = {"item_id": stage.session.turns[0].reply_item_id, "content_index": 0}
    events = stage.send("conversation.item.truncate", **where, audio_end_ms=740)
    events += stage.send("input_audio_buffer.clear") + stage.turn(tone(300, hz=200))
    events += stage.send("response.create")
    assert types(events) == [
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert audio_of(stage.wait()) == tone(300, hz=200)


def test_barge_in_under_server_vad_reads_like_the_reference_transcript() -> None:
    stage = Stage(turn_detection=SERVER_VAD)
    stage.speak(tone(4000) + silence(200))
    stage.wait_for("response.output_audio.delta")
    events = stage.speak(tone(200)) + stage.wait(0.2) + stage.speak(silence(200))
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


def test_what_is_left_of_the_rate_limit_is_told_after_each_response() -> None:
    stage = Stage()
    stage.turn(tone(1000))
    stage.send("response.create")
    [limit] = only(stage.wait(), "rate_limits.updated")["rate_limits"]
    assert limit == {
        "name": "tokens",
        "limit": TOKENS_PER_MINUTE,
        "remaining": TOKENS_PER_MINUTE - 30,
        "reset_seconds": 0.045,
    }


def test_a_reply_to_a_forgotten_turn_is_spoken_and_empty() -> None:
    stage = Stage()
    stage.turn(tone(500))
    stage.session.turns[0].recording.pcm = b""
    stage.send("response.create")
    events = stage.wait()
    assert audio_of(events) == b""
    assert only(events, "response.output_audio_transcript.done")["transcript"] == "(what you said)"
