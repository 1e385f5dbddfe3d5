"""Which reply may be heard, and what of it is still waiting or playing."""

from __future__ import annotations

from collections import deque

REMEMBERED = 16  # cut replies whose late events may still arrive; a service has one or two


class Replies:
    """At most one reply may be heard; a reply that was cut never is again.

    Attributes:
        current: The reply that may be heard, once its id is known.
        awaited: A reply was asked for and has not begun.
        ended: The service will send nothing more of the current reply.
        received_ms: How much sound of it arrived.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        self.awaited = False
        self.ended = True
        self.received_ms = 0.0
        self._items: dict[str, bool] = {}
        self._cut_items: set[str] = set()
        self._cut: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def is_silent(self) -> bool:
        """True when the reply was heard to its end."""
        return self.ended and not self._items

    @property
    def is_playing(self) -> bool:
        return bool(self._items)

    @property
    def is_running(self) -> bool:
        """True while the service may still send something of it."""
        return self.awaited or not self.ended

    def plays(self, item_id: str) -> bool:
        """True while an item waits or is heard."""
        return item_id in self._items

    def ask(self) -> None:
        """A reply was asked for; whatever still comes of another is not it."""
        if self.current is not None:
            self._cut.append(self.current)
        self.current = None
        self.awaited = True
        self.ended = False
        self.received_ms = 0.0

    def begin(self, reply_id: str) -> bool:
        """A reply began; False if it was cut before."""
        if reply_id in self._cut:
            return False
        if self.current not in (None, reply_id):
            self._cut.append(str(self.current))
        self.current = reply_id
        self.awaited = False
        self.ended = False
        if not self._items:
            self.received_ms = 0.0
        return True

    def refuse(self, reply_id: str) -> None:
        """Nobody asked for it: it must never be heard."""
        self._cut.append(reply_id)

    def admits(self, reply_id: str) -> bool:
        """True if this reply's sound may be heard."""
        if self.awaited and reply_id not in self._cut:
            return self.begin(reply_id)
        return reply_id == self.current and not self.ended

    def add(self, item_id: str, ms: float) -> bool:
        """Sound of an item arrived; False if the item was cut or is complete."""
        if item_id in self._cut_items or self._items.get(item_id) is False:
            return False
        self._items[item_id] = True
        self.received_ms += ms
        return True

    def close_item(self, item_id: str) -> bool:
        """No more of an item will come; True if somebody waits to hear its end."""
        if not self._items.get(item_id):
            return False
        self._items[item_id] = False
        return True

    def end(self) -> list[str]:
        """The service is done with the reply; closes and returns the items left open."""
        self.awaited = False
        self.ended = True
        return [item_id for item_id in self._items if self.close_item(item_id)]

    def cut(self) -> None:
        """Nothing more of it may be heard."""
        if self.current is not None:
            self._cut.append(self.current)
        self.current = None
        self.awaited = False
        self.ended = True
        self._cut_items.update(self._items)
        self._items.clear()

    def item_ended(self, item_id: str) -> None:
        """The speaker is done with an item."""
        self._items.pop(item_id, None)
        self._cut_items.discard(item_id)
