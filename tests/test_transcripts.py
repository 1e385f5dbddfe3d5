"""Recorded conversations, event by event: what the client sends and tells at each step.

A step is one of: `do` (a call), `service` (an event arrives), `sound` (audio of a reply arrives),
`client` (the next event on the wire has these fields), `told` (exactly these derived events were
told since the last such step), `playing` (ms heard of what is unfinished), `history` (what is
known to have been said), `nothing` (no further event was sent), `forget`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dialogue import MS, Room

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.json"))


class Reader:
    """Plays one transcript against a protocol."""

    def __init__(self) -> None:
        self.room = Room()

    def read(self, step: dict[str, Any]) -> None:
        [(kind, value), *_] = step.items()
        readers: dict[str, Callable[[Any], None]] = {
            "service": lambda event: self._service(dict(event)),
            "sound": lambda sound: self._sound(**sound),
            "client": self._client,
            "told": self._told,
            "playing": self._playing,
            "history": self._history,
            "nothing": lambda _: self._nothing(),
            "forget": lambda _: self.room.told.clear(),
        }
        if kind == "do":
            self._do(value, *step["args"])
        else:
            readers[kind](value)
        self.room.perform()

    def _do(self, name: str, *args: Any) -> None:
        room = self.room
        calls: dict[str, Callable[..., object]] = {
            "connect": self._connect,
            "hear": lambda ms: room.calls.send_audio(memoryview(MS * ms)),
            "commit": room.calls.commit_audio,
            "request_response": lambda: room.calls.request_response(None),
            "send_event": room.calls.send_event,
            "interrupt": lambda: room.protocol.interrupt(cancel=True),
            "played": lambda item_id, ms: room.dialog.heard.on_played(item_id, 0, 24 * ms),
        }
        calls[name](*args)

    def _connect(self, config: dict[str, Any]) -> None:
        self.room.dialog.session.begin(config, model="m", attached=False)
        self.room.protocol.connecting()
        self.room.protocol.opened()

    def _service(self, event: dict[str, Any]) -> None:
        self.room.says(event.pop("type"), event_id="event_1", **event)

    def _sound(self, ms: int, response_id: str, item_id: str) -> None:
        self.room.speaks(ms, response_id, item_id)

    def _client(self, wanted: dict[str, Any]) -> None:
        assert self.room.sent, f"nothing was sent, but {wanted} was expected"
        sent = self.room.sent.pop(0)
        assert {key: sent.get(key) for key in wanted} == wanted

    def _told(self, wanted: list[str]) -> None:
        names = [name for name in self.room.names() if name not in ("status", "disconnected")]
        assert names == wanted

    def _playing(self, wanted: dict[str, float]) -> None:
        found = {part.item_id: part.played_ms for part in self.room.dialog.heard.position()}
        assert found == wanted

    def _history(self, wanted: dict[str, str]) -> None:
        found = {item.item_id: _words(item) for item in self.room.dialog.history}
        assert found == wanted

    def _nothing(self) -> None:
        assert self.room.sent == []


def _words(item: Any) -> str:
    return "".join(part.transcript or part.text or "" for part in item.content)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_recorded_conversation_goes_as_recorded(path: Path) -> None:
    reader = Reader()
    for number, step in enumerate(json.loads(path.read_text())["steps"]):
        try:
            reader.read(step)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {json.dumps(step)[:200]}: {error}") from error


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) == 3
