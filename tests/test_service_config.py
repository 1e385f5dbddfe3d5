"""The session's configuration: the real service's defaults and its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pi_voice.sim import service_config
from pi_voice.sim.service_wire import Rejected, Wire

START = service_config.initial("sess_1", "m", 1_800_000_000)


def updated(session: Any, *, spoken: bool = False) -> Wire:
    service_config.SESSION(session, "session")
    return service_config.updated(START, session, spoken=spoken)


def realtime(**fields: Any) -> Wire:
    return {"type": "realtime", **fields}


def heard(**fields: Any) -> Wire:
    return realtime(audio={"input": fields})


def test_only_the_fields_that_are_named_change() -> None:
    after = updated(realtime(instructions="Be brief.", tools=[]))
    assert after == START | {"instructions": "Be brief."}


def test_null_turns_detection_off() -> None:
    assert updated(heard(turn_detection=None))["audio"]["input"]["turn_detection"] is None


def test_a_turn_detection_is_replaced_and_its_defaults_are_filled_in() -> None:
    after = updated(heard(turn_detection={"type": "server_vad", "threshold": 0.7}))
    assert after["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.7,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    after = updated(heard(turn_detection={"type": "semantic_vad"}))
    assert after["audio"]["input"]["turn_detection"]["eagerness"] == "auto"


def test_a_format_without_its_rate_is_completed() -> None:
    after = updated(heard(format={"type": "audio/pcm"}))
    assert after["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    after = updated(heard(format={"type": "audio/pcmu"}))
    assert after["audio"]["input"]["format"] == {"type": "audio/pcmu"}


def test_the_model_is_settled_by_the_address() -> None:
    assert updated(realtime(model="other"))["model"] == "m"


def test_the_same_voice_again_is_no_change() -> None:
    same = realtime(audio={"output": {"voice": "marin"}})
    assert updated(same, spoken=True) == START
    other = realtime(audio={"output": {"voice": "ash"}})
    assert updated(other)["audio"]["output"]["voice"] == "ash"


def test_another_voice_after_the_first_sound_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        updated(realtime(audio={"output": {"voice": "ash"}}), spoken=True)
    assert refused.value.code == "cannot_update_voice"


def test_the_configuration_before_is_left_as_it_was() -> None:
    before = service_config.initial("sess_1", "m", 1_800_000_000)
    updated(heard(turn_detection=None, transcription={"model": "whisper-1"}))
    assert before == START


@pytest.mark.parametrize(
    ("session", "code", "message"),
    [
        ({}, "missing_required_parameter", "Missing required parameter: 'session.type'."),
        (
            realtime(colour="red"),
            "unknown_parameter",
            "Unknown parameter: 'session.colour'.",
        ),
        (
            realtime(output_modalities=["text", "audio"]),
            "invalid_value",
            "Invalid modalities: ['text', 'audio']. "
            "Supported combinations are: ['text'] and ['audio'].",
        ),
        (
            heard(turn_detection={"type": "server_vad", "create_response": None}),
            "invalid_type",
            "Invalid type for 'session.audio.input.turn_detection.create_response': "
            "expected a boolean, but got null instead.",
        ),
        (
            heard(turn_detection={"type": "none"}),
            "invalid_value",
            "Invalid value: 'none'. Supported values are: 'server_vad' and 'semantic_vad'.",
        ),
        (
            heard(format={"type": "audio/pcm", "rate": 16000}),
            "integer_below_min_value",
            "Invalid 'session.audio.input.format.rate': integer below minimum value. "
            "Expected a value >= 24000, but got 16000 instead.",
        ),
        (
            realtime(audio={"output": {"speed": 2}}),
            "decimal_above_max_value",
            "Invalid 'session.audio.output.speed': decimal above maximum value. "
            "Expected a value <= 1.5, but got 2 instead.",
        ),
        (
            realtime(tools=[{"type": "function"}]),
            "missing_required_parameter",
            "Missing required parameter: 'session.tools[0].name'.",
        ),
        (
            {"type": "transcription"},
            "invalid_value",
            "Invalid value: 'transcription'. Supported values are: 'realtime'.",
        ),
    ],
)
def test_a_wrong_update_is_refused_in_the_words_of_the_real_service(
    session: Wire, code: str, message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        updated(session)
    assert (refused.value.code, refused.value.message) == (code, message)


def refusal(session: Wire) -> str:
    """Why the service does not take it; empty if it does."""
    try:
        updated(session)
    except Rejected as refused:
        return refused.message
    return ""


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("RealtimeSessionCreateRequest", lambda field: realtime(**field)),
        ("RealtimeAudioConfigInput", lambda field: heard(**field)),
        ("RealtimeAudioConfigOutput", lambda field: realtime(audio={"output": field})),
        ("AudioTranscription", lambda field: heard(transcription=field)),
        ("RealtimeFunctionTool", lambda field: realtime(tools=[{"name": "f"} | field])),
    ],
)
def test_no_published_field_is_unknown_to_the_service(
    model: str, place: Callable[[Wire], Wire]
) -> None:
    from openai.types import realtime as published

    for name in set(getattr(published, model).model_fields) - {"type"}:
        assert "Unknown parameter" not in refusal(place({name: None}))
