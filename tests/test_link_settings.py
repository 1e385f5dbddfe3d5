"""The session that a device asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from pi_voice.transport.link_settings import LinkSettings, session_config

PLAIN = LinkSettings("wss://api.example/v1/realtime", instructions="Be short.")


def test_the_device_alone_decides_when_a_turn_ends() -> None:
    assert session_config(PLAIN)["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
def test_where_the_service_finds_the_turns_it_answers_and_interrupts_by_itself(
    kind: Literal["server_vad", "semantic_vad"],
) -> None:
    session = session_config(replace(PLAIN, turn_detection=kind))
    wanted = {"type": kind, "create_response": True, "interrupt_response": True}
    assert session["audio"]["input"]["turn_detection"] == wanted


def test_a_plain_session_leaves_the_voice_to_the_service_and_writes_down_what_was_said() -> None:
    assert session_config(PLAIN) == {
        "output_modalities": ["audio"],
        "instructions": "Be short.",
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": "pcm",
                "turn_detection": None,
                "noise_reduction": None,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
            },
            "output": {"format": "pcm", "speed": 1.0},
        },
    }


def test_every_wish_is_passed_on() -> None:
    wishes = replace(
        PLAIN,
        voice="marin",
        language="de",
        transcription="whisper-1",
        speed=1.25,
        noise_reduction="far_field",
        max_output_tokens=500,
        encoding="pcma",
    )
    session = session_config(wishes)
    assert session["max_output_tokens"] == 500
    assert session["audio"] == {
        "input": {
            "format": "pcma",
            "turn_detection": None,
            "noise_reduction": {"type": "far_field"},
            "transcription": {"model": "whisper-1", "language": "de"},
        },
        "output": {"format": "pcma", "speed": 1.25, "voice": "marin"},
    }


def test_nothing_is_written_down_when_nobody_wants_it() -> None:
    session = session_config(replace(PLAIN, transcription=False))
    assert session["audio"]["input"]["transcription"] is None


def test_neither_key_nor_headers_are_shown() -> None:
    settings = replace(PLAIN, api_key="sk-secret", headers={"api-key": "sk-secret"})
    assert "sk-secret" not in repr(settings)
