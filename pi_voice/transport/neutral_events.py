"""What the service says, in the events of kernl's neutral vocabulary, with snake_case fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.transport.items import mapping, text, text_or_none

Json = dict[str, Any]
Wire = Mapping[str, Any]

_STATUS = {"incomplete": "failed", "in_progress": "failed"}
# Neutral fields that are wire fields by the same name, per wire event.
_PLAIN: dict[str, tuple[str, tuple[str, ...]]] = {
    "conversation.item.deleted": ("item.deleted", ("item_id",)),
    "conversation.item.truncated": ("item.truncated", ("item_id", "audio_end_ms")),
    "input_audio_buffer.committed": ("audio.input.committed", ("item_id",)),
    "input_audio_buffer.cleared": ("audio.input.cleared", ()),
    "input_audio_buffer.speech_started": ("speech.started", ("audio_start_ms", "item_id")),
    "input_audio_buffer.speech_stopped": ("speech.stopped", ("audio_end_ms", "item_id")),
    "conversation.item.input_audio_transcription.delta": (
        "transcript.input.delta",
        ("item_id", "delta"),
    ),
    "response.output_text.delta": ("text.output.delta", ("response_id", "item_id", "delta")),
    "response.output_text.done": ("text.output", ("response_id", "item_id", "text")),
    "response.output_audio.done": ("audio.output.done", ("response_id", "item_id")),
    "response.output_audio_transcript.delta": (
        "transcript.output.delta",
        ("response_id", "item_id", "delta"),
    ),
    "response.function_call_arguments.delta": ("tool.delta", ("call_id", "delta")),
}


def decode(event: Wire) -> list[Json]:
    """The neutral events that a wire event means; most mean one or none."""
    kind = event.get("type")
    plain = _PLAIN.get(kind) if isinstance(kind, str) else None
    if plain is not None:
        return [{"kind": plain[0], **{name: event.get(name) for name in plain[1]}}]
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    return [] if reader is None else reader(event)


def _session(event: Wire) -> list[Json]:
    session = mapping(event.get("session"))
    output = mapping(mapping(session.get("audio")).get("output"))
    detection = mapping(session.get("audio")).get("input", {})
    config: Json = {}
    if "instructions" in session:
        config["instructions"] = session["instructions"]
    if "output_modalities" in session:
        config["modalities"] = session["output_modalities"]
    if "voice" in output:
        config["voice"] = {"voice_id": output["voice"]}
    if "turn_detection" in mapping(detection):
        config["turn_detection"] = _turn_detection(mapping(detection)["turn_detection"])
    return [{"kind": event["type"], "session": {"id": session.get("id"), "config": config}}]


def _turn_detection(given: Any) -> Json:
    if not isinstance(given, Mapping):
        return {"mode": "manual"}
    return {"mode": given.get("type"), **{k: v for k, v in given.items() if k != "type"}}


def _error(event: Wire) -> list[Json]:
    error = mapping(event.get("error"))
    fields = {"code": error.get("code"), "message": error.get("message"), "details": dict(error)}
    return [{"kind": "session.error", "error": fields}]


def _item_created(event: Wire) -> list[Json]:
    item = _decode_item(mapping(event.get("item")))
    if item is None:
        return []
    return [
        {"kind": "item.created", "item": item, "previous_item_id": event.get("previous_item_id")}
    ]


def _decode_item(item: Wire) -> Json | None:
    kind = item.get("type")
    if kind == "message":
        content = item.get("content")
        parts = map(mapping, content if isinstance(content, list) else ())
        return {
            "kind": "message",
            "id": item.get("id"),
            "role": item.get("role"),
            "content": [
                {"kind": "text", "text": text(part.get("text")) or text(part.get("transcript"))}
                for part in parts
            ],
        }
    if kind == "function_call":
        return {
            "kind": "tool.call",
            "id": item.get("id"),
            "call_id": item.get("call_id"),
            "tool_id": item.get("name"),
            "state": text_or_none(item.get("status")) or "completed",
            "arguments": item.get("arguments"),
        }
    if kind == "function_call_output":
        return {
            "kind": "tool.result",
            "id": item.get("id"),
            "call_id": item.get("call_id"),
            "tool_id": "",
            "state": "completed",
            "result": item.get("output"),
            "error": None,
        }
    return None


def _transcribed(event: Wire) -> list[Json]:
    words = event.get("transcript")
    return [{"kind": "transcript.input", "item_id": event.get("item_id"), "text": words}]


def _said(event: Wire) -> list[Json]:
    return [
        {
            "kind": "transcript.output",
            "response_id": event.get("response_id"),
            "item_id": event.get("item_id"),
            "text": event.get("transcript"),
        }
    ]


def _created(event: Wire) -> list[Json]:
    return [{"kind": "response.created", "response_id": mapping(event.get("response")).get("id")}]


def _done(event: Wire) -> list[Json]:
    response = mapping(event.get("response"))
    status = response.get("status")
    reason = mapping(response.get("status_details")).get("reason")
    response_id = response.get("id")
    done: Json = {
        "kind": "response.done",
        "response_id": response_id,
        "status": _STATUS.get(status, status) if isinstance(status, str) else "failed",
    }
    usage = response.get("usage")
    if isinstance(usage, Mapping):
        names = ("input_tokens", "output_tokens", "total_tokens")
        done["usage"] = {name: usage.get(name) for name in names}
    if status != "cancelled":
        return [done]
    if reason == "turn_detected":
        done["status"] = "interrupted"
    return [{"kind": "response.interrupted", "response_id": response_id}, done]


def _audio(event: Wire) -> list[Json]:
    return [
        {
            "kind": "audio.output.delta",
            "response_id": event.get("response_id"),
            "item_id": event.get("item_id"),
            "audio": event.get("delta"),
        }
    ]


def _call_begun(event: Wire) -> list[Json]:
    item = mapping(event.get("item"))
    if item.get("type") != "function_call":
        return []
    return [
        {
            "kind": "tool.start",
            "response_id": event.get("response_id"),
            "call_id": item.get("call_id"),
            "tool_id": item.get("name"),
        }
    ]


def _call_ended(event: Wire) -> list[Json]:
    """Arguments that are complete but belong to a call that is not must never run."""
    item = mapping(event.get("item"))
    if item.get("type") != "function_call":
        return []
    call_id = item.get("call_id") or item.get("id")
    if item.get("status") != "completed":
        return [{"kind": "tool.cancelled", "call_id": call_id}]
    return [
        {
            "kind": "tool.call",
            "call_id": call_id,
            "tool_id": item.get("name"),
            "arguments": item.get("arguments"),
        }
    ]


_READERS: dict[str, Callable[[Wire], list[Json]]] = {
    "session.created": _session,
    "session.updated": _session,
    "error": _error,
    "conversation.item.added": _item_created,
    "conversation.item.created": _item_created,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "response.output_audio.delta": _audio,
    "response.output_audio_transcript.done": _said,
    "response.created": _created,
    "response.done": _done,
    "response.output_item.added": _call_begun,
    "response.output_item.done": _call_ended,
}
