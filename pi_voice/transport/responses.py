"""One reply at a time: which `response.create` may go out now, and which must wait."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import Any

GUARD_S = 10.0  # a service that neither begins nor refuses a reply for that long lost the request
SENT = 64  # creates whose refusal may still be on its way
SEEN = 64  # ids of old replies that may still be spoken of
ALREADY_ACTIVE = "conversation_already_has_active_response"
NOT_ACTIVE = "response_cancel_not_active"


class Control(Enum):
    """What the next `response.create` waits for, besides the end of the active reply."""

    FREE = auto()
    CREATE_REQUESTED = auto()  # ours is on the wire, neither begun nor refused
    CANCEL_REQUESTED = auto()  # the active reply was cancelled and has not ended
    BLOCKED = auto()  # the service speaks of an active reply that we did not see begin


@dataclass(slots=True)
class Create:
    """One `response.create`.

    Attributes:
        event: As the caller gave it.
        manual: It carries a wish of its own, so it is never merged with others.
        requests: How many automatic requests it answers.
        event_id: The id it was last sent with.
        silenced: The user interrupted before the service began it: it must not be heard.
        cancelled: Nor shall the service generate it.
    """

    event: dict[str, Any]
    manual: bool
    requests: int = 1
    event_id: str = ""
    silenced: bool = False
    cancelled: bool = False


class Responses:
    """The sequencer of `response.create`, and the only owner of which reply is active.

    Attributes:
        ongoing: The service is generating a reply in the conversation.
        active_id: Its id; None if there is none, or the service gives none.
        epoch: Grows with every change of state, so that a guard knows if anything moved.
    """

    def __init__(self) -> None:
        self.ongoing = False
        self.active_id: str | None = None
        self.epoch = 0
        self._control = Control.FREE
        self._waiting: deque[Create] = deque()
        self._sent: dict[str, Create] = {}  # by event id; any of them may still be refused
        self._seen: dict[str, bool] = {}  # value: it is outside the conversation
        self._numbers = count(1)

    @property
    def awaited(self) -> bool:
        """A reply was asked for and the service has not begun it."""
        return self._control is Control.CREATE_REQUESTED

    @property
    def cancelling(self) -> bool:
        return self._control is Control.CANCEL_REQUESTED

    @property
    def stalled(self) -> bool:
        """Something waits for the service; if it stays silent, `release` must end that."""
        return self._control is not Control.FREE or (self.ongoing and bool(self._waiting))

    def is_outside(self, response_id: str | None) -> bool:
        """Whether the items of a reply are not part of the conversation."""
        return response_id is not None and self._seen.get(response_id, False)

    # -- wishes

    def request(self, event: dict[str, Any], *, manual: bool) -> None:
        """Ask for a reply; automatic requests that wait side by side become one."""
        if not manual and self._waiting and not self._waiting[-1].manual:
            self._waiting[-1].requests += 1
        else:
            self._waiting.append(Create(event, manual))

    def next_create(self) -> dict[str, Any] | None:
        """The create that goes on the wire now, if one may."""
        if self.ongoing or self._control is not Control.FREE or not self._waiting:
            return None
        create = self._waiting.popleft()
        while not create.manual and self._waiting and not self._waiting[0].manual:
            create.requests += self._waiting.popleft().requests
        event = self.named(create.event)
        create.event_id = event["event_id"]
        self._sent[create.event_id] = create
        if len(self._sent) > SENT:
            del self._sent[next(iter(self._sent))]
        self._move(Control.CREATE_REQUESTED)
        return event

    def named(self, create: dict[str, Any]) -> dict[str, Any]:
        """The same with an id, by which the service can refuse it; one of the caller's stays."""
        own_id = create.get("event_id")
        named = isinstance(own_id, str) and own_id
        return {**create, "event_id": own_id if named else f"pv_create_{next(self._numbers)}"}

    def cancel(self) -> None:
        """The active reply was told to end."""
        if self.ongoing:
            self._move(Control.CANCEL_REQUESTED)

    def silence_sent(self, *, cancel: bool) -> bool:
        """The reply that was asked for shall not be heard, and not be asked for again.

        Args:
            cancel: It shall end as soon as it begins.

        Returns:
            True if there is one that has not begun and this is new.
        """
        awaited = self._awaited
        is_new = awaited is not None and not (
            awaited.cancelled or (awaited.silenced and not cancel)
        )
        for create in self._sent.values():
            create.silenced = True
            create.cancelled = create.cancelled or cancel
        return is_new

    # -- what the service says

    def created(self, response_id: str | None, *, outside: bool = False) -> Create | None:
        """A reply began; gives the request that it answers, where that is known.

        Args:
            response_id: Its id.
            outside: It does not write to the conversation, so it blocks nobody.
        """
        self._remember(response_id, outside=outside)
        if outside:
            return None
        answered = self._awaited
        self.ongoing = True
        self.active_id = response_id
        self._move(Control.FREE)
        return answered

    def done(self, response_id: str | None) -> None:
        """A reply ended; one that is not the active reply changes nothing."""
        if self._control is Control.BLOCKED:
            self._move(Control.FREE)
        if not self.ongoing:
            if self.awaited and response_id is not None and response_id not in self._seen:
                self._move(Control.FREE)  # ours, though we did not see it begin
        elif None in (response_id, self.active_id) or response_id == self.active_id:
            self._end()
        self._remember(response_id)

    def refused(self, code: str, message: str, event_id: str | None) -> bool:
        """An error arrived; True if it was about a create or a cancel and is settled here."""
        if code == NOT_ACTIVE:
            if self.cancelling:
                self._end()
            return True
        if code == ALREADY_ACTIVE:
            self._requeue(self._last if event_id is None else self._sent.get(event_id))
            return True
        if event_id is not None:
            refused = self._sent.get(event_id)
        else:
            about_create = "response_create" in code or "response.create" in message
            refused = self._awaited if about_create else None
        if refused is not None:
            self._give_up(refused)
        return False

    def release(self) -> None:
        """The service was silent for too long: stop waiting for it."""
        self._sent.clear()
        self.ongoing = False
        self.active_id = None
        self._move(Control.FREE)

    def reset(self) -> None:
        """The connection is gone, and with it every request."""
        self._waiting.clear()
        self._seen.clear()
        self.release()

    @property
    def _last(self) -> Create | None:
        """The create that was sent last and not refused."""
        return self._sent[next(reversed(self._sent))] if self._sent else None

    @property
    def _awaited(self) -> Create | None:
        return self._last if self.awaited else None

    def _end(self) -> None:
        self.ongoing = False
        self.active_id = None
        self._move(Control.FREE)

    def _requeue(self, refused: Create | None) -> None:
        """Ask again, first of all, when the active reply ended.

        That reply may have begun in the place of ours, so that ours seemed to be accepted.
        """
        if refused is None:
            return
        free = self._awaited is refused or self._control is Control.FREE
        del self._sent[refused.event_id]
        if not refused.silenced:
            self._waiting.appendleft(refused)
        if free and not self.ongoing:
            self._move(Control.BLOCKED)

    def _give_up(self, refused: Create) -> None:
        """Drop the request that failed; what was merged into it is asked for again."""
        if self._awaited is refused:
            self._move(Control.FREE)
        del self._sent[refused.event_id]
        if refused.requests > 1:
            again = Create({"type": "response.create"}, False, refused.requests - 1)
            self._waiting.appendleft(again)

    def _move(self, control: Control) -> None:
        self._control = control
        self.epoch += 1

    def _remember(self, response_id: str | None, *, outside: bool = False) -> None:
        if response_id is not None:
            self._seen[response_id] = outside or self._seen.get(response_id, False)
            if len(self._seen) > SEEN:
                del self._seen[next(iter(self._seen))]
