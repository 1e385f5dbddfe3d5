"""How long the service may take for every step of a reply. Pure: the time comes in from outside."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

CREATED_S = 5.0  # from the arrival of the turn to the reply's beginning: a service that is well
# needs a tenth of it
FIRST_S = 10.0  # from there to its first word: models may think before they speak
GAP_S = 5.0  # between two pieces: they come several times faster than they are heard
WHOLE_S = 120.0  # nobody listens longer; the speaker keeps no more sound than that, either


@dataclass(frozen=True, slots=True)
class Stuck:
    """A reply that does not go on.

    Attributes:
        reply_id: Which; None if it has not even begun.
        reason: One sentence for the operator.
    """

    reply_id: str | None
    reason: str


@dataclass(slots=True)
class _Reply:
    whole_by_s: float
    next_by_s: float
    spoke: bool = False


class Patience:
    """Follows what was asked for and what was begun; all times are seconds of one clock."""

    def __init__(self) -> None:
        self._asked = 0
        self._begin_by_s = inf
        self._running: dict[str, _Reply] = {}

    @property
    def due_s(self) -> float:
        """When patience ends, if nothing happens; never is infinity."""
        nexts = [min(reply.whole_by_s, reply.next_by_s) for reply in self._running.values()]
        return min([*nexts, self._begin_by_s])

    def asked(self, now_s: float) -> None:
        self._asked += 1
        self._settle(now_s)

    def arrived(self, now_s: float) -> None:
        """The service has all of the turn."""
        if self._begin_by_s < inf:
            self._begin_by_s = now_s + CREATED_S

    def refused(self, now_s: float) -> None:
        """The service will not answer one of those that were asked for."""
        self._asked = max(0, self._asked - 1)
        self._settle(now_s)

    def began(self, reply_id: str, now_s: float) -> None:
        self._asked = max(0, self._asked - 1)
        self._running[reply_id] = _Reply(now_s + WHOLE_S, now_s + FIRST_S)
        self._settle(now_s)

    def spoke(self, reply_id: str, now_s: float) -> None:
        """A piece of a reply came."""
        reply = self._running.get(reply_id)
        if reply is not None:
            reply.spoke = True
            reply.next_by_s = now_s + GAP_S

    def ended(self, reply_id: str, now_s: float) -> None:
        self._running.pop(reply_id, None)
        self._settle(now_s)

    def forget(self) -> None:
        """Nobody waits for anything any more."""
        self._asked = 0
        self._begin_by_s = inf
        self._running.clear()

    def stuck(self, now_s: float) -> Stuck | None:
        """What has not gone on for too long, if anything."""
        for reply_id, reply in self._running.items():
            if now_s >= reply.whole_by_s:
                return Stuck(reply_id, f"a reply was not complete after {WHOLE_S:g} s")
            if now_s >= reply.next_by_s and reply.spoke:
                return Stuck(reply_id, f"a reply fell silent for {GAP_S:g} s before its end")
            if now_s >= reply.next_by_s:
                return Stuck(reply_id, f"a reply began, and had no word after {FIRST_S:g} s")
        if now_s >= self._begin_by_s:
            return Stuck(None, f"the service did not begin a reply within {CREATED_S:g} s")
        return None

    def _settle(self, now_s: float) -> None:
        """Replies come one after the other, so the next begins only when none runs."""
        if not self._asked or self._running:
            self._begin_by_s = inf
        elif self._begin_by_s == inf:
            self._begin_by_s = now_s + CREATED_S
