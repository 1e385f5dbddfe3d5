"""What tomllib leaves out: the line of each key, and writing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath

from pi_voice.config.schema import Secret

KeyPath = tuple[str, ...]

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # a text may end in up to two quotes of its own
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
KEY = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[\w.\-]|[ \t])+"""
HEADER = re.compile(rf"\s*\[\[?({KEY})\]")
ASSIGNMENT = re.compile(rf"\s*({KEY})=")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Find where each table and key stands, counted from 1.

    Args:
        text: A document that tomllib accepts, lines ended by a newline character alone.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        if header := HEADER.match(statement):
            table = _path(header[1])
            lines.setdefault(table, line)
        elif assignment := ASSIGNMENT.match(statement):
            path = table + _path(assignment[1])
            for length in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:length], line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Cut a document where a line ends outside of every bracket and text."""
    line = first = 1
    depth = 0
    statement = ""
    for token in TOKEN.findall(text + "\n"):
        line += token.count("\n")
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        if token == "\n" and depth == 0:
            yield first, statement
            first, statement = line, ""
        elif not token.startswith("#"):
            statement += token


def _path(dotted: str) -> KeyPath:
    """Take a dotted key apart, quotes and escapes included, as tomllib does."""
    path = []
    document = tomllib.loads(f"{dotted} = 0")
    while document:
        key, document = next(iter(document.items()))
        path.append(key)
    return tuple(path)


def key_text(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _quoted(key)


def value_text(value: object) -> str:
    """Write one value: whole floats without a point, secrets masked."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return value_text(value.value)
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, Mapping):
        items = (f"{key_text(str(key))} = {value_text(item)}" for key, item in value.items())
        return f"{{ {', '.join(items)} }}" if value else "{}"
    return _quoted(str(value)) if isinstance(value, (str, PurePath, Secret)) else str(value)


def _quoted(text: str) -> str:
    return '"' + "".join(ESCAPES.get(letter) or _printable(letter) for letter in text) + '"'


def _printable(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter
