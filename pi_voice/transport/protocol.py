"""The realtime protocol without I/O: messages and calls come in, effects wait to be performed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from pi_voice.transport import neutral_events, reply_events, server_events
from pi_voice.transport.calls import Calls
from pi_voice.transport.contracts import NotConnectedError, TransportError, TransportStatus
from pi_voice.transport.dialog import Dialog, Options
from pi_voice.transport.effects import Effect
from pi_voice.transport.history import CONTINUES
from pi_voice.transport.messages import AudioMark, Response, TurnDone
from pi_voice.transport.wire import AUDIO_DELTA, BETA_NAMES, decode, decode_audio, event_type

logger = logging.getLogger(__name__)

Json = dict[str, Any]

SESSION_READY = "session_ready"
# Errors that explain why the service closes the connection right after.
FATAL = frozenset(
    {
        "session_expired",
        "invalid_api_key",
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "account_deactivated",
        "model_not_found",
        "rate_limit_exceeded",
        "server_overloaded",
        "beta_api_shape_disabled",
    }
)


class RealtimeProtocol:
    """The state of one transport over all its connections.

    The shell calls `connecting`, `opened`, `receive`, `guard`, `lost` and `closed` as things
    happen, and performs `effects` after each call. It owns no state of the protocol.

    Attributes:
        status: Where the transport is between disconnected and connected.
        calls: Everything that a program can ask for.
        received: Events of the service, known or not, over all connections.
        malformed: Messages of the service that were no events.
        rate_limits: As the service last described them.
        fault: An error of the service that will end, or has ended, the connection.
    """

    def __init__(self, wants: Callable[[str], bool], options: Options | None = None) -> None:
        self.status = TransportStatus.DISCONNECTED
        self.dialog = Dialog(wants, options or Options())
        self.calls = Calls(self.dialog, self.require_connection)
        self.received = 0
        self.malformed = 0
        self.rate_limits: Any = None
        self.fault: TransportError | None = None
        self._told: tuple[str, str] = (self.status.agents, self.status.kernl)
        self._ready = False

    @property
    def effects(self) -> deque[Effect]:
        return self.dialog.effects

    @property
    def connected(self) -> bool:
        return self.status is TransportStatus.CONNECTED

    @property
    def acknowledged(self) -> bool:
        """The session is what we asked for, as far as the service says."""
        return self._ready

    @property
    def rejected(self) -> TransportError | None:
        """Why the service refuses the settings of the session, if it does."""
        return self.fault if self.dialog.session.rejected else None

    @property
    def idle(self) -> bool:
        """Nothing is said, heard or awaited: nobody would notice another session."""
        dialog, uplink = self.dialog, self.dialog.uplink
        spoken = uplink.heard_speech if dialog.session.detects_turns else uplink.appended_ms
        busy = dialog.responses.ongoing or dialog.responses.stalled
        return not (busy or spoken or dialog.is_heard)

    def require_connection(self, what: str) -> None:
        if not self.connected:
            raise NotConnectedError(
                f"cannot {what}: the transport is {self.status.value}. Call connect() first"
            )

    # -- the life of the connection

    def connecting(self, *, continues: bool = False) -> None:
        """An attempt began, for a conversation of its own or for the one that was had last."""
        if not continues:
            self.dialog.history.clear()
        self._become(TransportStatus.CONNECTING)

    def opened(self) -> None:
        """The socket is open: say what the session shall be."""
        self.fault = None
        self._ready = False
        if self.status is TransportStatus.CONNECTING:
            self._become(TransportStatus.CONNECTED)
        self.dialog.heard.shape = self.dialog.session.output_shape
        self.dialog.uplink.shape = self.dialog.session.input_shape
        self.dialog.send(self.dialog.session.opening())

    def ready(self) -> None:
        """The session counts as acknowledged: tell it what was said before."""
        if self._ready:
            return
        self._ready = True
        said = self.dialog.history.replay()
        for event in [*said, CONTINUES] if said else []:
            self.dialog.send(event)
        self._become(TransportStatus.CONNECTED)
        self.dialog.emit(SESSION_READY, self.dialog.session.id)

    def lost(self, status: TransportStatus, fault: TransportError | None = None) -> None:
        """The connection is gone, or was never made.

        Args:
            status: RECONNECTING if there will be another, else DISCONNECTED or CLOSED.
            fault: What to tell listeners of `error`.
        """
        self._fail_turn()
        self._ready = False
        self.dialog.forget()
        if fault is not None:
            self.dialog.emit("error", fault)
        self._become(status)

    def closing(self) -> None:
        """We said goodbye: nothing that still arrives counts."""
        self._ready = False
        self.dialog.forget()
        self._become(TransportStatus.DISCONNECTING)

    def closed(self) -> None:
        """The goodbye is over."""
        self._become(TransportStatus.CLOSED)

    # -- the service

    def receive(self, message: str | bytes) -> None:
        """One message of the service, whatever it holds."""
        kind = event_type(message)
        if kind is None:
            self._garbled()
            return
        self.received += 1
        dialog = self.dialog
        if dialog.wants("*"):
            self._tell_raw(message)
        kind = BETA_NAMES.get(kind, kind)
        if kind == AUDIO_DELTA:
            self._heard(message)
            return
        event = decode(message)
        if event is None:
            self._garbled()
        elif kind == "error":
            self._refused(event)
        else:
            self._happened(kind, {**event, "type": kind})

    def interrupt(self, *, cancel: bool) -> None:
        """End what is heard; without a session, what still plays of the last one."""
        if self.connected:
            self.dialog.interrupt(cancel=cancel)
        elif self.status is TransportStatus.RECONNECTING:
            self.dialog.emit("audio_interrupted", AudioMark(None))
            self.dialog.emit("interrupted")

    def guard(self) -> None:
        """The time of the last StartGuard is over."""
        if self.dialog.guard():
            logger.warning("the service neither began nor refused a reply; asking again")

    def _heard(self, message: str | bytes) -> None:
        """A piece of a reply: it comes often, so it is read no further than somebody wants."""
        dialog = self.dialog
        sound = decode_audio(message)
        if sound is None:
            self._garbled()
            return
        if dialog.wants(AUDIO_DELTA):
            dialog.emit(AUDIO_DELTA, {**(decode(message) or {}), "type": AUDIO_DELTA})
        reply_events.hear(dialog, sound)
        if dialog.wants("event") and not dialog.is_cut(sound.response_id, sound.item_id):
            event = {**(decode(message) or {}), "type": AUDIO_DELTA}
            for said in neutral_events.decode(event):
                dialog.emit_sound("event", said, (sound.response_id, sound.item_id))

    def _happened(self, kind: str, event: Json) -> None:
        dialog = self.dialog
        if "." in kind:  # as all events of the wire; the names of derived events must not be taken
            dialog.emit(kind, event)
        handler = server_events.HANDLERS.get(kind)
        if handler is not None:
            handler(dialog, event)
        if kind == "session.updated" and dialog.session.acknowledged:
            self.ready()
        elif kind == "rate_limits.updated":
            self.rate_limits = event.get("rate_limits")
        elif kind == "response.created":
            self.fault = None
        if dialog.wants("event"):
            for said in neutral_events.decode(event):
                dialog.emit("event", said)
        if kind == "conversation.created" and dialog.session.id is None:
            self._happened("session.created", server_events.session_of(event))

    def _refused(self, event: Json) -> None:
        fault = server_events.refuse(self.dialog, event)
        if fault is None:
            return
        if fault.code in FATAL or self.dialog.session.rejected:
            self.fault = fault
        self.dialog.emit("error", fault)
        if self.dialog.wants("event"):
            for said in neutral_events.decode(event):
                self.dialog.emit("event", said)

    def _garbled(self) -> None:
        self.malformed += 1
        self.dialog.emit("malformed", self.malformed)

    def _tell_raw(self, message: str | bytes) -> None:
        raw = decode(message)
        if raw is not None:
            self.dialog.emit("*", raw)

    def _fail_turn(self) -> None:
        """Tell listeners that the reply in hand will never end properly."""
        responses = self.dialog.responses
        if not self.connected or not responses.ongoing:
            return
        details = {"type": "failed", "reason": "disconnected"}
        failed = Response(responses.active_id, status="failed", status_details=details)
        self.dialog.emit("turn_done", TurnDone(failed))
        said = {"kind": "response.done", "response_id": responses.active_id, "status": "failed"}
        self.dialog.emit("event", said)

    def _become(self, status: TransportStatus) -> None:
        ended = status is TransportStatus.DISCONNECTED and self._told[1] != status.kernl
        self.status = status
        agents = status.agents
        kernl = "closed" if ended else status.kernl  # the other word is for what never was
        if status is TransportStatus.DISCONNECTING:
            agents = "disconnected"  # the SDK says so before the goodbye, not after
        before, self._told = self._told, (agents, kernl)
        if agents != before[0]:
            self.dialog.emit("connection_change", agents)
            if agents in ("connected", "disconnected"):
                self.dialog.emit(agents)
        if kernl != before[1]:
            self.dialog.emit("status", kernl)
