"""What a realtime transport promises: the two contracts, their words for its state, its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol, Self

from pi_voice.errors import LinkError, LocalLinkError
from pi_voice.retry import RetryClass

WireEvent = Mapping[str, Any]  # JSON of the service: its shape is theirs, not ours
Listener = Callable[..., object]


class TransportStatus(StrEnum):
    """Every state of both contracts. The Agents SDK and kernl each speak a part of it."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"

    @property
    def agents(self) -> str:
        """The Agents SDK's word."""
        return _AGENTS_WORDS.get(self, self.value)

    @property
    def kernl(self) -> str:
        """The word of kernl; a connection that is closing still counts as connected there."""
        return "connected" if self is TransportStatus.DISCONNECTING else self.value


_AGENTS_WORDS = {
    TransportStatus.RECONNECTING: "connecting",
    TransportStatus.CLOSED: "disconnected",
}


class TransportError(LinkError):
    """Something went wrong between us and the service; also the payload of the `error` event.

    Attributes:
        type: Always "error", as in the Agents SDK's payload.
        error: The whole error event of the service, where there was one, else None.
        code: The service's name of the error, if it gave one.
        event_id: Our client event that the service refused, if it said which.
        retryable: True if the same attempt may succeed later.
        status: The HTTP status or close code that ended the attempt, if any.
        retry_after_s: How long the service asked us to wait, if it did.
    """

    type = "error"

    def __init__(
        self,
        message: str,
        *,
        error: WireEvent | None = None,
        code: str | None = None,
        event_id: str | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.code = code
        self.event_id = event_id
        self.retryable = retryable
        self.status: int | None = None
        self.retry_after_s: float | None = None


class NotConnectedError(TransportError, LocalLinkError):
    """A call that needs a connection was made without one; connect first."""


class AlreadyConnectedError(TransportError, LocalLinkError):
    """`connect` was called while there is a connection, or one is being made."""

    def __init__(self) -> None:
        super().__init__("the transport is already connected or connecting; call close() first")


class Reconnect(Protocol):
    """When to connect again after a connection was lost; `retry.Pace` is the usual one.

    All times are seconds of the event loop's clock.
    """

    def session_began(self, now_s: float) -> None: ...

    def session_ended(self, now_s: float) -> None: ...

    def open_timeout_s(self, now_s: float) -> float: ...

    def link_up(self, now_s: float) -> float | None: ...

    def next_delay_s(
        self, trouble: RetryClass, now_s: float, *, retry_after_s: float | None = None
    ) -> float: ...


class Emitter(Protocol):
    """The part that both contracts share: named events with listeners."""

    def on(self, event: str, listener: Listener, /) -> Self: ...

    def off(self, event: str, listener: Listener, /) -> Self: ...

    def once(self, event: str, listener: Listener, /) -> Self: ...

    def emit(self, event: str, /, *args: Any) -> bool: ...


class RealtimeTransportLayer(Emitter, Protocol):
    """`RealtimeTransportLayer` of the OpenAI Agents SDK, in Python."""

    @property
    def status(self) -> str: ...

    @property
    def muted(self) -> bool | None: ...

    async def connect(
        self,
        *,
        api_key: Any = None,
        model: str | None = None,
        url: str | None = None,
        call_id: str | None = None,
        initial_session_config: Mapping[str, Any] | None = None,
    ) -> None: ...

    def close(self) -> None: ...

    def mute(self, muted: bool, /) -> None: ...

    def send_event(self, event: WireEvent, /) -> None: ...

    def request_response(self, response: Mapping[str, Any] | None = None) -> None: ...

    def send_message(
        self,
        message: str | Mapping[str, Any],
        other_event_data: Mapping[str, Any] | None = None,
        *,
        trigger_response: bool = True,
    ) -> None: ...

    def add_image(self, data_url: str, *, trigger_response: bool = True) -> None: ...

    def send_audio(self, pcm: bytes, *, commit: bool = False) -> object: ...

    def update_session_config(self, config: Mapping[str, Any], /) -> None: ...

    def send_function_call_output(
        self, tool_call: Any, output: str, start_response: bool = True
    ) -> None: ...

    def send_mcp_response(
        self, approval_request: Any, approved: bool, reason: str | None = None
    ) -> None: ...

    def reset_history(self, old: Any, new: Any) -> None: ...

    def interrupt(self, cancel_ongoing_response: bool = True) -> None: ...


class RealtimeConnection(Emitter, Protocol):
    """`RealtimeConnection` of kernl, in Python."""

    @property
    def status(self) -> str: ...

    @property
    def muted(self) -> bool | None: ...

    @property
    def session_id(self) -> str | None: ...

    @property
    def provider_metadata(self) -> Mapping[str, Any] | None: ...

    def send(self, event: Mapping[str, Any], /) -> object: ...

    def close(self) -> None: ...

    def mute(self) -> None: ...

    def unmute(self) -> None: ...

    def interrupt(self) -> None: ...
