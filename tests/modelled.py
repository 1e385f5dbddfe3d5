"""A model of the service's rules about replies: what it accepts, what it sends, in which order."""

from __future__ import annotations

from collections import deque
from typing import Any

Json = dict[str, Any]


class ModelService:
    """One session of the service; events wait on the way until the test lets them arrive.

    Attributes:
        active: The reply that is generated; None if there is none.
        inbox: Client events that the service has not seen.
        outbox: Events of the service that the client has not seen.
        accepted: Event ids of the creates that became replies.
        refused: Event ids of the creates that were too early.
        cut: Replies that were cancelled.
    """

    def __init__(self, session: int, *, named_errors: bool) -> None:
        self.session = session
        self.active: str | None = None
        self.inbox: deque[Json] = deque()
        self.outbox: deque[Json] = deque()
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self.cut: set[str] = set()
        self.received_ms: dict[str, int] = {}
        self.named_errors = named_errors
        self._replies = 0

    def work(self) -> None:
        """Look at the next client event."""
        event = self.inbox.popleft()
        kind = event["type"]
        if kind == "response.create":
            self._create(event)
        elif kind == "response.cancel":
            self._cancel(event)

    def begin(self) -> str:
        """Start a reply, as it does when it heard the end of a turn."""
        self._replies += 1
        self.active = f"r{self.session}_{self._replies}"
        self.outbox.append(
            {"type": "response.created", "response": {"id": self.active, "conversation_id": "c"}}
        )
        return self.active

    def speak(self, ms: int) -> None:
        item = f"item_{self.active}"
        self.received_ms[item] = self.received_ms.get(item, 0) + ms
        self.outbox.append(
            {
                "type": "response.output_audio.delta",
                "response_id": self.active,
                "item_id": item,
                "content_index": 0,
                "ms": ms,
            }
        )

    def finish(self, status: str = "completed", reason: str | None = None) -> None:
        details = None if reason is None else {"reason": reason}
        done = {"id": self.active, "status": status, "status_details": details}
        self.active = None
        self.outbox.append({"type": "response.done", "response": {**done, "conversation_id": "c"}})

    def hear_speech(self) -> None:
        self.outbox.append({"type": "input_audio_buffer.speech_started", "item_id": "u"})
        if self.active is not None:
            self.cut.add(self.active)
            self.finish("cancelled", "turn_detected")

    def _create(self, event: Json) -> None:
        if self.active is None:
            self.accepted.append(event["event_id"])
            self.begin()
            return
        self.refused.append(event["event_id"])
        named = event["event_id"] if self.named_errors else None
        self._error("conversation_already_has_active_response", named)

    def _cancel(self, event: Json) -> None:
        if self.active is None or event.get("response_id") not in (None, self.active):
            self._error("response_cancel_not_active", None)
        else:
            self.cut.add(self.active)
            self.finish("cancelled", "client_cancelled")

    def _error(self, code: str, event_id: str | None) -> None:
        error = {"code": code, "message": code, "event_id": event_id}
        self.outbox.append({"type": "error", "error": error})
