"""What programs ask for in kernl's neutral vocabulary, for the wire; fields in any spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pi_voice.transport.items import mapping
from pi_voice.transport.session_shape import snake, wire_session

Json = dict[str, Any]
Wire = Mapping[str, Any]


def encode(event: Wire) -> Json | None:
    """A neutral client event for the wire; None if the wire has nothing for it.

    `session.update` is not encoded here: its config is merged with what was asked for before.
    """
    fields = snake(event)
    kind = fields.get("kind")
    writer = _WRITERS.get(kind) if isinstance(kind, str) else None
    return None if writer is None else writer(fields)


def _append(fields: Json) -> Json:
    return {"type": "input_audio_buffer.append", "audio": fields.get("audio", "")}


def _item_create(fields: Json) -> Json | None:
    item = _encode_item(snake(mapping(fields.get("item"))))
    if item is None:
        return None
    previous = fields.get("previous_item_id")
    return {
        "type": "conversation.item.create",
        "item": item,
        **({} if previous is None else {"previous_item_id": previous}),
    }


def _encode_item(item: Json) -> Json | None:
    kind = str(item.get("kind", "")).replace("-", ".")
    if kind == "message":
        role = item.get("role", "user")
        content = item.get("content")
        given = content if isinstance(content, list | tuple) else ()
        parts = [_encode_part(snake(mapping(part)), role) for part in given]
        return {"type": "message", "role": role, "content": [part for part in parts if part]}
    if kind == "tool.call":
        return {
            "type": "function_call",
            "call_id": item.get("call_id"),
            "name": item.get("tool_id"),
            "arguments": item.get("arguments", "{}"),
        }
    if kind == "tool.result":
        return _output(item)
    return None


def _output(item: Json) -> Json:
    error, result = item.get("error"), item.get("result")
    said = error if error is not None else result
    if said is None:
        said = ""
    elif not isinstance(said, str):
        said = msgspec.json.encode(said).decode()
    return {"type": "function_call_output", "call_id": item.get("call_id"), "output": said}


def _encode_part(part: Json, role: Any) -> Json | None:
    if part.get("kind") == "text":
        kind = "output_text" if role == "assistant" else "input_text"
        return {"type": kind, "text": part.get("text", "")}
    mime, data = part.get("mime_type"), part.get("data", part.get("uri"))
    if part.get("kind") != "file" or not isinstance(mime, str) or not isinstance(data, str):
        return None
    if mime.startswith("audio/"):
        return {"type": "input_audio", "audio": data}
    if mime.startswith("image/"):
        url = data if data.startswith(("data:", "http")) else f"data:{mime};base64,{data}"
        return {"type": "input_image", "image_url": url}
    return None


def _truncate(fields: Json) -> Json | None:
    end_ms = fields.get("audio_end_ms")
    if not isinstance(end_ms, int | float) or not end_ms >= 0:
        return None
    return {
        "type": "conversation.item.truncate",
        "item_id": fields.get("item_id"),
        "content_index": fields.get("content_index", 0),
        "audio_end_ms": int(end_ms),
    }


def _create(fields: Json) -> Json:
    config = fields.get("config")
    return {
        "type": "response.create",
        **({"response": response_config(config)} if isinstance(config, Mapping) else {}),
    }


def response_config(config: Mapping[str, Any]) -> Json:
    """What one reply shall do otherwise, for the wire; fields that are None are not given."""
    return {key: value for key, value in wire_session(config).items() if value is not None}


def _cancel(fields: Json) -> Json:
    response_id = fields.get("response_id")
    return {
        "type": "response.cancel",
        **({} if response_id is None else {"response_id": response_id}),
    }


_WRITERS: dict[str, Callable[[Json], Json | None]] = {
    "audio.input.append": _append,
    "audio.input.commit": lambda _: {"type": "input_audio_buffer.commit"},
    "audio.input.clear": lambda _: {"type": "input_audio_buffer.clear"},
    "item.create": _item_create,
    "item.delete": lambda fields: {
        "type": "conversation.item.delete",
        "item_id": fields.get("item_id"),
    },
    "item.truncate": _truncate,
    "response.create": _create,
    "response.cancel": _cancel,
    "tool.result": lambda fields: {"type": "conversation.item.create", "item": _output(fields)},
}
