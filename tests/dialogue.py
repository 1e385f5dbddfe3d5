"""A protocol without a network: the test speaks as the service, and sees what comes of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.transport.calls import Calls
from pi_voice.transport.contracts import TransportStatus
from pi_voice.transport.dialog import Dialog, Options
from pi_voice.transport.effects import Emit, ForgetAudio, Send, StartGuard
from pi_voice.transport.protocol import RealtimeProtocol

Json = dict[str, Any]

PUSH_TO_TALK: Mapping[str, Any] = {"turn_detection": None}
MS = bytes(48)  # one millisecond of PCM at 24 kHz


def everything(_: str) -> bool:
    return True


class Room:
    """A protocol, and everything that it did.

    Attributes:
        sent: Client events, decoded, in order.
        told: What listeners got: (event, first argument or None), in order.
        guards: How often the silence of the service was guarded.
        forgotten_ms: Sound that was taken back before it left.
    """

    def __init__(
        self,
        *,
        wants: Callable[[str], bool] = everything,
        options: Options | None = None,
    ) -> None:
        self.protocol = RealtimeProtocol(wants, options)
        self.sent: list[Json] = []
        self.told: list[tuple[str, Any]] = []
        self.guards = 0
        self.forgotten_ms = 0.0

    @property
    def dialog(self) -> Dialog:
        return self.protocol.dialog

    @property
    def calls(self) -> Calls:
        return self.protocol.calls

    def connect(self, config: Mapping[str, Any] = PUSH_TO_TALK) -> Room:
        """Open a session; what was sent and told so far is forgotten."""
        self.dialog.session.begin(config, model="m", attached=False)
        self.protocol.connecting()
        self.protocol.opened()
        self.acknowledge()
        self.forget()
        return self

    def reconnect(self) -> None:
        self.protocol.lost(TransportStatus.RECONNECTING)
        self.protocol.opened()
        self.acknowledge()

    def acknowledge(self, session_id: str = "s1") -> None:
        session = {"id": session_id, **self.dialog.session.requested}
        self.says("session.created", session={"id": session_id})
        self.says("session.updated", session=session)

    def forget(self) -> None:
        self.perform()
        self.sent.clear()
        self.told.clear()

    def perform(self) -> None:
        effects = self.protocol.effects
        while effects:
            effect = effects.popleft()
            if isinstance(effect, Send):
                self.sent.append(json.loads(effect.data))
            elif isinstance(effect, StartGuard):
                self.guards += 1
            elif isinstance(effect, ForgetAudio):
                self.forgotten_ms += effect.newest_ms
            elif effect.reply is None or not self.dialog.is_cut(*effect.reply):
                self._tell(effect)

    def says(self, type: str, **fields: Any) -> Room:
        """The service sends an event."""
        self.protocol.receive(json.dumps({"type": type, **fields}))
        self.perform()
        return self

    def reply(self, response_id: str = "r1", item_id: str = "a1") -> Room:
        """A reply begins."""
        self.says("response.created", response=response(response_id))
        item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        self.says("response.output_item.added", response_id=response_id, item=item)
        return self

    def speaks(
        self, ms: int, response_id: str | None = "r1", item_id: str = "a1", index: int = 0
    ) -> Room:
        """A piece of a reply arrives."""
        return self.says(
            "response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            content_index=index,
            delta=b64encode(MS * ms).decode(),
        )

    def done(self, response_id: str | None = "r1", status: str = "completed") -> Room:
        return self.says("response.done", response=response(response_id, status))

    def fails(self, code: str, message: str = "", event_id: str | None = None) -> Room:
        """The service refuses something."""
        error = {"code": code, "message": message, "event_id": event_id}
        return self.says("error", error=error)

    def types(self) -> list[str]:
        """The types of what was sent since the last look."""
        self.perform()
        types = [event["type"] for event in self.sent]
        self.sent.clear()
        return types

    def names(self) -> list[str]:
        """The derived events that were told since the last look, without those of the wire."""
        self.perform()
        names = [name for name, _ in self.told if "." not in name and name not in ("*", "event")]
        self.told.clear()
        return names

    def all(self, name: str) -> list[Any]:
        """What listeners of one event got so far."""
        self.perform()
        return [payload for told, payload in self.told if told == name]

    def kinds(self) -> list[str]:
        """The neutral events that were told so far."""
        return [payload["kind"] for payload in self.all("event")]

    def _tell(self, effect: Emit) -> None:
        self.told.append((effect.name, effect.args[0] if effect.args else None))


def response(response_id: str | None, status: str = "in_progress", **fields: Any) -> Json:
    named = {} if response_id is None else {"id": response_id}
    return {**named, "status": status, "conversation_id": "c1", "output": [], **fields}
