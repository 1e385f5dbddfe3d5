"""Where keys come from, against real programs and a real HTTP server; and where they never go."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pi_voice.errors import LinkError, LocalLinkError, RemoteLinkError
from pi_voice.transport.auth import (
    ApiKey,
    TokenCommand,
    TokenUrl,
    auth_headers,
    resolve_key,
)
from tests.until import until

KEY = "sk-a-secret-that-nobody-shall-see"
EPHEMERAL = "ek_short_lived_secret"


def program(code: str, *, timeout_s: float = 30.0) -> TokenCommand:
    return TokenCommand((sys.executable, "-c", code), timeout_s=timeout_s)


async def refused(key: ApiKey) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await resolve_key(key)
    return caught.value


@asynccontextmanager
async def token_server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give the same raw HTTP answer to everybody; yields the URL and what was asked."""
    asked: list[bytes] = []
    open_ends: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.add(writer)
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        length = re.search(rb"Content-Length: (\d+)", asked[-1])
        await reader.readexactly(int(length[1]) if length else 0)  # unread, it would cause a reset
        if answer:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        open_ends.remove(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/token?who=box", asked
        await until(lambda: not open_ends)


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def later() -> str:
    await asyncio.sleep(0)
    return KEY


@pytest.mark.parametrize("key", [KEY, f"{KEY}\n", lambda: KEY, later])
async def test_a_key_is_a_string_or_comes_from_a_function(
    key: str | Callable[[], str] | Callable[[], Awaitable[str]],
) -> None:
    assert await resolve_key(key) == KEY


async def test_a_function_is_asked_again_for_every_attempt() -> None:
    keys = iter(["ek_1", "ek_2"])
    assert [await resolve_key(lambda: next(keys)) for _ in range(2)] == ["ek_1", "ek_2"]


async def test_an_empty_key_says_where_to_put_one() -> None:
    error = await refused("  \n")
    assert str(error) == "the key is empty. Put a key into /etc/pi-voice/api_key"


@pytest.mark.parametrize("bad", [f"{KEY}\r\nX-Evil: 1", f"{KEY} two", f"{KEY}ü", f"{KEY}\x00"])
async def test_what_cannot_stand_in_a_header_is_no_key(bad: str) -> None:
    error = await refused(bad)
    assert isinstance(error, LocalLinkError)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    "output", [EPHEMERAL, f'{{"value": "{EPHEMERAL}", "expires_at": 1}}', f"\n{EPHEMERAL}\n"]
)
async def test_a_token_command_prints_a_line_or_json(output: str) -> None:
    assert await resolve_key(program(f"print({output!r})")) == EPHEMERAL


@pytest.mark.parametrize("output", ["", "two words", '{"valu": 1}', '{"value": 7}', "{", "[]\n[]"])
async def test_a_token_command_that_prints_garbage_is_told_so(output: str) -> None:
    error = await refused(program(f"print({output!r})"))
    assert "gave no key" in str(error)
    assert isinstance(error, RemoteLinkError)
    assert error.retryable


async def test_a_token_command_that_fails_names_itself_and_its_exit_status() -> None:
    error = await refused(program(f"import sys; print({KEY!r}); sys.exit({KEY!r})"))
    assert str(error) == (
        f"the token command {sys.executable!r} failed with exit status 1."
        " Run it by hand as the user pi-voice"
    )


async def test_a_token_command_that_does_not_exist_is_told_so() -> None:
    error = await refused(TokenCommand(("/nowhere/token",)))
    assert "'/nowhere/token' cannot be started (FileNotFoundError)" in str(error)
    assert "cannot be started" in str(await refused(TokenCommand(())))


async def test_a_token_command_that_hangs_is_killed_with_its_children() -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    assert "took longer than 0.5 s" in str(await refused(program(code, timeout_s=0.5)))


async def test_a_child_that_keeps_the_output_open_does_not_hold_us_up() -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    assert "took longer than 0.5 s" in str(await refused(program(code, timeout_s=0.5)))


async def test_a_token_command_that_prints_without_end_is_stopped() -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 9999)"
    assert "printed more than 64 kB" in str(await refused(program(code)))


async def test_a_token_address_is_posted_to_with_its_headers() -> None:
    async with token_server(http(f'{{"value": "{EPHEMERAL}"}}'.encode())) as (url, asked):
        assert await resolve_key(TokenUrl(url, headers={"X-Box": "7"}, body=b"{}")) == EPHEMERAL
    assert asked[0].startswith(b"POST /token?who=box HTTP/1.1\r\n")
    assert b"\r\nX-Box: 7\r\n" in asked[0]


async def test_a_token_address_can_be_read_with_get() -> None:
    async with token_server(http(EPHEMERAL.encode())) as (url, asked):
        assert await resolve_key(TokenUrl(url, method="GET")) == EPHEMERAL
    assert asked[0].startswith(b"GET ")


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("401 Unauthorized", False),
        ("404 Not Found", False),
        ("500 Oops", True),
        ("302 Found", True),
    ],
)
async def test_a_token_address_that_refuses_is_judged_by_its_status(
    status: str, *, retryable: bool
) -> None:
    async with token_server(http(KEY.encode(), status, f"Location: /{KEY}")) as (url, _):
        error = await refused(TokenUrl(url))
    assert isinstance(error, RemoteLinkError)
    assert (error.status, error.retryable) == (int(status[:3]), retryable)
    assert str(error) == (
        f"the token address '127.0.0.1' gave no key (HTTP {status[:3]}). Ask whoever runs it"
    )


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", http(b"<html>login</html>"), http(b"x" * 70_000)]
)
async def test_a_token_address_that_answers_garbage_gives_no_key(answer: bytes) -> None:
    async with token_server(answer) as (url, _):
        error = await refused(TokenUrl(url))
    assert isinstance(error, RemoteLinkError)
    assert error.retryable


async def test_a_token_address_that_never_answers_is_given_up() -> None:
    async with token_server(b"") as (url, _):
        error = await refused(TokenUrl(url, timeout_s=0.2))
    assert str(error) == (
        "the token address '127.0.0.1' cannot be reached (TimeoutError)."
        " Check the internet connection"
    )


async def test_a_token_never_travels_in_clear_text() -> None:
    error = await refused(TokenUrl(f"http://example.com/{KEY}"))
    assert str(error) == "the token address 'example.com' must begin with https://"


async def test_no_failure_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with token_server(http(KEY.encode(), "401 No")) as (url, _):
        sources: list[ApiKey] = [
            f"{KEY}\n{KEY}",
            TokenCommand((sys.executable, "-c", "raise SystemExit(1)", KEY)),
            program(f"print({f'{KEY} {KEY}'!r})"),
            TokenUrl(url, headers={"Authorization": f"Bearer {KEY}"}),
            TokenUrl(f"{url}&key={KEY}", headers={"Bad\nName": KEY}),
        ]
        errors = [await refused(source) for source in sources]
    for error, source in zip(errors, sources, strict=True):
        told = "".join(traceback.format_exception(error))
        assert KEY not in told
        assert KEY not in repr(source) or isinstance(source, str)
    assert KEY not in caplog.text


def test_the_key_goes_out_as_a_bearer_token() -> None:
    assert auth_headers(KEY, {"X-Box": "7"}) == {"X-Box": "7", "Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("name", ["Authorization", "authorization", "api-key", "API-Key"])
def test_credentials_among_the_headers_replace_the_key(name: str) -> None:
    assert auth_headers(KEY, {name: "other"}) == {name: "other"}


def test_without_a_key_only_the_headers_go_out() -> None:
    assert auth_headers(None, None) == {}


@pytest.mark.parametrize("header", [("X-Box", f"{KEY}\r\nX: y"), ("Bad Name", KEY), ("", KEY)])
def test_a_header_that_cannot_be_sent_is_named_without_its_value(header: tuple[str, str]) -> None:
    with pytest.raises(LocalLinkError, match="has characters that HTTP cannot send") as caught:
        auth_headers(None, dict([header]))
    assert KEY not in str(caught.value)
