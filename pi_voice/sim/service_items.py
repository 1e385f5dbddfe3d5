"""The conversation of a session: its items, their order, and the audio that belongs to them."""

from __future__ import annotations

import base64
import binascii
import copy
from dataclasses import dataclass

from pi_voice.sim.service_formats import WireAudio
from pi_voice.sim.service_records import Recording, Shelf, Turn
from pi_voice.sim.service_wire import Names, Rejected, Wire

CONTENT = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text",),  # the protocol lets no client put words in audio
}
ITEM_TYPES = ("message", "function_call", "function_call_output", "mcp_approval_response")


@dataclass(slots=True)
class Item:
    """One entry of the conversation.

    Attributes:
        wire: The item as events show it, without its audio.
        recording: Its sound, if it has any.
        audio_bytes: How much of the recording belongs to it: grows while a reply is sent,
            shrinks when it is truncated.
        audio: The format of the recording.
        turn: The turn that it is, or that it answers.
        truncated: What is still sent of it is not heard, and does not belong to it any more.
    """

    wire: Wire
    recording: Recording | None = None
    audio_bytes: int = 0
    audio: WireAudio | None = None
    turn: Turn | None = None
    truncated: bool = False

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def pcm(self) -> bytes:
        return self.recording.pcm[: self.audio_bytes] if self.recording else b""

    def shown(self) -> Wire:
        """The item as it is now; later changes do not reach an event already made."""
        return copy.deepcopy(self.wire)


class Conversation:
    def __init__(self) -> None:
        self._items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def said(self) -> list[Item]:
        """All items, oldest first."""
        return list(self._items)

    def find(self, item_id: object) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def add(self, item: Item, previous_item_id: str | None = None) -> Wire:
        """Put an item behind another, or at the end; "root" is the beginning.

        Returns:
            The `conversation.item.added` event.
        """
        if self.find(item.id):
            message = f"Error adding item: an item with id '{item.id}' already exists."
            raise Rejected("item_create_duplicate_item_id", message, param="item.id")
        index = self._index_after(previous_item_id)
        self._items.insert(index, item)
        return self._event("conversation.item.added", item)

    def done(self, item: Item) -> Wire:
        return self._event("conversation.item.done", item)

    def delete(self, item_id: str) -> Wire:
        self._items.remove(self._existing(item_id, "delet"))
        return {"type": "conversation.item.deleted", "item_id": item_id}

    def retrieve(self, item_id: str) -> Wire:
        item = self._existing(item_id, "retriev")
        shown = item.shown()
        for part in shown.get("content", []):
            if part["type"] in ("input_audio", "output_audio"):
                part["audio"] = base64.b64encode(item.pcm).decode()
        return {"type": "conversation.item.retrieved", "item": shown}

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Wire:
        item = self._existing(item_id, "truncat")
        if item.wire.get("role") != "assistant" or not item.audio or not item.audio_bytes:
            message = "Only model output audio messages can be truncated"
            raise Rejected("unsupported_content_type", message)
        if content_index >= len(item.wire["content"]):
            message = f"Item '{item_id}' has no content at index {content_index}."
            raise Rejected("invalid_value", message, param="content_index")
        duration_ms = int(item.audio.duration_ms(item.audio_bytes))
        if audio_end_ms > duration_ms:
            message = f"Audio content of {duration_ms}ms is already shorter than {audio_end_ms}ms"
            raise Rejected("invalid_value", message, param="audio_end_ms")
        item.audio_bytes = item.audio.size_bytes(audio_end_ms)
        item.truncated = True
        item.wire["content"][content_index].pop("transcript", None)  # it may say unheard words
        return {
            "type": "conversation.item.truncated",
            "item_id": item_id,
            "content_index": content_index,
            "audio_end_ms": audio_end_ms,
        }

    def _index_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == "root":
            return 0
        for index, item in enumerate(self._items):
            if item.id == previous_item_id:
                return index + 1
        message = f"Previous item with id '{previous_item_id}' not found in conversation."
        raise Rejected("item_not_found", message, param="previous_item_id")

    def _existing(self, item_id: str, verb: str) -> Item:
        item = self.find(item_id)
        if item is None:
            message = f"Error {verb}ing item: the item with id '{item_id}' does not exist."
            raise Rejected(f"item_{verb}e_invalid_item_id", message, param="item_id")
        return item

    def _event(self, kind: str, item: Item) -> Wire:
        index = self._items.index(item) if item in self._items else 0
        previous = self._items[index - 1].id if index else None
        return {"type": kind, "previous_item_id": previous, "item": item.shown()}


def from_client(given: object, names: Names, shelf: Shelf, audio: WireAudio) -> Item:
    """An item as the client describes it, with a new id where it gave none.

    Raises:
        Rejected: The real service would not take it.
    """
    if not isinstance(given, dict) or given.get("type") not in ITEM_TYPES:
        kind = given.get("type") if isinstance(given, dict) else given
        raise Rejected("invalid_value", f"Invalid value: '{kind}'.", param="item.type")
    wire: Wire = {"id": names.new("item"), "object": "realtime.item", "status": "completed"}
    wire |= copy.deepcopy({key: value for key, value in given.items() if value is not None})
    item = Item(wire)
    if wire["type"] == "message":
        _check_content(wire)
        pcm = b"".join(_stripped(part) for part in wire["content"])
        if pcm:
            item.recording, item.audio, item.audio_bytes = shelf.keep(pcm), audio, len(pcm)
    return item


def decoded(data: object, path: str) -> bytes:
    """Base64 audio of a client event."""
    try:
        return base64.b64decode(str(data), validate=True)
    except (binascii.Error, ValueError):
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes but got an invalid value."
        raise Rejected("invalid_value", message, param=path) from None


def _check_content(wire: Wire) -> None:
    role, content = wire.get("role"), wire.get("content")
    if not isinstance(role, str) or role not in CONTENT:
        raise Rejected("invalid_value", f"Invalid value: '{role}'.", param="item.role")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        message = "Missing required parameter: 'item.content'."
        raise Rejected("missing_required_parameter", message, param="item.content")
    for index, part in enumerate(content):
        if part.get("type") not in CONTENT[role]:
            allowed = " and ".join(f"'{kind}'" for kind in CONTENT[role])
            message = f"Invalid value: '{part.get('type')}'. Supported values are: {allowed}."
            raise Rejected("invalid_value", message, param=f"item.content[{index}].type")


def _stripped(part: Wire) -> bytes:
    if part["type"] != "input_audio":
        return b""
    return decoded(part.pop("audio", ""), "item.content.audio")
