"""Too much of something: when to say so, and when to give up. Pure: the time comes in."""

from __future__ import annotations

from collections import deque


class Burst:
    """Notices when something happens too often."""

    def __init__(self, most: int, within_s: float) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._within_s = within_s

    def add(self, now_s: float) -> bool:
        """Count one; True if that is one more than there may be within the time."""
        times = self._times
        too_many = len(times) == times.maxlen and now_s - times[0] <= self._within_s
        times.append(now_s)
        return too_many

    def clear(self) -> None:
        self._times.clear()


class Throttle:
    """Lets one line through per period, and counts the others."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = float("-inf")
        self._held = 0

    def admit(self, now_s: float) -> int | None:
        """How many were held back since the last line; None if this one is held back, too."""
        if now_s < self._next_s:
            self._held += 1
            return None
        held, self._held = self._held, 0
        self._next_s = now_s + self._every_s
        return held
