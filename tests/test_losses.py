"""What the end of a connection means."""

from __future__ import annotations

import pytest

from pi_voice.errors import LocalLinkError, RemoteLinkError
from pi_voice.retry import RetryClass
from pi_voice.transport.connection import Closing
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.losses import EXPIRED, ended, refused, rejected


def closing(code: int | None) -> Closing:
    return Closing(code, "", ours=False, detail="the service closed the connection")


@pytest.mark.parametrize(
    ("status", "code", "kind", "final"),
    [
        (401, None, RetryClass.AUTH, True),
        (429, "insufficient_quota", RetryClass.TERMINAL, True),
        (429, "rate_limit_exceeded", RetryClass.OVERLOAD, False),
        (404, None, RetryClass.TERMINAL, True),
        (502, None, RetryClass.NETWORK, False),
        (None, None, RetryClass.NETWORK, False),
    ],
)
def test_a_refusal_tells_whether_to_try_again(
    status: int | None, code: str | None, kind: RetryClass, final: bool
) -> None:
    error = RemoteLinkError("no", retryable=True, status=status, code=code, retry_after_s=7.0)
    loss = refused(error)
    assert (loss.kind, loss.final, loss.reason) == (kind, final, "no")
    assert loss.retry_after_s == 7.0
    assert loss.fault is not None
    assert (loss.fault.status, loss.fault.code) == (status, code)
    assert loss.fault.retryable is not final
    assert loss.fault.__cause__ is error


def test_what_we_did_wrong_ourselves_is_final() -> None:
    assert refused(LocalLinkError("bad url")).final


def test_a_fault_of_ours_is_final_and_shows_no_secret() -> None:
    loss = refused(ValueError("sk-secret"))
    assert loss.final
    assert loss.reason == "a fault of the program: ValueError"


@pytest.mark.parametrize(
    ("code", "kind", "is_fault"),
    [
        (1000, RetryClass.NETWORK, False),
        (1001, RetryClass.NETWORK, True),
        (1005, RetryClass.NETWORK, True),
        (None, RetryClass.NETWORK, True),
        (1008, RetryClass.OVERLOAD, True),
        (1013, RetryClass.OVERLOAD, True),
        (3000, RetryClass.AUTH, True),
    ],
)
def test_a_close_code_is_a_fact_and_never_success(
    code: int | None, kind: RetryClass, is_fault: bool
) -> None:
    loss = ended(closing(code), None)
    assert loss.kind is kind
    assert (loss.fault is not None) is is_fault
    if loss.fault is not None:
        assert loss.fault.status == code


def test_an_error_before_the_close_explains_it() -> None:
    told = TransportError("60 minutes are over", error={"type": "error"}, code="session_expired")
    loss = ended(closing(1001), told)
    assert loss.kind is RetryClass.EXPIRY
    assert loss.fault is not None
    assert str(loss.fault).startswith("60 minutes are over; the service closed")
    assert (loss.fault.code, loss.fault.error) == ("session_expired", {"type": "error"})


def test_a_normal_close_after_a_fatal_error_is_still_one() -> None:
    told = TransportError("pay", code="insufficient_quota")
    loss = ended(closing(1000), told)
    assert loss.final
    assert loss.fault is not None


def test_an_end_without_facts_is_one_of_the_network() -> None:
    assert ended(None, None).kind is RetryClass.NETWORK


def test_a_session_that_is_not_wanted_is_final() -> None:
    fault = TransportError("no such voice")
    loss = rejected(fault)
    assert loss.final
    assert loss.fault is fault
    assert not fault.retryable


def test_old_age_is_no_fault() -> None:
    assert EXPIRED.fault is None
    assert EXPIRED.retry_after_s is None
    assert not EXPIRED.final
