"""What the session shall be, what it is, and what changes are said."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport import UNSET
from pi_voice.transport.heard import AudioShape
from pi_voice.transport.session import DEFAULTS, MOST_PENDING, Session, changes, merge

G711 = AudioShape(8000, frame_bytes=1)


def session(**config: Any) -> Session:
    found = Session()
    found.begin(config, model="m", attached=False)
    return found


def opened(**config: Any) -> Session:
    found = session(**config)
    found.opening()
    found.described({"id": "s"}, updated=True)
    return found


def patch(found: Session, **config: Any) -> Any:
    event = found.update(config)
    return None if event is None else event["session"]


def test_a_session_opens_with_the_profile_of_the_seed() -> None:
    event = session().opening()
    assert event.pop("event_id").startswith("pv_")
    assert event == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "model": "m",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": None,
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": {"type": "semantic_vad"},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1},
            },
        },
    }


def test_what_is_given_lies_over_the_profile_and_null_is_null() -> None:
    config = {"turn_detection": None, "voice": "ash", "noise_reduction": UNSET}
    audio = session(**config).opening()["session"]["audio"]
    assert audio["input"]["turn_detection"] is None
    assert audio["input"]["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert audio["output"]["voice"] == "ash"


def test_a_call_that_exists_keeps_its_formats_and_its_model() -> None:
    found = Session()
    found.begin({}, model=None, attached=True)
    opening = found.opening()["session"]
    assert "model" not in opening
    assert "format" not in opening["audio"]["input"]
    assert "format" not in opening["audio"]["output"]
    found.begin({"input_audio_format": "g711_ulaw"}, model=None, attached=True)
    assert found.opening()["session"]["audio"]["input"]["format"] == {"type": "audio/pcmu"}


def test_push_to_talk_survives_an_update_of_something_else() -> None:
    found = opened(turn_detection=None)
    assert patch(found, instructions="x") == {"type": "realtime", "instructions": "x"}
    assert found.requested["audio"]["input"]["turn_detection"] is None


def test_what_does_not_change_is_not_said() -> None:
    found = opened(instructions="x", voice="ash")
    assert found.update({"instructions": "x", "voice": "ash"}) is None
    assert patch(found, voice="ash", speed=1.5) == {
        "type": "realtime",
        "audio": {"output": {"speed": 1.5}},
    }


def test_the_model_of_a_session_cannot_change() -> None:
    assert opened().update({"model": "other"}) is None


def test_settings_that_belong_together_are_replaced_together() -> None:
    found = opened(turn_detection={"type": "server_vad", "threshold": 0.5})
    changed = patch(found, turn_detection={"type": "semantic_vad"})
    assert changed["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


def test_empty_values_clear() -> None:
    found = opened(instructions="x", tools=[{"type": "function", "name": "f"}])
    assert patch(found, instructions="", tools=[]) == {
        "type": "realtime",
        "instructions": "",
        "tools": [],
    }


def test_a_refused_update_did_not_happen() -> None:
    found = opened()
    event = found.update({"instructions": "bad"})
    assert event is not None
    found.refused(event["event_id"], None)
    assert "instructions" not in found.requested
    assert found.update({"instructions": "bad"}) is not None


def test_an_update_that_is_refused_without_its_name_did_not_happen() -> None:
    found = opened()
    found.update({"instructions": "bad"})
    found.update({"tool_choice": "none"})
    found.refused(None, "session.instructions")
    assert "instructions" not in found.requested
    assert found.requested["tool_choice"] == "none"


def test_settings_that_json_cannot_say_leave_no_trace() -> None:
    found = opened()
    with pytest.raises(TypeError):
        found.update({"instructions": object()})
    with pytest.raises(TypeError):
        found.begin({"instructions": object()}, model="m", attached=False)
    assert "instructions" not in found.requested


def test_settings_are_what_they_were_when_they_were_given() -> None:
    found = opened()
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    tools = {"tools": [{"type": "function", "name": "f", "parameters": parameters}]}
    found.update(tools)
    parameters["properties"]["x"] = {"type": "string"}
    event = found.update(tools)
    assert event is not None
    assert event["session"]["tools"][0]["parameters"] == parameters


def test_an_accepted_update_stays_when_a_later_one_is_refused() -> None:
    found = opened()
    first, second = found.update({"instructions": "1"}), found.update({"instructions": "2"})
    assert first is not None
    assert second is not None
    found.described({}, updated=True)
    found.refused(second["event_id"], None)
    assert found.requested["instructions"] == "1"


def test_the_next_session_opens_with_everything_that_was_asked_for() -> None:
    found = opened(turn_detection=None)
    found.update({"instructions": "x"})
    found.forget()
    assert found.id is None
    opening = found.opening()["session"]
    assert opening["instructions"] == "x"
    assert opening["audio"]["input"]["turn_detection"] is None
    assert opening["model"] == "m"


def test_the_first_answer_acknowledges_the_opening() -> None:
    found = session()
    found.opening()
    found.described({"id": "s1", "expires_at": 99}, updated=False)
    assert not found.acknowledged
    found.described({"id": "s1"}, updated=True)
    assert found.acknowledged
    assert (found.id, found.expires_at_s) == ("s1", 99.0)


@pytest.mark.parametrize(
    ("named", "param", "rejected"),
    [(True, None, True), (False, "session.audio", True), (False, None, False)],
)
def test_an_error_that_answers_the_opening_rejects_it(
    named: bool, param: str | None, rejected: bool
) -> None:
    found = session()
    event = found.opening()
    found.refused(event["event_id"] if named else None, param)
    assert found.rejected is rejected


def test_an_error_after_the_acknowledgement_rejects_nothing() -> None:
    found = opened()
    found.refused("pv_session_1", "session.voice")
    assert not found.rejected


@pytest.mark.parametrize(
    ("detection", "interrupts", "detects"),
    [
        ({"type": "server_vad", "interrupt_response": True}, True, True),
        ({"type": "server_vad", "interrupt_response": False}, False, True),
        ({"type": "server_vad"}, True, True),
        (None, True, False),
    ],
)
def test_what_the_service_does_at_speech_is_known(
    detection: Any, interrupts: bool, detects: bool
) -> None:
    found = session()
    found.described({"audio": {"input": {"turn_detection": detection}}}, updated=True)
    assert (found.interrupts, found.detects_turns) == (interrupts, detects)


def test_before_the_service_speaks_what_we_asked_for_counts() -> None:
    assert not session(turn_detection=None).detects_turns
    assert session(output_audio_format="pcmu").output_shape == G711
    assert session(input_audio_format="pcma").input_shape == G711
    assert session().output_shape == AudioShape()


@pytest.mark.parametrize(
    "given",
    ["g711_ulaw", "audio/pcma", {"type": "audio/pcmu"}, {"type": "g711_alaw"}],
)
def test_every_spelling_of_g711_is_understood(given: Any) -> None:
    found = session()
    found.described({"audio": {"output": {"format": given}}}, updated=True)
    assert found.output_shape == G711


@pytest.mark.parametrize("given", [None, "opus", 5, {"rate": 8000}, {"type": "audio/pcm"}])
def test_every_other_format_is_counted_as_pcm(given: Any) -> None:
    found = session()
    found.described({"audio": {"output": {"format": given}}}, updated=True)
    assert found.output_shape == AudioShape()


def test_tracing_is_silent_until_it_is_given() -> None:
    assert session().trace() is None
    event = session(tracing={"workflowName": "w"}).trace()
    assert event is not None
    assert event["session"] == {"type": "realtime", "tracing": {"workflow_name": "w"}}
    assert "tracing" not in session(tracing="auto").opening()["session"]


def test_tracing_that_is_fixed_is_left_alone() -> None:
    found = session(tracing={"group_id": "g"})
    found.described({"tracing": {"group_id": "other"}}, updated=False)
    assert found.trace() is None


def test_no_tracing_can_be_asked_for() -> None:
    event = session(tracing=None).trace()
    assert event is not None
    assert event["session"]["tracing"] is None


def test_merging_keeps_what_it_was_given() -> None:
    before = merge({}, DEFAULTS)
    merge(DEFAULTS, {"audio": {"input": {"turn_detection": None}}})
    assert before == DEFAULTS


def test_one_and_true_are_not_the_same() -> None:
    assert changes({"a": 1, "b": {"c": 1}}, {"a": True, "b": {"c": 1}}) == {"a": True}


def test_updates_that_are_never_confirmed_do_not_pile_up() -> None:
    found = opened()
    for number in range(1000):
        found.update({"instructions": str(number)})
    assert len(found._pending) <= MOST_PENDING
    assert found.requested["instructions"] == "999"
