"""What trouble with the service means: for the next attempt, and for the light on the box."""

from __future__ import annotations

import pytest

from pi_voice.core.events import LinkFault
from pi_voice.retry import RetryClass
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.trouble import Trouble


def error(code: str | None = None, status: int | None = None, **facts: float) -> TransportError:
    made = TransportError("why", code=code)
    made.status = status
    made.retry_after_s = facts.get("retry_after_s")
    return made


@pytest.mark.parametrize(
    ("code", "status", "kind", "fault"),
    [
        (None, None, RetryClass.NETWORK, LinkFault.NETWORK),
        (None, 302, RetryClass.NETWORK, LinkFault.NETWORK),
        (None, 511, RetryClass.NETWORK, LinkFault.NETWORK),
        (None, 500, RetryClass.NETWORK, LinkFault.SERVICE),
        (None, 503, RetryClass.OVERLOAD, LinkFault.SERVICE),
        (None, 429, RetryClass.OVERLOAD, LinkFault.SERVICE),
        (None, 1006, RetryClass.NETWORK, LinkFault.NETWORK),
        (None, 1011, RetryClass.NETWORK, LinkFault.SERVICE),
        (None, 1013, RetryClass.OVERLOAD, LinkFault.SERVICE),
        (None, 401, RetryClass.AUTH, LinkFault.REFUSED),
        (None, 3000, RetryClass.AUTH, LinkFault.REFUSED),
        (None, 404, RetryClass.TERMINAL, LinkFault.CONFIG),
        ("model_not_found", None, RetryClass.TERMINAL, LinkFault.CONFIG),
        ("insufficient_quota", 429, RetryClass.TERMINAL, LinkFault.QUOTA),
        ("billing_hard_limit_reached", None, RetryClass.TERMINAL, LinkFault.QUOTA),
        ("clock", None, RetryClass.NETWORK, LinkFault.CLOCK),
        ("certificate", None, RetryClass.NETWORK, LinkFault.CERTIFICATE),
        ("session_expired", 1001, RetryClass.EXPIRY, LinkFault.NETWORK),
    ],
)
def test_an_error_of_the_transport_is_judged_by_its_facts(
    code: str | None, status: int | None, kind: RetryClass, fault: LinkFault
) -> None:
    assert Trouble.of("why", error(code, status)) == Trouble(kind, fault, "why")


def test_the_judgement_of_the_transport_goes_first() -> None:
    trouble = Trouble.of("why", error(status=1000), RetryClass.OVERLOAD)
    assert (trouble.retry_class, trouble.fault) == (RetryClass.OVERLOAD, LinkFault.SERVICE)


def test_a_loss_without_an_error_is_the_network() -> None:
    trouble = Trouble.of("gone", None, RetryClass.NETWORK)
    assert trouble == Trouble(RetryClass.NETWORK, LinkFault.NETWORK, "gone")


def test_what_cannot_be_tried_again_is_a_matter_of_configuration() -> None:
    made = TransportError("no key", retryable=False)
    assert Trouble.of("no key", made).retry_class is RetryClass.TERMINAL
    assert Trouble.of("no key", made).fault is LinkFault.CONFIG


def test_what_the_service_asked_for_is_kept() -> None:
    assert Trouble.of("busy", error(status=429, retry_after_s=7.0)).retry_after_s == 7.0
