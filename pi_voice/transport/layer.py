"""Both contracts in one class, on one WebSocket."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import UNSET, UnsetType

from pi_voice.retry import Pace
from pi_voice.transport.auth import ApiKey
from pi_voice.transport.contracts import (
    RealtimeConnection,
    RealtimeTransportLayer,
    Reconnect,
    TransportError,
    TransportStatus,
)
from pi_voice.transport.dialog import Options
from pi_voice.transport.emitter import EventEmitter
from pi_voice.transport.heard import PlaybackTracker
from pi_voice.transport.performer import Performer
from pi_voice.transport.protocol import RealtimeProtocol
from pi_voice.transport.session import DEFAULT_MODEL
from pi_voice.transport.supervisor import Plan, Supervisor
from pi_voice.transport.talk import Config, Talk

DEFAULT_URL = "wss://api.openai.com/v1/realtime"
CREDENTIALS = frozenset({"authorization", "api-key"})


class WebSocketTransport(EventEmitter, Talk):
    """`RealtimeTransportLayer` of the Agents SDK and `RealtimeConnection` of kernl.

    Every call but `connect`, `aclose` and `drain` returns at once and belongs to the event loop;
    other threads go through `loop.call_soon_threadsafe`. Calls that need a connection raise
    NotConnectedError without one; `send_audio` returns False instead; `mute`, `unmute`,
    `interrupt` and `close` always work.

    Args:
        url: The service; the model is added to its query if it names none. None is OpenAI's.
        model: None is the Agents SDK's default.
        api_key: A key, a function that gives one, or how to fetch one; asked at every attempt.
        headers: Sent with every handshake; credentials among them replace the key.
        reconnect: None or False ends with the connection; True connects again for ever, at the
            pace of `retry.Pace`; or an object that knows the pace.
        retrieve_items: Fetch items again after transcription and truncation, sound included.
        can_cancel: The service knows `response.cancel`.
        can_truncate: The service knows `conversation.item.truncate`.
        activity_turns: In push-to-talk sessions, kernl's activity events start and end turns.
    """

    def __init__(
        self,
        url: str | None = None,
        model: str | None = None,
        api_key: ApiKey | None = None,
        headers: Mapping[str, str] | None = None,
        reconnect: bool | Reconnect | None = None,
        *,
        retrieve_items: bool = False,
        can_cancel: bool = True,
        can_truncate: bool = True,
        activity_turns: bool = False,
    ) -> None:
        EventEmitter.__init__(self)
        self._url = url
        self._verbatim = False  # a URL of `connect` is used as it is
        self._model = model or DEFAULT_MODEL
        self._key = api_key
        self._headers = dict(headers or {})
        options = Options(
            can_cancel=can_cancel,
            can_truncate=can_truncate,
            retrieve_items=retrieve_items,
            activity_turns=activity_turns,
        )
        protocol = RealtimeProtocol(self.has_listeners, options)
        performer = Performer(protocol, self)
        Talk.__init__(self, protocol, performer.perform)
        pace = Pace(random.random) if reconnect is True else reconnect or None
        self._supervisor = Supervisor(protocol, performer, pace)

    def __repr__(self) -> str:
        return f"<WebSocketTransport {self.status.value}, model {self._model!r}>"

    # -- the connection

    async def connect(
        self,
        *,
        api_key: ApiKey | UnsetType | None = UNSET,
        model: str | None = None,
        url: str | None = None,
        call_id: str | None = None,
        initial_session_config: Config | None = None,
        headers: Mapping[str, str] | None = None,
        continues: bool = False,
    ) -> None:
        """Connect and open a session; seed: `connect(options)` of both.

        Returns when the service confirmed the session's settings (or 5 s later, with a warning).
        Only what comes after that is repaired by `reconnect`: this attempt is made once. What is
        not given is as in the constructor or the last `connect` that came about.

        Args:
            api_key: As in the constructor.
            model: As in the constructor.
            url: Used as it is, and for later connections too.
            call_id: Join a call that exists; replaces the model in the address.
            initial_session_config: Laid over the Agents SDK's default profile; UNSET and absent
                keep the profile's value, None is null on the wire.
            headers: Further headers of this attempt and its reconnects.
            continues: Tell the session what was said in the one before, as after a reconnect.

        Raises:
            AlreadyConnectedError: There is a connection, or one is being made.
            TransportError: There was no key, no way, or the service refused.
            TypeError: The settings hold something that JSON cannot say.
        """
        self._supervisor.require_rest()
        before = (self._url, self._verbatim, self._model, self._key)
        key = self._key if api_key is UNSET else api_key
        every_header = self._headers | dict(headers or {})
        if key is None and not CREDENTIALS & {name.lower() for name in every_header}:
            raise TransportError("no API key; give connect(api_key=…) one", retryable=False)
        config = initial_session_config or {}
        wanted = model or config.get("model") or None
        chosen = wanted or self._model
        self._protocol.dialog.session.begin(
            config,
            model=wanted if call_id else chosen,
            attached=call_id is not None,
        )
        if url is not None:
            self._url, self._verbatim = url, True
        self._model, self._key = chosen, key

        def undo() -> None:
            self._url, self._verbatim, self._model, self._key = before

        address = self._address(call_id)
        await self._supervisor.connect(Plan(address, key, every_header, undo, continues))

    def close(self) -> None:
        """End the connection, or the attempt; seed: `close()` of both. Safe to call twice."""
        self._supervisor.close()

    async def aclose(self) -> None:
        """`close`, then wait for the goodbye (2 s at most) and for every task of ours."""
        await self._supervisor.aclose()
        await self.join()

    async def drain(self) -> None:
        """Wait until everything that was sent has left, or the connection ended."""
        await self._supervisor.drain()

    def retry_now(self) -> None:
        """The network changed: begin again what waits, and do not trust what seems to live."""
        self._supervisor.retry_now()

    # -- what is the case

    @property
    def status(self) -> TransportStatus:
        """The union of both seeds' states; seed: `status` of both."""
        return self._protocol.status

    @property
    def connection_status(self) -> str:
        """`status` in the Agents SDK's words."""
        return self._protocol.status.agents

    @property
    def session_id(self) -> str | None:
        """The service's name of the session; seed: kernl's `sessionId`."""
        return self._protocol.dialog.session.id

    @property
    def provider_metadata(self) -> dict[str, Any]:
        """What the service said about the session; seed: kernl's `providerMetadata`."""
        session = self._protocol.dialog.session
        return {
            "openai": {
                "model": self._model,
                "session": session.effective,
                "expires_at": session.expires_at_s,
                "rate_limits": self._protocol.rate_limits,
            }
        }

    @property
    def current_model(self) -> str:
        """The model of this connection or the next; seed: the Agents SDK's `currentModel`."""
        return self._model

    @current_model.setter
    def current_model(self, model: str) -> None:
        self._model = model

    @property
    def playback(self) -> PlaybackTracker:
        """Tell it what left the speaker: interruptions truncate there."""
        return self._protocol.dialog.heard

    @property
    def appended_ms(self) -> float:
        """Sound sent since the last commit or clear, in ms; below 100 a commit is refused."""
        return self._protocol.dialog.uplink.appended_ms

    @property
    def dropped_ms(self) -> float:
        """Sound that was given to us and did not reach the service, in ms: muted, no link, slow."""
        return self._protocol.dialog.uplink.dropped_ms + self._supervisor.dropped_ms

    def probe(self) -> None:
        """Find out soon whether the connection still lives; `silent_s` shows it."""
        self._supervisor.probe()

    @property
    def silent_s(self) -> float:
        """Since when not one byte came from the service; infinite without a connection."""
        return self._supervisor.silent_s

    @property
    def received(self) -> int:
        """Events of the service, known or not, over all connections."""
        return self._protocol.received

    @property
    def malformed(self) -> int:
        """Messages of the service that were no events."""
        return self._protocol.malformed

    @property
    def interrupt_on_speech(self) -> bool | None:
        """Whether speech that the service hears ends what is heard; None follows its settings."""
        return self._protocol.dialog.interrupt_on_speech

    @interrupt_on_speech.setter
    def interrupt_on_speech(self, wanted: bool | None) -> None:
        self._protocol.dialog.interrupt_on_speech = wanted

    def _address(self, call_id: str | None) -> str:
        base = self._url or DEFAULT_URL
        if call_id is not None:
            return _with_field(base, "call_id", call_id)
        return base if self._verbatim else _with_field(base, "model", self._model)


def _with_field(url: str, name: str, value: str) -> str:
    """`url` with a field added to its query; one that is there stays."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # no URL at all; whoever connects says what is wrong with it
    if any(key == name for key, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return url
    added = urlencode({name: value})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


if TYPE_CHECKING:
    _as_layer: RealtimeTransportLayer = WebSocketTransport()
    _as_connection: RealtimeConnection = WebSocketTransport()
