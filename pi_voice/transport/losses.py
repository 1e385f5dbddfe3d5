"""What the end of a connection, or of an attempt, means: for listeners and for the next attempt."""

from __future__ import annotations

from dataclasses import dataclass

from pi_voice.errors import LinkError, RemoteLinkError
from pi_voice.retry import RetryClass, classify
from pi_voice.transport.connection import Closing
from pi_voice.transport.contracts import TransportError

NORMAL = 1000
FINAL = (RetryClass.AUTH, RetryClass.TERMINAL)  # somebody has to act first


@dataclass(frozen=True, slots=True)
class Loss:
    """Why there is no connection.

    Attributes:
        reason: One sentence.
        kind: What that means for the next attempt.
        fault: What listeners of `error` are told; None after a normal end.
    """

    reason: str
    kind: RetryClass
    fault: TransportError | None = None

    @property
    def final(self) -> bool:
        return self.kind in FINAL

    @property
    def retry_after_s(self) -> float | None:
        return None if self.fault is None else self.fault.retry_after_s


EXPIRED = Loss("the session was near its maximum age", RetryClass.EXPIRY)


def refused(error: Exception) -> Loss:
    """An attempt that did not reach a socket."""
    kind = RetryClass.TERMINAL
    if isinstance(error, RemoteLinkError):
        kind = classify(code=error.code, status=error.status)
    words = (
        str(error)
        if isinstance(error, LinkError)
        else f"a fault of the program: {type(error).__name__}"
    )
    fault = TransportError(words, retryable=kind not in FINAL)
    fault.__cause__ = error
    if isinstance(error, RemoteLinkError):
        fault.code, fault.status = error.code, error.status
        fault.retry_after_s = error.retry_after_s
    return Loss(words, kind, fault)


def rejected(fault: TransportError) -> Loss:
    """The service does not want the session that we want."""
    fault.retryable = False
    return Loss(fault.message, RetryClass.TERMINAL, fault)


def ended(closing: Closing | None, told: TransportError | None) -> Loss:
    """A connection that we did not end.

    Args:
        closing: The facts of the socket.
        told: An error of the service that explains it.
    """
    reason = "the connection ended" if closing is None else closing.detail
    code = None if closing is None else closing.code
    kind = classify(code=told.code if told else None, close_code=code)
    if code == NORMAL and told is None:
        return Loss(reason, kind)
    fault = TransportError(
        f"{told.message}; {reason}" if told else reason,
        error=told.error if told else None,
        code=told.code if told else None,
        retryable=kind not in FINAL,
    )
    fault.status = code
    return Loss(reason, kind, fault)
