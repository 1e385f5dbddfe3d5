"""Where the key comes from, and how it is shown to the service; it appears in no text of ours."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import inspect
import json
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pi_voice.errors import LinkError, LocalLinkError, RemoteLinkError
from pi_voice.retry import RetryClass, classify
from pi_voice.transport.target import is_loopback
from pi_voice.transport.websocket import in_daemon_thread

TIMEOUT_S = 10.0
ANSWER_BYTES = 65_536  # a key is below 1 kB; what is larger is a page for people
UNAVAILABLE = "token_unavailable"


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """A program that prints a short-lived key: one line, or JSON `{"value": "…"}`.

    Attributes:
        argv: The program and its arguments; no shell reads them.
        timeout_s: How long it may take before it is killed.
    """

    argv: tuple[str, ...] = field(repr=False)
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class TokenUrl:
    """An HTTPS address that answers with a short-lived key: one line, or JSON `{"value": "…"}`.

    Attributes:
        url: https://, or http:// to this machine.
        method: POST or GET.
        headers: What authenticates this device there.
        body: Sent with POST, as JSON.
        timeout_s: How long it may take.
    """

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_s: float = TIMEOUT_S


ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]] | TokenCommand | TokenUrl


async def resolve_key(key: ApiKey) -> str:
    """Get the key of this attempt; call it again for the next one, short-lived keys run out.

    Raises:
        LocalLinkError: What came cannot be a key.
        RemoteLinkError: The program or the address did not give one.
    """
    if isinstance(key, str):
        return _checked(key, "the key")
    if isinstance(key, TokenCommand):
        return _value(await _run(key), f"the token command {_name(key)!r}")
    if isinstance(key, TokenUrl):
        return _value(await _fetch(key), f"the token address {_host(key)!r}")
    return _checked(await _call(key), "the key function")


def auth_headers(key: str | None, extra: Mapping[str, str] | None) -> dict[str, str]:
    """Build the headers of a handshake.

    Args:
        key: Sent as a bearer token, unless `extra` has credentials of its own.
        extra: Further headers; `Authorization` or `api-key` among them replaces the key.

    Raises:
        LocalLinkError: A header could not be sent as it is.
    """
    headers = dict(extra or {})
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()) or not name.replace("-", "").isalnum():
            raise LocalLinkError(
                f"the header {name!r} has characters that HTTP cannot send. Check [service] headers"
            )
    own = {name.lower() for name in headers}
    if key is not None and not own & {"authorization", "api-key"}:
        headers["Authorization"] = f"Bearer {_checked(key, 'the key')}"
    return headers


async def _call(key: Callable[[], str] | Callable[[], Awaitable[str]]) -> object:
    try:
        value = key()
        return await value if inspect.isawaitable(value) else value
    except LinkError:
        raise
    except (Exception, asyncio.CancelledError) as error:  # a program's function may raise anything
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Its words could repeat the key. Without a network it cannot be had, and later it can.
        code = None if isinstance(error, OSError) else UNAVAILABLE
        reason = f"no key: {type(error).__name__} in the key function"
        raise RemoteLinkError(reason, retryable=True, code=code) from error


def _checked(value: object, source: str) -> str:
    """Accept what can stand in a header; a file's last line break is no part of a key."""
    key = value.strip() if isinstance(value, str) else ""
    if not key:
        raise LocalLinkError(f"{source} is empty. Put a key into /etc/pi-voice/api_key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise LocalLinkError(
            f"{source} has spaces, line breaks or characters beyond ASCII. Copy it once more"
        )
    return key


def _value(answer: bytes, source: str) -> str:
    """Take the key out of an answer: JSON with a value, or one line."""
    try:
        text = answer.decode()
        value = json.loads(text)["value"] if text.lstrip().startswith("{") else text
        key = _checked(value, source)
        if "<" in key:  # a web page without a space in its first line, not a key
            raise ValueError
        return key
    except (ValueError, KeyError, TypeError, RecursionError, LocalLinkError):
        raise RemoteLinkError(
            f'{source} gave no key. It must print one line, or JSON like {{"value": "ek_…"}}',
            retryable=True,
            code=UNAVAILABLE,
        ) from None


def _name(command: TokenCommand) -> str:
    return command.argv[0] if command.argv else ""


def _host(address: TokenUrl) -> str:
    return urlsplit(address.url).hostname or ""


async def _run(command: TokenCommand) -> bytes:
    def failed(how: str) -> RemoteLinkError:
        fix = "Run it by hand as the user pi-voice"
        text = f"the token command {_name(command)!r} {how}. {fix}"
        return RemoteLinkError(text, retryable=True, code=UNAVAILABLE)

    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # it may repeat the key
            start_new_session=True,  # so that its children end with it
            limit=ANSWER_BYTES,
        )
    except (OSError, ValueError, TypeError) as error:
        raise failed(f"cannot be started ({type(error).__name__})") from None
    try:
        async with asyncio.timeout(command.timeout_s):
            answer = await _read_all(process)
            if len(answer) > ANSWER_BYTES:
                raise failed(f"printed more than {ANSWER_BYTES >> 10} kB")
            status = await process.wait()
    except TimeoutError:
        raise failed(f"took longer than {command.timeout_s:g} s") from None
    finally:
        await _end(process)
    if status:
        raise failed(f"failed with exit status {status}")
    return answer


async def _read_all(process: asyncio.subprocess.Process) -> bytes:
    """Read to the end, or one byte more than is allowed."""
    assert process.stdout is not None
    try:
        return await process.stdout.readexactly(ANSWER_BYTES + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it unless it is done, and its children too: they hold its output open."""
    assert process.stdout is not None
    if process.returncode is None or not process.stdout.at_eof():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def _fetch(address: TokenUrl) -> bytes:
    parts = urlsplit(address.url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise LocalLinkError(f"the token address {host!r} must begin with https://")
    try:
        async with asyncio.timeout(address.timeout_s):
            status, answer = await in_daemon_thread(lambda: _request(address))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RemoteLinkError(
            f"the token address {host!r} cannot be reached ({type(error).__name__})."
            " Check the internet connection",
            retryable=True,
        ) from None
    trouble = classify(status=status)
    if status != 200 or len(answer) > ANSWER_BYTES:
        raise RemoteLinkError(
            f"the token address {host!r} gave no key (HTTP {status}). Ask whoever runs it",
            retryable=trouble not in (RetryClass.AUTH, RetryClass.TERMINAL),
            status=status,
            code=UNAVAILABLE if trouble is RetryClass.NETWORK else None,
        )
    return answer


def _request(address: TokenUrl) -> tuple[int, bytes]:
    """Ask once, blocking; no redirect is followed, the credentials are for this host alone."""
    parts = urlsplit(address.url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            host, port, timeout=address.timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=address.timeout_s)
    try:
        path = parts.path or "/"
        headers = {"Content-Type": "application/json", **address.headers}
        connection.request(
            address.method,
            f"{path}?{parts.query}" if parts.query else path,
            body=address.body or None,
            headers=headers,
        )
        response = connection.getresponse()
        return response.status, response.read(ANSWER_BYTES + 1)
    finally:
        connection.close()
