"""Which replies the device still wants: those it asked for and did not cancel."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

TURN = "pi_voice_turn"  # in the metadata of a reply: the service gives it back when it begins
REMEMBERED = 64  # unwanted replies whose late events may still arrive


class Wanted:
    """Follows every reply from the wish to its end.

    A reply is known by the number of the turn that asked for it, even when the service begins it
    long after it was cancelled. Replies that the service begins by itself have no number.
    """

    def __init__(self) -> None:
        self._newest = 0
        self._cancelled = 0  # turns up to this one want no reply any more
        self._asked: deque[int] = deque()  # for services that do not give the metadata back
        self._running: dict[str, int | None] = {}
        self._unwanted: deque[str] = deque(maxlen=REMEMBERED)

    def ask(self, turn: int | None = None) -> int:
        """Note that a reply is asked for; gives the number of its turn.

        Args:
            turn: It goes on with what this turn asked for; None is a turn of its own.
        """
        if turn is None:
            self._newest += 1
            turn = self._newest
        self._asked.append(turn)
        return turn

    @property
    def is_busy(self) -> bool:
        """A reply that is wanted runs, or was asked for."""
        asked = any(turn > self._cancelled for turn in self._asked)
        return asked or any(map(self.wants, self._running))

    def refused(self, turn: int) -> bool:
        """The service will not reply to this turn; True if that matters to anybody."""
        if turn in self._asked:
            self._asked.remove(turn)
        return turn > self._cancelled

    def cancel(self) -> None:
        """Nothing that runs or was asked for is wanted any more."""
        self._cancelled = self._newest
        self._unwanted.extend(self._running)

    def spoken_over(self) -> None:
        """The user talks: what runs, the service ends; what it has not begun, it never will."""
        self.cancel()
        self._asked.clear()

    def begin(self, reply_id: str, response: Mapping[str, Any]) -> bool:
        """The service began a reply; False if nobody wants it any more."""
        turn = _turn(response)
        if turn is None and self._asked:
            turn = self._asked[0]
        while turn is not None and self._asked and self._asked[0] <= turn:
            self._asked.popleft()
        self._running[reply_id] = turn
        if turn is not None and turn <= self._cancelled:
            self._unwanted.append(reply_id)
        return self.wants(reply_id)

    def wants(self, reply_id: str) -> bool:
        return reply_id not in self._unwanted

    def end(self, reply_id: str) -> int | None:
        """The service ended a reply; gives the turn that asked for it."""
        return self._running.pop(reply_id, None)

    def reset(self) -> None:
        """The session is gone, and every reply with it."""
        self._cancelled = self._newest
        self._asked.clear()
        self._running.clear()
        self._unwanted.clear()


def _turn(response: Mapping[str, Any]) -> int | None:
    metadata = response.get("metadata")
    turn = metadata.get(TURN) if isinstance(metadata, Mapping) else None
    return int(turn) if isinstance(turn, str) and turn.isascii() and turn.isdigit() else None
