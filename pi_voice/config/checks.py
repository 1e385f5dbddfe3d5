"""What can be wrong with one value of the configuration, in words; "" if nothing is.

A semicolon parts the fact from the fix.
"""

from __future__ import annotations

import re
from pathlib import Path

EMBEDDED = "embedded"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
COLOURS = ("white", "red", "orange", "yellow", "green", "cyan", "blue", "purple")
LIGHT = re.compile(
    rf"off|({'|'.join(COLOURS)}|#[0-9a-fA-F]{{6}}) "
    r"(solid|pulse( [1-9]\d{2,4})?|blink( [1-9]\d{1,4} [1-9]\d{1,4})*)"
)
NIGHT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


def not_empty(text: str) -> str:
    return "" if text.strip() else "is empty"


def absolute(path: Path) -> str:
    if re.match(r"(sk|ek)[-_]", str(path)):
        return "is the key itself; put the key into a file of its own and name that file here"
    return "" if path.is_absolute() else "must begin at the root; write it with a leading /"


def service_url(url: str) -> str:
    return "" if url == EMBEDDED else _encrypted(url, "ws")


def token_url(url: str) -> str:
    return _encrypted(url, "http")


def _encrypted(url: str, plain: str) -> str:
    """Say what is wrong with an address: a key may cross only TLS or this machine."""
    from urllib.parse import urlsplit  # a box on the embedded service never needs it

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme == f"{plain}s" and host:
        return ""
    if parts.scheme == plain and host in LOOPBACK:
        return ""
    if parts.scheme == plain and host:
        return f"would send the key unencrypted; use {plain}s:// ({plain}:// only to 127.0.0.1)"
    return f"must begin with {plain}s://"


def night(hours: str) -> str:
    return "" if NIGHT.fullmatch(hours) else "must be from-to in hours and minutes"


def light(text: str) -> str:
    if LIGHT.fullmatch(text):
        return ""
    return (
        "must be a colour and solid, pulse or blink with its times in ms; "
        f'write e.g. "blue blink 100 400"; colours: {", ".join(COLOURS)} or #rrggbb'
    )
