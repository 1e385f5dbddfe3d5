"""What the link told and the device has not read yet: some of it is taken back in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from pi_voice.core.events import (
    LinkDown,
    LinkEvent,
    LinkUp,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
)

REPLY_EVENTS = (ReplyStarted, ReplyAudio, ReplyAudioEnded, ReplyEnded)
SESSION_EVENTS = (LinkUp, LinkDown, *REPLY_EVENTS)
REMEMBERED = 16  # items that were read in part; a reply has one or two


class Unread:
    """Events in order; one that was read cannot be taken back."""

    def __init__(self) -> None:
        self._events: deque[LinkEvent] = deque()
        self._arrived = asyncio.Event()
        self._begun: deque[str] = deque(maxlen=REMEMBERED)
        self._writer: asyncio.Task[None] | None = None

    def put(self, event: LinkEvent) -> None:
        self._events.append(event)
        self._arrived.set()

    def take_back(self, kinds: tuple[type[LinkEvent], ...]) -> list[str]:
        """Unsay what was not read.

        Returns:
            The items of replies of which no sound was read at all, so that none can be heard.
        """
        taken = [event for event in self._events if isinstance(event, kinds)]
        self._events = deque(event for event in self._events if not isinstance(event, kinds))
        items = dict.fromkeys(event.item_id for event in taken if isinstance(event, ReplyAudio))
        return [item_id for item_id in items if item_id not in self._begun]

    def end(self, writer: asyncio.Task[None]) -> None:
        """Nothing more comes, because this task ended; its fault comes last."""
        self._writer = writer
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[LinkEvent]:
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, ReplyAudio) and event.item_id not in self._begun:
                    self._begun.append(event.item_id)
                yield event
            if self._writer is not None:
                self._writer.result()
                return
            self._arrived.clear()
            await self._arrived.wait()
