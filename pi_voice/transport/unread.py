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


class Unread:
    """Events in order; one that was read cannot be taken back."""

    def __init__(self) -> None:
        self._events: deque[LinkEvent] = deque()
        self._arrived = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def put(self, event: LinkEvent) -> None:
        self._events.append(event)
        self._arrived.set()

    def take_back(self, kinds: tuple[type[LinkEvent], ...]) -> None:
        """Unsay what was not read."""
        self._events = deque(event for event in self._events if not isinstance(event, kinds))

    def end(self, writer: asyncio.Task[None]) -> None:
        """Nothing more comes, because this task ended; its fault comes last."""
        self._writer = writer
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[LinkEvent]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._writer is not None:
                self._writer.result()
                return
            self._arrived.clear()
            await self._arrived.wait()
