"""What the service says of items, whoever made them: into the history, then to listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from pi_voice.transport.dialog import Dialog
from pi_voice.transport.history import CONTINUES_ID
from pi_voice.transport.items import (
    mapping,
    part_index,
    read_function_call,
    read_item,
    text,
    text_or_none,
)
from pi_voice.transport.messages import (
    Item,
    ItemDeleted,
    McpToolsListed,
    Message,
    ToolCall,
    Transcription,
)

Json = dict[str, Any]


def _item_added(dialog: Dialog, event: Json) -> None:
    _keep(dialog, event, status="in_progress", kinds=("message", "mcp_call", "mcp_tool_call"))


def _item_done(dialog: Dialog, event: Json) -> None:
    wire = mapping(event.get("item"))
    kind = wire.get("type")
    if kind == "mcp_list_tools":
        tools = wire.get("tools")
        listed = tuple(map(mapping, tools)) if isinstance(tools, list) else ()
        dialog.emit("mcp_tools_listed", McpToolsListed(text(wire.get("server_label")), listed))
        return
    kinds = ("message", "mcp_approval_request", "mcp_call", "mcp_tool_call")
    item = _keep(dialog, event, status="completed", kinds=kinds)
    if item is None or isinstance(item, Message):
        return
    if isinstance(item, ToolCall):
        dialog.emit("mcp_tool_call_completed", item)
    else:
        dialog.emit("mcp_approval_request", item)


def _item_retrieved(dialog: Dialog, event: Json) -> None:
    _keep(dialog, event, status="completed", kinds=("message", "mcp_call", "mcp_tool_call"))


def _item_deleted(dialog: Dialog, event: Json) -> None:
    item_id = text(event.get("item_id"))
    dialog.history.delete(item_id)
    dialog.emit("item_deleted", ItemDeleted(item_id))


def _item_truncated(dialog: Dialog, event: Json) -> None:
    _retrieve(dialog, text(event.get("item_id")))


def _transcribed(dialog: Dialog, event: Json) -> None:
    item_id, words = text(event.get("item_id")), text(event.get("transcript"))
    message = dialog.history.set_transcript(item_id, part_index(event), words)
    dialog.emit("input_audio_transcription_completed", Transcription(item_id, words))
    if message is not None:
        dialog.emit("item_update", message)
    _retrieve(dialog, item_id)


def _transcription_failed(dialog: Dialog, event: Json) -> None:
    reason = text(mapping(event.get("error")).get("message"))
    failed = Transcription(text(event.get("item_id")), reason=reason)
    dialog.emit("transcription_failed", failed)


def _output_item_added(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    _keep(dialog, event, status="in_progress", kinds=("message", "mcp_call", "mcp_tool_call"))
    _call(dialog, event)


def _output_item_done(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    _keep(dialog, event, status="completed", kinds=("message", "mcp_call", "mcp_tool_call"))
    _call(dialog, event)


def _fetch(dialog: Dialog, event: Json) -> None:
    _retrieve(dialog, text(event.get("item_id")))


def _keep(dialog: Dialog, event: Json, *, status: str, kinds: tuple[str, ...]) -> Item | None:
    """Put an item into history and tell listeners; None if it is not of these kinds.

    What a reply beside the conversation says is told, and is no part of the history.
    """
    wire = mapping(event.get("item"))
    if wire.get("type") not in kinds or wire.get("id") == CONTINUES_ID:
        return None
    item = read_item(wire, status=status, previous=event.get("previous_item_id"))
    if item is None:
        return None
    if not dialog.responses.is_outside(text_or_none(event.get("response_id"))):
        item = dialog.history.put(item)
    dialog.emit("item_update", item)
    return item


def _call(dialog: Dialog, event: Json) -> None:
    wire = mapping(event.get("item"))
    known = dialog.history.get(text(wire.get("id")))
    previous = text_or_none(event.get("previous_item_id"))
    if previous is None and known is not None:
        previous = known.previous_item_id
    call = read_function_call(wire, event.get("response_id"), previous)
    if call is None or not dialog.calls.ask(call.call_id):
        return
    item = read_item({**wire, "id": call.id}, status="completed", previous=previous)
    if isinstance(item, ToolCall):
        waiting = replace(item, status="in_progress", output=None)
        dialog.emit("item_update", dialog.history.put(waiting))
    dialog.emit("function_call", call)


def _retrieve(dialog: Dialog, item_id: str) -> None:
    if dialog.options.retrieve_items and item_id:
        dialog.send({"type": "conversation.item.retrieve", "item_id": item_id})


ITEM_HANDLERS: Mapping[str, Callable[[Dialog, Json], None]] = {
    "conversation.item.added": _item_added,
    "conversation.item.created": _item_added,  # the same under its name before GA
    "conversation.item.done": _item_done,
    "conversation.item.retrieved": _item_retrieved,
    "conversation.item.deleted": _item_deleted,
    "conversation.item.truncated": _item_truncated,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "conversation.item.input_audio_transcription.failed": _transcription_failed,
    "response.output_item.added": _output_item_added,
    "response.output_item.done": _output_item_done,
    "response.mcp_call.in_progress": _fetch,
    "mcp_list_tools.in_progress": _fetch,
}
