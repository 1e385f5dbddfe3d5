"""The conversation as we know it: kept for listeners, and to tell a new session what was said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import replace

from pi_voice.transport.items import MOST_PARTS, as_item, write_message
from pi_voice.transport.messages import ContentPart, Item, Message, ToolCall

Json = dict[str, Any]
AnyItem = TypeVar("AnyItem", bound=Item)

MOST_ITEMS = 256
MOST_CHARS = 1 << 20  # of text and image data; a device runs for months
REPLAYED_ITEMS = 64
REPLAYED_CHARS = 16_000  # about 4,000 tokens: every reconnect pays for them again
IMAGE_CHARS = 3_000  # what an image counts as in a replay, about its share of tokens
CONTINUES_ID = "pv_continues"
CONTINUES: Json = {  # without it models greet again, or introduce themselves
    "type": "conversation.item.create",
    "item": {
        "type": "message",
        "id": CONTINUES_ID,
        "role": "system",
        "content": [
            {
                "type": "input_text",
                "text": "The connection was interrupted. This is the same conversation, and what"
                " was said so far is above. Go on where it stopped, and do not greet again.",
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Diff:
    """What leads from one history to another.

    Attributes:
        removed: Ids that go, or go to be made again.
        created: Items to make, each with the id of the item before it.
        unsupported: Ids of items that cannot be made by a client.
    """

    removed: tuple[str, ...]
    created: tuple[tuple[Message, str], ...]
    unsupported: tuple[str, ...]


class History:
    """The items of a conversation in their order, without their sound."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._cut: set[str] = set()
        self._chars = 0

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def call(self, call_id: str) -> ToolCall | None:
        """The call that an output refers to; None if it is not known."""
        calls = (item for item in self._items.values() if isinstance(item, ToolCall))
        return next((call for call in calls if call.call_id == call_id), None)

    def clear(self) -> None:
        self._items.clear()
        self._order.clear()
        self._cut.clear()
        self._chars = 0

    def put(self, item: Item) -> Item:
        """Add or replace an item; returns it as it is kept.

        A transcript that is known stays when the new description comes without it, and one that
        was cut to what was heard is not made longer again. An item moves only once: when its
        place is told after the item itself, as that of a reply.
        """
        before = self._items.get(item.item_id)
        if isinstance(before, Message) and isinstance(item, Message):
            item = self._with_transcripts(before, item)
        elif isinstance(before, ToolCall) and isinstance(item, ToolCall):
            item = replace(
                item,
                output=item.output if item.output is not None else before.output,
                call_id=item.call_id or before.call_id,
            )
        previous = item.previous_item_id
        if before is None:
            self._order.insert(self._place(previous), item.item_id)
        elif previous is None:
            item = replace(item, previous_item_id=before.previous_item_id)
        elif before.previous_item_id is None and item.item_id != previous in self._items:
            self._order.remove(item.item_id)  # it stood at the end until its place was told
            self._order.insert(self._place(previous), item.item_id)
        self._store(item)
        return item

    def delete(self, item_id: str) -> None:
        item = self._items.pop(item_id, None)
        if item is not None:
            self._chars -= _chars(item)
            self._order.remove(item_id)
            self._cut.discard(item_id)

    def add_transcript(self, item_id: str, content_index: int, delta: str) -> None:
        """A piece of what a reply says, while it is spoken."""
        item = self._items.get(item_id)
        if not isinstance(item, Message) or item_id in self._cut:
            return
        if not 0 <= content_index < MOST_PARTS:
            return
        parts = list(item.content)
        while len(parts) <= content_index:
            parts.append(ContentPart("output_audio"))
        part = parts[content_index]
        words = ((part.transcript or "") + delta)[:MOST_CHARS]
        parts[content_index] = replace(part, transcript=words)
        self._store(replace(item, content=tuple(parts)))

    def set_transcript(self, item_id: str, content_index: int, words: str) -> Message | None:
        """The whole transcript of a part; the message as it is kept, None if it is unknown."""
        item = self._items.get(item_id)
        if not isinstance(item, Message) or item_id in self._cut:
            return None
        parts = list(item.content)
        if not 0 <= content_index < len(parts):
            return None
        parts[content_index] = replace(parts[content_index], transcript=words)
        status = "completed" if item.role == "user" else item.status
        return self._store(replace(item, content=tuple(parts), status=status))

    def cut(self, item_id: str, content_index: int, share: float) -> Message | None:
        """Keep only what was heard of a transcript.

        Args:
            item_id: The message.
            content_index: Its part.
            share: Heard of received, 0 to 1.
        """
        item = self._items.get(item_id)
        if not isinstance(item, Message):
            return None
        self._cut.add(item_id)
        parts = list(item.content)
        if not 0 <= content_index < len(parts):
            return None
        words = parts[content_index].transcript
        parts[content_index] = replace(
            parts[content_index],
            transcript=None if words is None else words[: int(len(words) * share)],
            truncated=True,
        )
        return self._store(replace(item, content=tuple(parts), status="incomplete"))

    def replay(self) -> list[Json]:
        """Client events that tell a new session what was said, oldest first."""
        wires: list[Json] = []
        cost = 0
        for item in reversed(list(self)):
            group = self._for_replay(item)
            cost += sum(_cost(wire) for wire in group)
            if len(wires) + len(group) > REPLAYED_ITEMS or cost > REPLAYED_CHARS:
                break
            wires = group + wires
        return _chained(wires)

    def _for_replay(self, item: Item) -> list[Json]:
        if isinstance(item, Message):
            wire = write_message(item)
            return [] if wire is None else [wire]
        if isinstance(item, ToolCall) and item.type == "function_call":
            if item.output is None or not item.call_id:
                return []  # half a call cannot be told: the service refuses the other half
            return _call_pair(item)
        return []

    def _with_transcripts(self, before: Message, item: Message) -> Message:
        if item.item_id in self._cut:
            content = before.content or tuple(map(_unheard, item.content))
            return replace(item, content=content, status="incomplete")
        parts = [
            replace(part, transcript=old.transcript)
            if part.transcript is None and old.type == part.type
            else part
            for part, old in zip(item.content, before.content, strict=False)
        ]
        rest = item.content[len(parts) :] or before.content[len(parts) :]
        return replace(item, content=(*parts, *rest))

    def _place(self, previous: str | None) -> int:
        if previous == "root":
            return 0
        if previous in self._items and previous is not None:
            return self._order.index(previous) + 1
        return len(self._order)

    def _store(self, item: AnyItem) -> AnyItem:
        before = self._items.get(item.item_id)
        self._chars += _chars(item) - (0 if before is None else _chars(before))
        self._items[item.item_id] = item
        while len(self._order) > MOST_ITEMS or (len(self._order) > 1 and self._chars > MOST_CHARS):
            self.delete(self._order[0])
        return item


def difference(old: Iterable[Any], new: Iterable[Any]) -> Diff:
    """What must be deleted and created to turn one history into the other."""
    before = {item.item_id: item for item in map(as_item, old) if item is not None}
    after = {item.item_id: item for item in map(as_item, new) if item is not None}
    gone = [item_id for item_id in before if item_id not in after]
    changed = [
        item_id for item_id in after if item_id in before and _differ(before, after, item_id)
    ]
    added = [item_id for item_id in after if item_id not in before]
    created: list[tuple[Message, str]] = []
    unsupported: list[str] = []
    previous = "root"
    for item_id, item in after.items():
        if item_id in added or item_id in changed:
            if not isinstance(item, Message):
                unsupported.append(item_id)
                changed = [other for other in changed if other != item_id]
                previous = item_id if item_id in before else previous
                continue
            if write_message(item) is None:
                continue
            created.append((item, previous))
        previous = item_id
    return Diff((*gone, *changed), tuple(created), tuple(unsupported))


def _differ(before: dict[str, Item], after: dict[str, Item], item_id: str) -> bool:
    """Whether the words differ; the same words in another state need no message."""
    old, new = before[item_id], after[item_id]
    if isinstance(old, Message) and isinstance(new, Message):
        return (old.role, old.content) != (new.role, new.content)
    return replace(old, previous_item_id=None) != replace(new, previous_item_id=None)


def _unheard(part: ContentPart) -> ContentPart:
    """A part whose words came after the cut: how many of them were heard cannot be told."""
    return replace(part, transcript=None, truncated=True)


def _call_pair(call: ToolCall) -> list[Json]:
    return [
        {
            "type": "function_call",
            "id": call.item_id,
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        },
        {"type": "function_call_output", "call_id": call.call_id, "output": call.output},
    ]


def _chained(wires: list[Json]) -> list[Json]:
    events: list[Json] = []
    previous = "root"
    for wire in wires:
        event = {"type": "conversation.item.create", "previous_item_id": previous, "item": wire}
        if wire["type"] == "function_call_output":
            wire["id"] = f"{previous}_out"[-32:]
        previous = wire["id"]
        events.append(event)
    return events


def _cost(wire: Json) -> int:
    words = [wire.get("arguments"), wire.get("output")]
    words += [part.get("text") for part in wire.get("content", ())]
    images = [part for part in wire.get("content", ()) if part["type"] == "input_image"]
    return sum(len(each) for each in words if each) + len(images) * IMAGE_CHARS


def _chars(item: Item) -> int:
    if isinstance(item, Message):
        return sum(
            len(words or "")
            for part in item.content
            for words in (part.text, part.transcript, part.image_url)
        )
    if isinstance(item, ToolCall):
        return len(item.arguments) + len(item.output or "")
    return 64
