"""Why there is no session: for the pace of the next attempt, and for the person at the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pi_voice.core.events import LinkFault
from pi_voice.retry import RetryClass, classify
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.losses import FINAL

FIRST_CLOSE_CODE = 1000  # below are HTTP statuses
QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
BY_CODE = {"clock": LinkFault.CLOCK, "certificate": LinkFault.CERTIFICATE} | dict.fromkeys(
    QUOTA, LinkFault.QUOTA
)
BY_CLASS = {
    RetryClass.AUTH: LinkFault.REFUSED,
    RetryClass.TERMINAL: LinkFault.CONFIG,
    RetryClass.OVERLOAD: LinkFault.SERVICE,
}
AT_FAULT = frozenset({1011, 1012, 1013})  # the service says itself that it cannot go on


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason.

    Attributes:
        retry_class: The pace of the next attempt.
        fault: What it means to the person at the box.
        reason: One sentence for the operator.
        retry_after_s: What the service asked for, if it did.
    """

    retry_class: RetryClass
    fault: LinkFault
    reason: str
    retry_after_s: float | None = None

    @classmethod
    def of(
        cls, reason: str, error: Exception | None = None, retry_class: RetryClass | None = None
    ) -> Self:
        """Judge the end of a session, or of an attempt.

        Args:
            reason: One sentence.
            error: What the transport raised or told, if it did.
            retry_class: The transport's own judgement, if it has one.
        """
        if not isinstance(error, TransportError):
            kind = retry_class or RetryClass.NETWORK
            return cls(kind, BY_CLASS.get(kind, LinkFault.NETWORK), reason)
        kind = retry_class or _judge(error)
        fault = BY_CODE.get(error.code or "") or BY_CLASS.get(kind)
        if fault is None:
            fault = LinkFault.SERVICE if _is_theirs(error.status) else LinkFault.NETWORK
        return cls(kind, fault, reason, error.retry_after_s)


def _judge(error: TransportError) -> RetryClass:
    status = error.status or 0
    kind = (
        classify(code=error.code, close_code=status)
        if status >= FIRST_CLOSE_CODE
        else classify(code=error.code, status=error.status)
    )
    return kind if error.retryable or kind in FINAL else RetryClass.TERMINAL


def _is_theirs(status: int | None) -> bool:
    return status is not None and (500 <= status < 511 or status in AT_FAULT)
