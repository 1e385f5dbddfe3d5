"""What an operator reads when there is no connection: the fact, and what to do."""

from __future__ import annotations

import ssl
from errno import ECONNREFUSED, ECONNRESET, ENETUNREACH
from socket import EAI_NONAME, gaierror

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)
from websockets.http11 import Response

from pi_voice.errors import LocalLinkError, RemoteLinkError
from pi_voice.transport.refusal import hiding, refusal

WHERE = "api.example:443"


def refused(status: int, body: bytes = b"", **headers: str) -> RemoteLinkError:
    sent = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    error = refusal(InvalidStatus(Response(status, "", sent, body)), WHERE)
    assert isinstance(error, RemoteLinkError)
    return error


@pytest.mark.parametrize(
    ("status", "text", "retryable"),
    [
        (
            401,
            "the service refused the key (401). Put a valid key into /etc/pi-voice/api_key",
            False,
        ),
        (
            403,
            "the service refused the key (403). Put a valid key into /etc/pi-voice/api_key",
            False,
        ),
        (404, "the service refused the session (404). Check [service] model and url", False),
        (400, "the service refused the session (400). Check [service] model and url", False),
        (429, "the service has trouble or is busy (429). Nothing to do: it is tried again", True),
        (500, "the service has trouble or is busy (500). Nothing to do: it is tried again", True),
        (503, "the service has trouble or is busy (503). Nothing to do: it is tried again", True),
    ],
)
def test_a_refused_handshake_is_told_with_its_fix(
    status: int, text: str, *, retryable: bool
) -> None:
    error = refused(status)
    assert (str(error), error.status, error.retryable) == (text, status, retryable)
    assert error.retry_after_s is None


@pytest.mark.parametrize("status", [200, 302, 307, 511])
def test_a_stranger_in_place_of_the_service_is_asked_again_in_half_a_minute(status: int) -> None:
    error = refused(status, b"<html>Welcome to the hotel</html>", Location="https://login.example/")
    assert str(error) == (
        f"the network answers in place of {WHERE} ({status}). If it wants a login, open any web"
        " page on it; else check [service] url"
    )
    assert (error.retryable, error.retry_after_s) == (True, 30.0)


def test_a_service_that_asks_for_patience_gets_it() -> None:
    assert refused(429, Retry_After="7").retry_after_s == 7.0
    assert refused(503, Retry_After="0").retry_after_s == 0.0


def test_a_date_to_come_back_at_counts_from_the_clock_of_the_service() -> None:
    today, later = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:51:37 GMT"
    assert refused(503, Retry_After=later, Date=today).retry_after_s == 120.0
    assert refused(503, Retry_After=today, Date=later).retry_after_s == 0.0


@pytest.mark.parametrize("value", ["", "soon", "-1", "7.5", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_patience_that_nobody_understands_is_ignored(value: str) -> None:
    assert refused(503, Retry_After=value).retry_after_s is None


def test_an_empty_account_is_no_matter_of_patience() -> None:
    error = refused(429, b'{"error": {"code": "insufficient_quota", "message": "sk-secret"}}')
    assert (error.code, error.retryable) == ("insufficient_quota", False)
    assert str(error) == (
        "the account has no credit left (429 insufficient_quota). Check its plan and billing"
    )


def test_an_unknown_model_is_named_as_the_service_names_it() -> None:
    error = refused(404, b'{"error": {"code": "model_not_found"}}')
    assert str(error) == (
        "the service refused the session (404 model_not_found). Check [service] model and url"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error": 7}',
        b'{"error": {"code": 7}}',
        b"\xff",
        b"[" * 99999,
    ]
    + [b'{"error": {"code": "key sk-secret"}}', b'{"error": {"code": "' + b"x" * 70000 + b'"}}'],
)
def test_a_body_that_says_nothing_is_ignored(body: bytes) -> None:
    error = refused(500, body)
    assert (error.code, error.retryable) == (None, True)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            gaierror(EAI_NONAME, "unknown"),
            "cannot find 'api.example' on the network. Check the internet connection and its DNS",
        ),
        (TimeoutError(), f"no answer from {WHERE} in time. Check the internet connection"),
        (
            OSError(ECONNREFUSED, "refused"),
            f"nothing listens at {WHERE}. Check [service] url, and that the service runs",
        ),
        (
            OSError(ENETUNREACH, "none"),
            f"there is no way to {WHERE}. Check the internet connection",
        ),
        (
            OSError(ECONNRESET, "reset"),
            f"the connection to {WHERE} broke (ConnectionResetError). Check the network",
        ),
        (
            InvalidMessage("garbage"),
            f"what answers at {WHERE} does not speak WebSocket. Check [service] url",
        ),
        (ProxyError("x"), f"the proxy on the way to {WHERE} does not work. Check https_proxy"),
        (
            InvalidProxyStatus(Response(407, "", Headers())),
            "the proxy refused to connect (407). Check https_proxy and its password",
        ),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            f"cannot agree on TLS with {WHERE}. Check [service] url",
        ),
    ],
)
def test_every_other_failure_is_the_way_there_and_tried_again(error: Exception, text: str) -> None:
    told = refusal(error, WHERE)
    assert str(told) == text
    assert isinstance(told, RemoteLinkError)
    assert told.retryable


def test_an_error_of_ours_is_left_as_it_is() -> None:
    ours = LocalLinkError("ours")
    assert refusal(ours, WHERE) is ours


def test_credentials_are_taken_out_of_any_text() -> None:
    hidden = hiding(
        {
            "Authorization": "Bearer sk-1234567",
            "API-Key": "k-7654321",
            "X-Fleet-Token": "t-7654321",
            "X-Box": "kitchen",
        }
    )
    assert hidden("Bearer sk-1234567, k-7654321, t-7654321, kitchen") == "Bearer …, …, …, kitchen"
