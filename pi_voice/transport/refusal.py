"""Why a connection could not be opened, as one sentence that ends in what to do."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH

from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)
from websockets.http11 import Response

from pi_voice.errors import LinkError, RemoteLinkError
from pi_voice.retry import RetryClass, classify

# What answers in place of the service wants a login or a correct clock: a person, not haste.
STRANGER_RETRY_S = 30.0
ERROR_BODY_BYTES = 65_536  # a gateway may answer with a page of its own
NOT_YET_VALID, EXPIRED = 9, 10  # X509_V_ERR_* of OpenSSL's x509_vfy.h
HOST_MISMATCHES = (62, 64)  # the name, the address
KEY_FILE = "/etc/pi-voice/api_key"
SECRETS = re.compile("auth|key|token|secret|cookie|password|signature", re.IGNORECASE)


def hiding(headers: Mapping[str, str]) -> Callable[[str], str]:
    """Make a function that takes out of a text what headers of a secret name hold."""
    secrets = [
        word
        for name, value in headers.items()
        if SECRETS.search(name)
        for word in value.split()
        if len(word) > len("Bearer")
    ]

    def hidden(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "…")
        return text

    return hidden


def refusal(error: Exception, where: str) -> LinkError:
    """Translate what went wrong while connecting.

    Args:
        error: Raised by the resolver, the socket, TLS or the WebSocket handshake.
        where: Host and port, for the operator; never a URL, which may carry a secret.
    """
    if isinstance(error, LinkError):
        return error
    if isinstance(error, InvalidProxyStatus):
        return _refused_by_proxy(error.response)
    if isinstance(error, InvalidStatus):
        return _refused(error.response, where)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrusted(error, where)
    return RemoteLinkError(_broken(error, where), retryable=True)


def _broken(error: Exception, where: str) -> str:
    if isinstance(error, socket.gaierror):
        name = where.rpartition(":")[0]
        return f"cannot find {name!r} on the network. Check the internet connection and its DNS"
    if isinstance(error, TimeoutError):
        return f"no answer from {where} in time. Check the internet connection"
    if isinstance(error, ProxyError):
        return f"the proxy on the way to {where} does not work. Check https_proxy"
    if isinstance(error, InvalidMessage | InvalidHandshake):
        return f"what answers at {where} does not speak WebSocket. Check [service] url"
    if isinstance(error, ssl.SSLError):
        return f"cannot agree on TLS with {where}. Check [service] url"
    code = error.errno if isinstance(error, OSError) else None
    if code == ECONNREFUSED:
        return f"nothing listens at {where}. Check [service] url, and that the service runs"
    if code in (ENETUNREACH, EHOSTUNREACH):
        return f"there is no way to {where}. Check the internet connection"
    return f"the connection to {where} broke ({type(error).__name__}). Check the network"


def _refused(response: Response, where: str) -> RemoteLinkError:
    status, code = response.status_code, _error_code(response)
    trouble = classify(code=code, status=status)
    name = f"{status} {code}" if code else f"{status}"
    wait_s = _retry_after_s(response.headers)
    if trouble is RetryClass.AUTH:
        message = f"the service refused the key ({name}). Put a valid key into {KEY_FILE}"
    elif trouble is RetryClass.TERMINAL and status != 429:
        message = f"the service refused the session ({name}). Check [service] model and url"
    elif trouble is RetryClass.TERMINAL:
        message = f"the account has no credit left ({name}). Check its plan and billing"
    elif status < 400 or status == 511:
        wait_s = wait_s or STRANGER_RETRY_S
        message = (
            f"the network answers in place of {where} ({status}). If it wants a login, open any"
            " web page on it; else check [service] url"
        )
    else:
        message = f"the service has trouble or is busy ({status}). Nothing to do: it is tried again"
    retryable = trouble not in (RetryClass.AUTH, RetryClass.TERMINAL)
    return RemoteLinkError(
        message, retryable=retryable, status=status, retry_after_s=wait_s, code=code
    )


def _refused_by_proxy(response: Response) -> RemoteLinkError:
    status = response.status_code
    return RemoteLinkError(
        f"the proxy refused to connect ({status}). Check https_proxy and its password",
        retryable=True,
        status=status,
        retry_after_s=STRANGER_RETRY_S,
    )


def _distrusted(error: ssl.SSLCertVerificationError, where: str) -> RemoteLinkError:
    number = error.verify_code
    if number in (NOT_YET_VALID, EXPIRED):
        kind, code = ("not yet valid" if number == NOT_YET_VALID else "expired"), "clock"
        fix = "Check the clock of this device: timedatectl"
    elif number in HOST_MISMATCHES:
        kind, code = "for another name", "certificate"
        fix = "If this network wants a login, open any web page on it; else check [service] url"
    else:
        kind, code = f"not trusted ({error.verify_message})", "certificate"
        fix = "If this network inspects TLS, install its CA certificate: update-ca-certificates"
    return RemoteLinkError(
        f"the certificate of {where} is {kind}. {fix}",
        retryable=True,
        retry_after_s=STRANGER_RETRY_S,
        code=code,
    )


def _error_code(response: Response) -> str | None:
    """Find the name of the error in the body; a gateway's page has none."""
    try:
        body = json.loads((response.body or b"")[:ERROR_BODY_BYTES])
        code = body["error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    # Only names: a message in this place could repeat the key.
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,64}", code) else None


def _retry_after_s(headers: Headers) -> float | None:
    """Read Retry-After, in seconds or as a date, which counts from the service's own clock."""
    value = next(iter(headers.get_all("Retry-After")), "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        now = parsedate_to_datetime(next(iter(headers.get_all("Date")), ""))
        wait = parsedate_to_datetime(value) - now
    except (ValueError, TypeError):
        return None
    return max(wait.total_seconds(), 0.0)
