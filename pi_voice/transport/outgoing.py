"""What the device says, in order, also while a whole turn is sent again over a slow network."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum, auto


class Step(Enum):
    """What the device does beside sending sound."""

    COMMIT = auto()
    CLEAR = auto()
    MUTE = auto()
    UNMUTE = auto()


GATE = (Step.MUTE, Step.UNMUTE)


class Outgoing:
    """Performs at once what comes, unless something waits: then behind it.

    Only a turn that is sent again waits, for the network to take one piece after the other: it
    comes faster than any network, and nothing of it may be dropped.

    Attributes:
        waiting: What waits, oldest first.
    """

    def __init__(
        self, perform: Callable[[bytes | Step], None], drain: Callable[[], Awaitable[None]]
    ) -> None:
        """Start empty.

        Args:
            perform: Sends sound, or does a step.
            drain: Returns when the network took what was sent, or is gone.
        """
        self._perform = perform
        self._drain = drain
        self.waiting: deque[bytes | Step] = deque()
        self._pump: asyncio.Task[None] | None = None

    def put(self, what: bytes | Step) -> None:
        if self.waiting:
            self.waiting.append(what)
        else:
            self._perform(what)

    def put_slowly(self, pieces: Iterable[bytes]) -> None:
        """Send pieces at the pace of the network."""
        self.waiting.extend(pieces)
        if self.waiting and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._send_waiting())

    def cancel_turns(self) -> None:
        """Forget the turns that wait as a whole; one that was begun must be cleared."""
        if Step.COMMIT not in self.waiting:
            return
        gates = []
        while Step.COMMIT in self.waiting:
            what = self.waiting.popleft()
            if what in GATE:
                gates.append(what)
        self.waiting.extendleft(reversed([Step.CLEAR, *gates]))

    def discard_sound(self) -> None:
        """Forget the sound that waits and belongs to no turn yet."""
        kept: deque[bytes | Step] = deque()
        while self.waiting and self.waiting[-1] is not Step.COMMIT:
            what = self.waiting.pop()
            if isinstance(what, Step):
                kept.appendleft(what)
        self.waiting.extend(kept)

    def forget_sound(self) -> None:
        """Forget the sound that waits, whatever turn it belongs to."""
        gates = [what for what in self.waiting if what in GATE]
        if len(gates) < len(self.waiting):
            self.waiting = deque([Step.CLEAR, *gates])

    def clear(self) -> None:
        self.waiting.clear()

    async def aclose(self) -> None:
        self.clear()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def _send_waiting(self) -> None:
        while self.waiting:
            await self._drain()
            if self.waiting:
                self._perform(self.waiting.popleft())
