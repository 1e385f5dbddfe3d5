"""The transport layer."""

from msgspec import UNSET

from pi_voice.transport.contracts import (
    AlreadyConnectedError,
    NotConnectedError,
    RealtimeConnection,
    RealtimeTransportLayer,
    TransportError,
    TransportStatus,
)
from pi_voice.transport.layer import WebSocketTransport

__all__ = [
    "UNSET",
    "AlreadyConnectedError",
    "NotConnectedError",
    "RealtimeConnection",
    "RealtimeTransportLayer",
    "TransportError",
    "TransportStatus",
    "WebSocketTransport",
]
