"""Everything that a program can ask of a connection, as wire messages and changes of state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from math import inf
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from pi_voice.transport import neutral
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.dialog import Dialog
from pi_voice.transport.effects import ForgetAudio, Send
from pi_voice.transport.history import difference
from pi_voice.transport.items import (
    mapping,
    read_item,
    text,
    write_message,
    write_user_message,
)
from pi_voice.transport.messages import Item, ToolCall, attribute
from pi_voice.transport.tool_calls import Answer
from pi_voice.transport.wire import APPEND, APPEND_LIMIT_BYTES, base64_bytes, encode_append

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Wire = Mapping[str, Any]

IMAGE_LIMIT_CHARS = 1 << 20  # larger ones ended connections without a word
CREATE = {"type": "response.create"}


class Calls:
    """The calls of both contracts. Each raises NotConnectedError without a connection."""

    def __init__(self, dialog: Dialog, require_connection: Callable[[str], None]) -> None:
        self._dialog = dialog
        self._require = require_connection
        self._numbers = count(1)

    def send_event(self, event: Wire) -> None:
        self._require("send an event")
        self._send_raw({key: value for key, value in event.items() if value is not UNSET})

    def send_neutral(self, event: Wire) -> None:
        """Send one of kernl's events; those that mean nothing on the wire are dropped."""
        self._require("send an event")
        kind = event.get("kind")
        if kind == "session.update":
            self.update_session_config(mapping(event.get("config")))
            return
        if kind in ("activity.start", "activity.end"):
            self._activity(started=kind == "activity.start")
            return
        wire = neutral.encode(event)
        if kind == "tool.result" and wire is not None:
            self._answer({}, wire["item"])
        elif wire is not None:
            self._send_raw(wire)

    def request_response(self, response: Wire | None) -> None:
        self._require("request a response")
        event = CREATE if response is None else {**CREATE, "response": dict(response)}
        self._dialog.request(dict(event), manual=response is not None)

    def send_message(self, message: str | Wire, other: Wire | None, *, trigger: bool) -> None:
        self._require("send a message")
        item = write_user_message(message)
        self._create_item({"item": item, **(other or {})})
        if trigger:
            self._dialog.request(dict(CREATE), manual=False)

    def add_image(self, image: str, *, trigger: bool) -> None:
        self._require("send an image")
        if len(image) > IMAGE_LIMIT_CHARS:
            raise TransportError(
                f"the image has {len(image)} characters; scale it below {IMAGE_LIMIT_CHARS}",
                retryable=False,
            )
        part = {"type": "input_image", "image": image}
        message = {"type": "message", "role": "user", "content": [part]}
        self.send_message(message, None, trigger=trigger)

    def send_audio(self, pcm: bytes | memoryview) -> None:
        """Append sound in the session's input format; counted and dropped while muted."""
        uplink = self._dialog.uplink
        if uplink.muted:
            uplink.drop(len(pcm))
            return
        for start in range(0, len(pcm), APPEND_LIMIT_BYTES):
            piece = pcm[start : start + APPEND_LIMIT_BYTES]
            self._dialog.effects.append(Send(encode_append(piece), uplink.append(len(piece))))

    def commit_audio(self) -> None:
        self._dialog.uplink.commit()
        self._dialog.send({"type": "input_audio_buffer.commit"})

    def clear_audio(self) -> None:
        self._forget_appended()
        self._dialog.send({"type": "input_audio_buffer.clear"})

    def update_session_config(self, config: Wire) -> None:
        self._require("update the session")
        event = self._dialog.session.update(config)
        if event is not None:
            self._dialog.send(event)

    def send_function_call_output(self, call: Any, output: str, *, respond: bool) -> None:
        self._require("send the output of a function")
        item_id = text(attribute(call, "id")) or text(attribute(call, "item_id"))
        call_id = text(attribute(call, "call_id")) or item_id
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        answer = self._answer(call, item)
        if respond and answer is Answer.SEND:
            self._dialog.request(dict(CREATE), manual=False)

    def send_mcp_response(self, request: Any, approved: bool, reason: str | None) -> None:
        self._require("answer an MCP request")
        item_id = text(attribute(request, "item_id")) or text(attribute(request, "id"))
        item: Json = {
            "type": "mcp_approval_response",
            "id": f"pv_approval_{next(self._numbers)}",
            "approval_request_id": item_id,
            "approve": approved,
        }
        if reason is not None:
            item["reason"] = reason
        self._create_item({"previous_item_id": item_id, "item": item})

    def reset_history(self, old: Iterable[Any], new: Iterable[Any]) -> None:
        self._require("change the history")
        diff = difference(old, new)
        for item_id in diff.unsupported:
            logger.warning("item %s is no message: only the service can make it", item_id)
        for item_id in diff.removed:
            self._dialog.send({"type": "conversation.item.delete", "item_id": item_id})
        for item, previous in diff.created:
            self._create_item({"previous_item_id": previous, "item": write_message(item)})

    def mute(self, *, muted: bool) -> None:
        """Close or open the gate for sound; valid without a connection."""
        uplink = self._dialog.uplink
        uplink.muted = muted
        if muted and uplink.appended_ms:  # nothing is appended without a connection
            self.clear_audio()

    def forget_audio(self) -> None:
        """Drop the sound that waits to be sent, also of turns that were committed."""
        self._dialog.effects.append(ForgetAudio(inf))
        if self._dialog.uplink.appended_ms:
            self.clear_audio()

    def accepts_audio(self, base64: Any, *, connected: bool) -> bool:
        """Whether sound would be sent now; if not, it is counted as dropped."""
        uplink = self._dialog.uplink
        if connected and not uplink.muted:
            return True
        uplink.drop(len(base64_bytes(base64)))
        return False

    def _forget_appended(self) -> None:
        """What is cleared need not travel, as far as it still waits."""
        uplink = self._dialog.uplink
        if uplink.appended_ms:
            self._dialog.effects.append(ForgetAudio(uplink.appended_ms))
        uplink.clear()

    def _activity(self, *, started: bool) -> None:
        dialog = self._dialog
        if not dialog.options.activity_turns or dialog.session.detects_turns:
            return
        if started:
            dialog.interrupt(cancel=True)
            self.clear_audio()
        else:
            self.commit_audio()
            dialog.request(dict(CREATE), manual=False)

    def _send_raw(self, event: Json) -> None:
        """Send what the program made itself, and learn from it what it means for our state."""
        dialog = self._dialog
        kind = event.get("type")
        if kind == "response.create":
            dialog.request(event, manual=True)
        elif kind == "response.cancel":
            dialog.cancel_raw(event)
        elif kind == APPEND and not dialog.uplink.muted:
            self.send_audio(memoryview(base64_bytes(event.get("audio"))))
        else:
            dialog.send(event)
            self._note(kind, event)

    def _note(self, kind: Any, event: Json) -> None:
        dialog = self._dialog
        if kind == "input_audio_buffer.commit":
            dialog.uplink.commit()
        elif kind == "input_audio_buffer.clear":
            self._forget_appended()
        elif kind == "session.update":
            dialog.session.note(event)
        elif kind == "conversation.item.create":
            item = mapping(event.get("item"))
            if item.get("type") == "function_call_output":
                self._complete({}, item)
        elif kind == "conversation.item.truncate":
            index = event.get("content_index")
            dialog.heard.forget(text(event.get("item_id")), index if type(index) is int else 0)

    def _create_item(self, fields: Json) -> None:
        self._dialog.send({"type": "conversation.item.create", **fields})

    def _answer(self, call: Any, item: Json) -> Answer:
        """Send the output of a call, unless the session that asked is gone."""
        call_id = text(item.get("call_id"))
        answer = self._dialog.calls.answer(call_id)
        if answer is Answer.DROP:
            logger.warning("the output of %s is dropped: its session is gone", call_id)
        else:
            self._create_item({"item": item})
            self._complete(call, item)
        return answer

    def _complete(self, call: Any, item: Wire) -> None:
        """Tell listeners that the call has its output, and keep it for the next session."""
        call_id, output = text(item.get("call_id")), text(item.get("output"))
        item_id = text(attribute(call, "id")) or text(attribute(call, "item_id"))
        history = self._dialog.history
        known: Item | None = history.call(call_id) or history.get(item_id)
        if not isinstance(known, ToolCall):
            wire = {
                "type": "function_call",
                "id": item_id,
                "call_id": call_id,
                "name": attribute(call, "name"),
                "arguments": attribute(call, "arguments"),
            }
            known = read_item(wire, status="completed")
        if isinstance(known, ToolCall):
            done = replace(known, status="completed", output=output, call_id=call_id)
            self._dialog.emit("item_update", history.put(done))
