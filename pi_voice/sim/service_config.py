"""The session's configuration: what is allowed, what is filled in, how an update is merged."""

from __future__ import annotations

import copy

from pi_voice.sim.service_schema import (
    Check,
    anything,
    boolean,
    choice,
    either,
    integer,
    listing,
    modalities,
    nullable,
    number,
    record,
    string,
    tagged,
)
from pi_voice.sim.service_wire import Rejected, Wire

MAX_PADDING_MS = 60_000
DEFAULT_MODEL = "gpt-realtime"

FORMAT = tagged(
    {
        "audio/pcm": record({"rate": integer(24_000, 24_000)}),
        "audio/pcmu": record({}),
        "audio/pcma": record({}),
    }
)
VAD: dict[str, Check] = {"create_response": boolean, "interrupt_response": boolean}
SERVER_VAD: dict[str, Check] = VAD | {
    "threshold": number(0.0, 1.0),
    "prefix_padding_ms": integer(0, MAX_PADDING_MS),
    "silence_duration_ms": integer(0, MAX_PADDING_MS),
    "idle_timeout_ms": nullable(integer(5_000, 30_000)),
}
SEMANTIC_VAD: dict[str, Check] = VAD | {"eagerness": choice("low", "medium", "high", "auto")}
TRANSCRIPTION: dict[str, Check] = {
    "model": string,
    "language": nullable(string),
    "languages": anything,
    "prompt": nullable(string),
    "keywords": anything,
    "delay": anything,
}
INPUT = record(
    {
        "format": FORMAT,
        "noise_reduction": nullable(
            record({"type": choice("near_field", "far_field"), "strength": number(0.0, 1.0)})
        ),
        "transcription": nullable(record(TRANSCRIPTION)),
        "turn_detection": nullable(
            tagged({"server_vad": record(SERVER_VAD), "semantic_vad": record(SEMANTIC_VAD)})
        ),
    }
)
OUTPUT = record({"format": FORMAT, "voice": anything, "speed": number(0.25, 1.5)})
TOOLS = listing(
    tagged(
        {
            "function": record(
                {"name": string, "description": nullable(string), "parameters": anything},
                required=("name",),
            ),
            "mcp": anything,
        }
    )
)
MAX_TOKENS = either("inf", integer(1, 4096))
SESSION = tagged(
    {
        "realtime": record(
            {
                "model": string,
                "instructions": string,
                "output_modalities": modalities,
                "audio": record({"input": INPUT, "output": OUTPUT}),
                "tools": TOOLS,
                "tool_choice": anything,
                "parallel_tool_calls": nullable(boolean),
                "reasoning": anything,
                "max_output_tokens": MAX_TOKENS,
                "prompt": anything,
                "tracing": anything,
                "truncation": anything,
                "include": anything,
            }
        )
    }
)
RESPONSE = record(
    {
        "instructions": nullable(string),
        "input": listing(anything),
        "conversation": choice("auto", "none"),
        "output_modalities": modalities,
        "audio": record({"output": record({"format": FORMAT, "voice": anything})}),
        "tools": TOOLS,
        "tool_choice": anything,
        "parallel_tool_calls": nullable(boolean),
        "reasoning": anything,
        "max_output_tokens": MAX_TOKENS,
        "metadata": anything,
        "prompt": anything,
    }
)

PCM: Wire = {"type": "audio/pcm", "rate": 24_000}
TURN_DETECTION: dict[str, Wire] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}


def initial(session_id: str, model: str, expires_at: int) -> Wire:
    """What `session.created` shows.

    Args:
        session_id: The service's name for the session.
        model: From the address the client connected to.
        expires_at: When the service ends the session, in seconds of the Unix clock.
    """
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "Say back what you hear.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(TURN_DETECTION["server_vad"]),
            },
            "output": {"format": dict(PCM), "voice": "marin", "speed": 1.0},
        },
        "include": None,
    }


def updated(current: Wire, change: Wire, *, spoken: bool) -> Wire:
    """The configuration after a `session.update`; only the fields that it names change.

    Args:
        current: The effective configuration, left as it is.
        change: The `session` of the client event, which SESSION has passed.
        spoken: The assistant has been heard, so its voice is settled.

    Raises:
        Rejected: Another voice comes too late; nothing was changed.
    """
    new: Wire = copy.deepcopy(current)
    for key, value in change.items():
        if key == "audio":
            for side, fields in value.items():
                new["audio"][side] |= {name: _filled(name, entry) for name, entry in fields.items()}
        elif key != "model":  # the model is settled by the address; naming it again is harmless
            new[key] = copy.deepcopy(value)
    if spoken and new["audio"]["output"]["voice"] != current["audio"]["output"]["voice"]:
        message = "Cannot update a conversation's voice if assistant audio is present."
        raise Rejected("cannot_update_voice", message, param="session.audio.output.voice")
    return new


def _filled(name: str, value: object) -> object:
    if name == "turn_detection" and isinstance(value, dict):
        return TURN_DETECTION[value["type"]] | value
    if name == "format" and value == {"type": "audio/pcm"}:
        return dict(PCM)
    return copy.deepcopy(value)
