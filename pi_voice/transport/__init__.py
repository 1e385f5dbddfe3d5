"""The transport layer."""

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
    "AlreadyConnectedError",
    "NotConnectedError",
    "RealtimeConnection",
    "RealtimeTransportLayer",
    "TransportError",
    "TransportStatus",
    "WebSocketTransport",
]
