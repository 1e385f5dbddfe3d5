"""Settings in every spelling."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from pi_voice.transport import UNSET
from pi_voice.transport.session_shape import wire_format, wire_session, wire_turn_detection

PCM = {"type": "audio/pcm", "rate": 24000}
MU, A = {"type": "audio/pcmu"}, {"type": "audio/pcma"}


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("pcm16", PCM),
        ("pcm", PCM),
        ("audio/pcm", PCM),
        ("PCM16", PCM),
        ("g711_ulaw", MU),
        ("pcmu", MU),
        ("g711_alaw", A),
        ("audio/pcma", A),
        ({"type": "audio/pcm"}, PCM),
        ({"type": "audio/pcm", "rate": nan}, PCM),
        ({"type": "audio/pcm", "rate": inf}, PCM),
        ({"type": "audio/pcm", "rate": 16000}, PCM),
        ({"mimeType": "audio/pcm", "sampleRate": 16000}, PCM),
        ({"type": "audio/opus", "rate": 48000}, {"type": "audio/opus", "rate": 48000}),
        ("opus", None),
        ({"rate": 8000}, None),
        (None, None),
    ],
)
def test_formats(given: Any, wire: Any) -> None:
    assert wire_format(given) == wire


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        (None, None),
        ({"type": "none"}, None),
        ({"mode": "manual"}, None),
        (
            {"mode": "server_vad", "silenceDurationMs": 0},
            {"type": "server_vad", "silence_duration_ms": 0},
        ),
        (
            {"type": "server_vad", "createResponse": False, "threshold": 0},
            {"type": "server_vad", "create_response": False, "threshold": 0},
        ),
        ({"type": "semantic_vad", "create_response": None}, {"type": "semantic_vad"}),
        (
            {"type": "x", "prefixPaddingMs": 1, "prefix_padding_ms": 2},
            {"type": "x", "prefix_padding_ms": 1},
        ),
        (
            {"type": "x", "modelVersion": "v", "idleTimeoutMs": UNSET},
            {"type": "x", "model_version": "v"},
        ),
    ],
)
def test_turn_detection(given: Any, wire: Any) -> None:
    assert wire_turn_detection(given) == wire


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ({"instructions": "x", "unset": UNSET}, {"instructions": "x"}),
        ({"outputModalities": ["text"]}, {"output_modalities": ["text"]}),
        ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
        (
            {"modalities": ["text"], "output_modalities": ["audio"]},
            {"output_modalities": ["audio"]},
        ),
        ({"modalities": ["text", "audio"]}, {"output_modalities": ["audio"]}),
        ({"modalities": "text"}, {"output_modalities": ["text"]}),
        ({"turnDetection": None}, {"audio": {"input": {"turn_detection": None}}}),
        ({"turn_detection": {}}, {}),
        ({"inputAudioFormat": "pcmu"}, {"audio": {"input": {"format": MU}}}),
        ({"output_audio_format": "opus"}, {}),
        ({"inputAudioTranscription": None}, {"audio": {"input": {"transcription": None}}}),
        (
            {"inputAudioNoiseReduction": {"type": "far_field"}},
            {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
        ),
        ({"voice": "ash", "speed": 1.2}, {"audio": {"output": {"voice": "ash", "speed": 1.2}}}),
        ({"speed": nan}, {}),
        (
            {"voice": "ash", "audio": {"output": {"voice": "cedar"}}},
            {"audio": {"output": {"voice": "cedar"}}},
        ),
        (
            {"turnDetection": {"type": "x"}, "audio": {"input": {"turnDetection": None}}},
            {"audio": {"input": {"turn_detection": None}}},
        ),
        ({"audio": {"input": None, "output": None}}, {}),
        ({"audio": None}, {}),
        ({"voice": {"id": "voice_1"}}, {"audio": {"output": {"voice": {"id": "voice_1"}}}}),
        (
            {"voice": {"voiceId": "ash", "speed": 1.5}},
            {"audio": {"output": {"voice": "ash", "speed": 1.5}}},
        ),
        (
            {"audio": {"inputFormat": {"mimeType": "g711_ulaw"}}},
            {"audio": {"input": {"format": MU}}},
        ),
        ({"toolChoice": "required"}, {"tool_choice": "required"}),
        (
            {"prompt": {"promptId": "p", "version": "1", "variables": {"aB": 1}}},
            {"prompt": {"id": "p", "version": "1", "variables": {"aB": 1}}},
        ),
        ({"prompt": None}, {"prompt": None}),
        ({"parallelToolCalls": False}, {"parallel_tool_calls": False}),
        ({"maxResponseOutputTokens": 7}, {"max_output_tokens": 7}),
        (
            {
                "truncation": {
                    "type": "r",
                    "retentionRatio": 0.5,
                    "tokenLimits": {"postInstructions": 1},
                }
            },
            {
                "truncation": {
                    "type": "r",
                    "retention_ratio": 0.5,
                    "token_limits": {"post_instructions": 1},
                }
            },
        ),
        ({"truncation": "auto"}, {"truncation": "auto"}),
        (
            {"providerOptions": {"openai": {"reasoning": {"effort": "low"}}}},
            {"reasoning": {"effort": "low"}},
        ),
        ({"instructions": "x", "providerData": {"instructions": "y"}}, {"instructions": "y"}),
    ],
)
def test_sessions(given: dict[str, Any], wire: dict[str, Any]) -> None:
    assert wire_session(given) == wire


def test_the_whole_schema_passes_through() -> None:
    session = {
        "type": "realtime",
        "instructions": "",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": MU,
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-transcribe", "language": "de", "keywords": ["Pi"]},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
            },
            "output": {"format": A, "voice": "marin", "speed": 0.25},
        },
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"aB": 1}}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": True,
        "reasoning": {"effort": "minimal"},
        "max_output_tokens": "inf",
        "prompt": {"id": "p"},
        "tracing": {"workflow_name": "w", "metadata": {"aB": 1}},
        "truncation": "disabled",
        "include": ["item.input_audio_transcription.logprobs"],
    }
    assert wire_session(session) == session
