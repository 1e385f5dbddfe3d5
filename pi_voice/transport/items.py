"""Conversation items: what the service describes, as frozen objects, and back to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pi_voice.transport.messages import (
    ContentPart,
    FunctionCall,
    Item,
    McpApprovalRequest,
    Message,
    ToolCall,
    attribute,
)

Json = dict[str, Any]

MOST_PARTS = 64  # of one message; what names a later one is a fault of the service
_ROLES = ("user", "assistant", "system")
_BETA_PARTS = {  # what assistants' parts were called before the GA wire
    ("assistant", "text"): "output_text",
    ("assistant", "audio"): "output_audio",
    ("user", "text"): "input_text",
    ("user", "audio"): "input_audio",
    ("system", "text"): "input_text",
}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def part_index(event: Mapping[str, Any]) -> int:
    """Which part of an item an event is about; the first where it does not say."""
    index = event.get("content_index")
    return index if type(index) is int and 0 <= index < MOST_PARTS else 0


def read_item(wire: Any, *, status: str, previous: Any = None) -> Item | None:
    """An item of the service; None if it is of a kind that history does not keep.

    Args:
        wire: The item's object.
        status: What counts if it carries no status of its own.
        previous: The id of the item before it.
    """
    fields = mapping(wire)
    item_id = text(fields.get("id"))
    kind = fields.get("type")
    if not item_id:
        return None
    status = text_or_none(fields.get("status")) or status
    before = text_or_none(previous)
    if kind == "message":
        return _read_message(fields, item_id, status, before)
    if kind in ("function_call", "mcp_call", "mcp_tool_call"):
        return ToolCall(
            item_id,
            text(fields.get("name")),
            text(fields.get("arguments")),
            status,
            text_or_none(fields.get("output")),
            text_or_none(fields.get("call_id")),
            before,
            kind,
        )
    if kind == "mcp_approval_request":
        return McpApprovalRequest(
            item_id,
            text(fields.get("server_label")),
            text(fields.get("name")),
            read_json_object(fields.get("arguments")),
            None,
            before,
        )
    return None


def read_function_call(wire: Any, response_id: Any, previous: str | None) -> FunctionCall | None:
    """A call that is complete; an interrupted one must not run."""
    fields = mapping(wire)
    if fields.get("type") != "function_call" or fields.get("status") != "completed":
        return None
    item_id, call_id = text(fields.get("id")), text(fields.get("call_id"))
    if not item_id and not call_id:
        return None
    return FunctionCall(
        id=item_id or call_id,
        call_id=call_id or item_id,
        name=text(fields.get("name")),
        arguments=text(fields.get("arguments")),
        response_id=text_or_none(response_id),
        previous_item_id=previous,
    )


def read_json_object(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    try:
        return mapping(msgspec.json.decode(text(given) or "{}"))
    except msgspec.DecodeError:
        return {}


def _read_message(
    fields: Mapping[str, Any], item_id: str, status: str, before: str | None
) -> Message | None:
    role = fields.get("role")
    if role not in _ROLES:
        return None
    content = fields.get("content")
    given = content[:MOST_PARTS] if isinstance(content, list) else []
    parts = [_read_part(part, role) for part in given]
    return Message(
        item_id,
        role,
        tuple(part for part in parts if part is not None),
        None if role == "system" else status,
        before,
    )


def _read_part(given: Any, role: str) -> ContentPart | None:
    fields = mapping(given)
    kind = fields.get("type")
    if not isinstance(kind, str):
        return None
    return ContentPart(
        _BETA_PARTS.get((role, kind), kind),
        text_or_none(fields.get("text")),
        text_or_none(fields.get("transcript")),
        text_or_none(fields.get("image_url")),
    )


def as_item(given: Any) -> Item | None:
    """An item of history, whether it is one of ours or a mapping with the same keys."""
    if not isinstance(given, Mapping):
        return given if isinstance(given, Message | ToolCall | McpApprovalRequest) else None
    return read_item(
        {**given, "id": given.get("item_id", given.get("id"))},
        status="completed",
        previous=given.get("previous_item_id"),
    )


def write_message(item: Message) -> Json | None:
    """A message for the wire, its sound as text; None if nothing can be said of it.

    The service takes no assistant sound from a client, and ours is not kept.
    """
    parts = [part for part in (_write_part(part, item.role) for part in item.content) if part]
    if not parts:
        return None
    wire: Json = {"type": "message", "role": item.role, "content": parts, "id": item.item_id}
    if item.status is not None and item.role != "system":
        wire["status"] = "completed" if item.status == "in_progress" else item.status
    return wire


def _write_part(part: ContentPart, role: str) -> Json | None:
    if part.type == "input_image":
        return {"type": "input_image", "image_url": part.image_url} if part.image_url else None
    words = part.text or part.transcript
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": kind, "text": words} if words else None


def write_user_message(message: str | Mapping[str, Any]) -> Json:
    """What `send_message` was given, as an item of the wire; parts it cannot read are left out."""
    if isinstance(message, str):
        content: list[Json] = [{"type": "input_text", "text": message}]
        return {"type": "message", "role": "user", "content": content}
    given = message.get("content")
    if isinstance(given, str):
        given = [{"type": "input_text", "text": given}]
    parts = [_write_user_part(part) for part in given] if isinstance(given, list | tuple) else []
    return {
        **{key: value for key, value in message.items() if key != "content"},
        "type": "message",
        "role": message.get("role", "user"),
        "content": [part for part in parts if part is not None],
    }


def _write_user_part(part: Any) -> Json | None:
    kind = attribute(part, "type")
    if kind in ("input_text", "output_text"):
        words = attribute(part, "text")
        return {"type": kind, "text": words} if isinstance(words, str) else None
    if kind == "input_image":
        url = attribute(part, "image", attribute(part, "image_url"))
        extra = attribute(part, "provider_data", attribute(part, "providerData"))
        if not isinstance(url, str):
            return None
        return {"type": "input_image", "image_url": url, **_detail(part), **mapping(extra)}
    if kind == "input_audio" and isinstance(attribute(part, "audio"), str):
        return {"type": "input_audio", "audio": attribute(part, "audio")}
    return None


def _detail(part: Any) -> Json:
    detail = attribute(part, "detail")
    return {"detail": detail} if isinstance(detail, str) else {}
