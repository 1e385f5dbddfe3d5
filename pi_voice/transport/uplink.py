"""What the user says on its way out: the gate of mute, and what the service's buffer holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_voice.transport.heard import AudioShape
from pi_voice.transport.items import mapping
from pi_voice.transport.wire import APPEND, base64_bytes

Json = dict[str, Any]


class Uplink:
    """Counts audio towards the service, and keeps it back while muted.

    Attributes:
        muted: No audio byte may leave.
        shape: Coding of the session's input.
        appended_ms: Audio that was sent since the last commit or clear, in ms.
        dropped_ms: Audio that was not sent because of mute or a missing connection, in ms.
    """

    def __init__(self) -> None:
        self.muted = False
        self.shape = AudioShape()
        self.appended_ms = 0.0
        self.dropped_ms = 0.0
        self._commits = 0  # of ours that the service has not confirmed

    def append(self, size_bytes: int) -> float:
        """Count audio that goes out, in ms."""
        duration_ms = self.shape.duration_ms(size_bytes)
        self.appended_ms += duration_ms
        return duration_ms

    def drop(self, size_bytes: int) -> None:
        self.dropped_ms += self.shape.duration_ms(size_bytes)

    def commit(self) -> None:
        self._commits += 1
        self.appended_ms = 0.0

    def clear(self) -> None:
        self.appended_ms = 0.0

    def committed(self) -> None:
        """The service made an item of its buffer: because of our commit, or by itself."""
        if self._commits:
            self._commits -= 1
        else:
            self.appended_ms = 0.0

    def commit_refused(self) -> None:
        self._commits = max(0, self._commits - 1)

    def reset(self) -> None:
        """The connection is gone, and the service's buffer with it."""
        self._commits = 0
        self.appended_ms = 0.0

    def passed(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What may leave of a raw event: all of it, or what is left without its audio."""
        if not self.muted:
            return event
        if event.get("type") == APPEND:
            self.drop(len(base64_bytes(event.get("audio"))))
            return None
        if event.get("type") == "response.create":
            response = mapping(event.get("response"))
            given = response.get("input")
            if not isinstance(given, list):
                return event
            kept = [item for item in map(self._silent, given) if item is not None]
            return {**event, "response": {**response, "input": kept}}
        if event.get("type") != "conversation.item.create":
            return event
        item = self._silent(event.get("item"))
        return None if item is None else {**event, "item": item}

    def _silent(self, item: Any) -> Any:
        """An item without its sound; None if nothing else is in it."""
        content = mapping(item).get("content")
        if not isinstance(content, list):
            return item
        sounds = [part for part in content if mapping(part).get("audio") is not None]
        if not sounds:
            return item
        for part in sounds:
            self.drop(len(base64_bytes(part["audio"])))
        kept = [part for part in content if mapping(part).get("audio") is None]
        return {**item, "content": kept} if kept else None
