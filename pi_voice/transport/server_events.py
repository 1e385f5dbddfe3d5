"""What each event of the service means: state first, then what listeners are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from pi_voice.transport.contracts import TransportError
from pi_voice.transport.dialog import Dialog
from pi_voice.transport.history import CONTINUES_ID
from pi_voice.transport.items import (
    mapping,
    read_function_call,
    read_item,
    text,
    text_or_none,
)
from pi_voice.transport.messages import (
    AudioEvent,
    AudioMark,
    InputTimeout,
    Item,
    ItemDeleted,
    McpToolsListed,
    Message,
    Response,
    TextDelta,
    ToolCall,
    Transcription,
    TurnDone,
    TurnStarted,
    Usage,
)
from pi_voice.transport.wire import AudioDelta

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Handler = Callable[[Dialog, Json], None]

COMMIT_EMPTY = "input_audio_buffer_commit_empty"
PARTS = 64  # a content index beyond that is not a part of an item but a fault


def hear(dialog: Dialog, sound: AudioDelta) -> None:
    """A piece of a reply; kept from listeners when the user does not want it any more."""
    dialog.touch(sound.response_id)
    if not sound.delta or dialog.is_cut(sound.response_id, sound.item_id):
        return
    reply = (sound.response_id, sound.item_id)
    dialog.heard.enqueue(sound.item_id, sound.content_index, sound.response_id, sound.delta)
    event = AudioEvent(sound.delta, sound.response_id, sound.item_id, sound.content_index)
    dialog.emit_sound("audio", event, reply)


def refuse(dialog: Dialog, event: Json) -> TransportError | None:
    """An `error` of the service; None if it is harmless and was dealt with."""
    error = mapping(event.get("error"))
    code, message = text(error.get("code")), text(error.get("message"))
    event_id = text_or_none(error.get("event_id"))
    settled = dialog.responses.refused(code, message, event_id)
    dialog.session.refused(event_id, text_or_none(error.get("param")))
    if code == COMMIT_EMPTY:
        dialog.uplink.commit_refused()
        settled = settled or dialog.session.detects_turns
    dialog.settle()
    if settled:
        logger.debug("< error %s", code)
        return None
    return TransportError(
        f"the service says: {message or code or 'error'}",
        error=event,
        code=code or None,
        event_id=event_id,
    )


def _session_created(dialog: Dialog, event: Json) -> None:
    _describe(dialog, event, updated=False)
    tracing = dialog.session.trace()
    if tracing is not None:
        dialog.send(tracing)


def _session_updated(dialog: Dialog, event: Json) -> None:
    _describe(dialog, event, updated=True)


def _describe(dialog: Dialog, event: Json, *, updated: bool) -> None:
    dialog.session.described(event.get("session"), updated=updated)
    dialog.heard.shape = dialog.session.output_shape
    dialog.uplink.shape = dialog.session.input_shape


def _speech_started(dialog: Dialog, event: Json) -> None:
    wanted = dialog.interrupt_on_speech
    if dialog.session.interrupts if wanted is None else wanted:
        dialog.interrupt(cancel=False, speech=True)


def _committed(dialog: Dialog, event: Json) -> None:
    dialog.uplink.committed()


def _input_timeout(dialog: Dialog, event: Json) -> None:
    timeout = InputTimeout(
        text(event.get("item_id")),
        _number(event.get("audio_start_ms")),
        _number(event.get("audio_end_ms")),
    )
    dialog.emit("input_audio_timeout_triggered", timeout)


def _response_created(dialog: Dialog, event: Json) -> None:
    response = mapping(event.get("response"))
    outside = "conversation_id" in response and response["conversation_id"] is None
    dialog.began(text_or_none(response.get("id")), outside=outside)
    dialog.emit("turn_started", TurnStarted(event))


def _response_done(dialog: Dialog, event: Json) -> None:
    response = mapping(event.get("response"))
    dialog.ended(text_or_none(response.get("id")))
    done = read_response(response)
    dialog.emit("usage_update", done.usage)
    dialog.emit("turn_done", TurnDone(done))
    if done.status in ("failed", "incomplete"):
        dialog.emit("error", _failure(done))


def read_response(response: Mapping[str, Any]) -> Response:
    output = response.get("output")
    details = response.get("status_details")
    return Response(
        id=text_or_none(response.get("id")),
        output=tuple(map(mapping, output)) if isinstance(output, list) else (),
        usage=_usage(mapping(response.get("usage"))),
        status=text_or_none(response.get("status")),
        status_details=details if isinstance(details, Mapping) else None,
    )


def _usage(given: Mapping[str, Any]) -> Usage:
    spent, made = (_count(given.get(f"{end}_tokens")) for end in ("input", "output"))
    total = given.get("total_tokens")
    return Usage(
        spent,
        made,
        _count(total) if total is not None else spent + made,
        mapping(given.get("input_token_details")),
        mapping(given.get("output_token_details")),
    )


def _failure(done: Response) -> TransportError:
    details = done.status_details or {}
    error = mapping(details.get("error"))
    reason = text(error.get("message")) or text(details.get("reason")) or text(error.get("type"))
    code = text(error.get("code")) or text(details.get("reason"))
    words = f"the reply is {done.status}: {reason or code or 'no reason given'}"
    return TransportError(words, error=details, code=code or None)


def _audio_done(dialog: Dialog, event: Json) -> None:
    item_id, index = text(event.get("item_id")), _index(event)
    dialog.heard.audio_done(item_id, index)
    dialog.emit("audio_done", AudioMark(item_id, index))


def _transcript_delta(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    delta = text(event.get("delta"))
    dialog.history.add_transcript(text(event.get("item_id")), _index(event), delta)
    dialog.emit("audio_transcript_delta", _delta(event, "transcript_delta"))


def _text_delta(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    dialog.emit("output_text_delta", _delta(event, "output_text_delta"))


def _delta(event: Json, kind: Any) -> TextDelta:
    return TextDelta(
        kind,
        text(event.get("delta")),
        text(event.get("item_id")),
        text_or_none(event.get("response_id")),
    )


def _transcript_done(dialog: Dialog, event: Json) -> None:
    words = event.get("transcript")
    if isinstance(words, str):
        dialog.history.set_transcript(text(event.get("item_id")), _index(event), words)


def _transcribed(dialog: Dialog, event: Json) -> None:
    item_id, words = text(event.get("item_id")), text(event.get("transcript"))
    message = dialog.history.set_transcript(item_id, _index(event), words)
    dialog.emit("input_audio_transcription_completed", Transcription(item_id, words))
    if message is not None:
        dialog.emit("item_update", message)
    _retrieve(dialog, item_id)


def _transcription_failed(dialog: Dialog, event: Json) -> None:
    reason = text(mapping(event.get("error")).get("message"))
    failed = Transcription(text(event.get("item_id")), reason=reason)
    dialog.emit("transcription_failed", failed)


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


def _output_item_added(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    _keep(dialog, event, status="in_progress", kinds=("message", "mcp_call", "mcp_tool_call"))
    _call(dialog, event)


def _output_item_done(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    _keep(dialog, event, status="completed", kinds=("message", "mcp_call", "mcp_tool_call"))
    _call(dialog, event)


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


def _fetch(dialog: Dialog, event: Json) -> None:
    _retrieve(dialog, text(event.get("item_id")))


def _retrieve(dialog: Dialog, item_id: str) -> None:
    if dialog.options.retrieve_items and item_id:
        dialog.send({"type": "conversation.item.retrieve", "item_id": item_id})


def _index(event: Json) -> int:
    index = event.get("content_index")
    return index if type(index) is int and 0 <= index < PARTS else 0


def _count(value: Any) -> int:
    return value if type(value) is int else 0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0.0


HANDLERS: Mapping[str, Handler] = {
    "session.created": _session_created,
    "session.updated": _session_updated,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.committed": _committed,
    "input_audio_buffer.timeout_triggered": _input_timeout,
    "conversation.item.added": _item_added,
    "conversation.item.created": _item_added,  # the same under its name before GA
    "conversation.item.done": _item_done,
    "conversation.item.retrieved": _item_retrieved,
    "conversation.item.deleted": _item_deleted,
    "conversation.item.truncated": _item_truncated,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "conversation.item.input_audio_transcription.failed": _transcription_failed,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _output_item_added,
    "response.output_item.done": _output_item_done,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _transcript_delta,
    "response.output_audio_transcript.done": _transcript_done,
    "response.output_text.delta": _text_delta,
    "response.mcp_call.in_progress": _fetch,
    "mcp_list_tools.in_progress": _fetch,
}
