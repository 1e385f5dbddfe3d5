"""The configuration file: TOML in, frozen settings out, every problem at once with its fix."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args, get_origin

from pi_voice.config.conflicts import conflicts
from pi_voice.config.schema import Rule, Secret, UnfitError, choices, convert, nearest
from pi_voice.config.settings import VERSION, Settings
from pi_voice.config.tables import default_of, hints, rule_of, title
from pi_voice.config.toml_text import KeyPath, key_text, line_numbers, value_text
from pi_voice.errors import SERVICE_USER, ConfigError, me

KEY_LIKE = re.compile(r"\b[se]k[-_][\w-]+")  # a key in the wrong place must not reach a log
KEY_NAME = re.compile(r"(\w*api_?)?key", re.IGNORECASE)
DECLARED = re.compile(r"Cannot declare (\(.+\)) twice")  # tomllib's words, a tuple of Python's
SHOWN = 60  # letters of a wrong value that a person needs to find it again


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        ConfigError: With every problem of the file, each one sentence with its place and its fix.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name the right one with --config") from None
    except PermissionError:
        raise ConfigError(f"{path}: may not be read by {me()}; {_way_in(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {_lower(error.strerror)}; name a file with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    return parse(text, str(path))


def parse(text: str, name: str = "config.toml") -> Settings:
    """Read the text of a configuration file; `name` stands before every problem.

    Raises:
        ConfigError: With every problem of the text.
    """
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text + "\n")  # else a fault in the last line has no number
    except ValueError as error:
        raise ConfigError(f"{name}: {_syntax(str(error))}") from None
    except RecursionError:
        raise ConfigError(f"{name}: too many brackets inside each other; remove some") from None
    return _Reader(name, document, line_numbers(text)).settings()


def _way_in(path: Path) -> str:
    """What a person does who may not read the file, and what must be done for the service."""
    if me() == SERVICE_USER:
        return f"run: sudo chgrp {SERVICE_USER} {path} && sudo chmod 640 {path}"
    group = f"join the group {SERVICE_USER} and log in again"
    return f"use sudo, or {group}: sudo usermod -aG {SERVICE_USER} {me()}"


def _syntax(message: str) -> str:
    """Turn tomllib's words into ours."""
    fact, _, place = message.rstrip(")").rpartition(" (at ")
    if not fact:  # Python's own limit on digits
        return "a number has too many digits; shorten it"
    place = place.replace(", ", " ")
    if twice := DECLARED.fullmatch(fact):
        return f"the table {title(ast.literal_eval(twice[1]))} stands twice ({place}); join them"
    fix = (
        "write every key and every table once"
        if re.search("overwrite|mutate|redefine", message)
        else 'text needs quotes, e.g. name = "kitchen"'
    )
    return f"{_lower(fact)} ({place}); {fix}"


def _lower(sentence: str | None) -> str:
    return sentence[:1].lower() + sentence[1:] if sentence else "cannot be read"


def _shown(value: object) -> str:
    text = KEY_LIKE.sub("…", value_text(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


class _Reader:
    """Walks a document along the schema and collects what is wrong."""

    def __init__(
        self, name: str, document: Mapping[str, object], lines: Mapping[KeyPath, int]
    ) -> None:
        self._name = name
        self._document = document
        self._lines = lines
        self._problems: list[tuple[int, str]] = []
        self._wrong: set[KeyPath] = set()

    def settings(self) -> Settings:
        version = self._document.get("version", VERSION)
        if type(version) is int and version > VERSION:
            self._report(
                ("version",),
                f"version = {version}",
                f"this program knows version {VERSION}; upgrade it, or begin again from the "
                "config.toml that came with it",
            )
            raise self._error()
        settings = cast(Settings, self._table(Settings, self._document, ()))
        for clash in conflicts(settings):
            if not self._wrong & {clash.key, clash.other}:
                other = "" if clash.key == clash.other else self._where(clash.other, settings)
                text = f"{clash.fact} {other}" if other else clash.fact.rstrip(":")
                self._report(clash.key, self._said(clash.key, settings), f"{text}; {clash.fix}")
        if self._problems:
            raise self._error()
        return settings

    def _error(self) -> ConfigError:
        return ConfigError(*(text for _, text in sorted(self._problems, key=lambda item: item[0])))

    def _line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table around it; 0 if it is not in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def _place(self, path: KeyPath) -> str:
        value: object = self._document
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                return "default"
            value = value[name]
        return f"line {self._line(path)}"

    def _report(self, path: KeyPath, said: str, text: str) -> None:
        """Keep one problem; `said` is what the file says there."""
        self._add(path, f"{said} ({self._place(path)}): {text}")

    def _add(self, path: KeyPath, text: str) -> None:
        self._wrong.add(path)
        table = f"{title(path[:-1])} " if len(path) > 1 else ""
        self._problems.append((self._line(path), f"{self._name}: {table}{text}"))

    def _said(self, path: KeyPath, settings: Settings) -> str:
        value = functools.reduce(getattr, path, cast(Any, settings))
        return f"{key_text(path[-1])} = {_shown(value if value is not None else 'none')}"

    def _where(self, path: KeyPath, settings: Settings) -> str:
        return f"{title(path[:-1])} {self._said(path, settings)} ({self._place(path)})"

    def _table(self, table: type, raw: Mapping[str, object], path: KeyPath) -> object:
        known = {key.name: key for key in fields(cast(Any, table))}
        for name in raw:
            if name not in known:
                self._unknown(name, raw[name], list(known), path)
        values = {
            name: self._value(key, table, raw[name], (*path, name))
            for name, key in known.items()
            if name in raw
        }
        return table(**values)

    def _value(self, key: Field[Any], table: type, raw: object, path: KeyPath) -> object:
        kind = hints(table)[key.name]
        if is_dataclass(kind):
            return self._subtable(cast(type, kind), raw, path)
        if get_origin(kind) is Mapping:
            return self._entries(kind, raw, rule_of(key), path)
        return self._setting(kind, raw, rule_of(key), path, default=default_of(key))

    def _subtable(self, table: type, raw: object, path: KeyPath) -> object:
        if isinstance(raw, Mapping):
            return self._table(table, raw, path)
        self._report(
            path, f"{key_text(path[-1])} = {_shown(raw)}", f"must be a table; write {title(path)}"
        )
        return table()

    def _entries(self, kind: Any, raw: object, rule: Rule, path: KeyPath) -> Mapping[Any, object]:
        """Read a table whose keys the owner chooses, or the members of an enumeration."""
        key_kind, value_kind = get_args(kind)
        if not isinstance(raw, Mapping):
            self._subtable(dict, raw, path)
            return MappingProxyType({})
        known = choices(key_kind, rule)
        values: dict[object, object] = {}
        for name, value in raw.items():
            if known and name not in known:
                self._unknown(name, value, known, path)
            elif is_dataclass(value_kind):
                values[name] = self._subtable(cast(type, value_kind), value, (*path, name))
            else:
                key = key_kind(name)
                values[key] = self._setting(value_kind, value, rule, (*path, name), default="")
        return MappingProxyType(values)

    def _setting(
        self, kind: Any, raw: object, rule: Rule, path: KeyPath, *, default: object
    ) -> object:
        try:
            return convert(kind, raw, rule)
        except UnfitError as wrong:
            key = key_text(path[-1])
            usual = rule.none if default is None else default
            example = usual if rule.example is None else rule.example
            fix = f"; {wrong.fix}" if wrong.fix else f", e.g. {key} = {value_text(example)}"
            shown = "…" if kind is Secret else _shown(raw)
            self._report(path, f"{key} = {shown}", f"{wrong.fact}{fix}")
            return default

    def _unknown(self, name: str, raw: object, known: list[str], path: KeyPath) -> None:
        path = (*path, name)
        if _is_key(name, raw):
            self._add(
                path,
                f"unknown key {name!r} (line {self._line(path)}): the key belongs in a file of its "
                f"own; write it alone into {Settings().service.api_key_file}, and remove this line",
            )
            return
        near = nearest(name, known)
        tables = [] if near else [table for table, keys in _keys().items() if name in keys]
        if near:
            right = f"[{near}]" if len(path) == 1 and near in _keys() else repr(near)
            fix = f"did you mean {right}?"
        elif tables:
            fix = f"it belongs to {' or '.join(f'[{table}]' for table in tables)}"
        else:
            fix = f"known are: {', '.join(known)}"
        what = f"table {title(path)}" if isinstance(raw, Mapping) else f"key {name!r}"
        self._add(path, f"unknown {what} (line {self._line(path)}); {fix}")


def _is_key(name: str, raw: object) -> bool:
    """Whether the key of the service stands here, and not the name of its file."""
    if not isinstance(raw, str) or raw.startswith("/"):
        return False
    return bool(KEY_LIKE.match(raw) or KEY_NAME.fullmatch(name))


def _keys() -> dict[str, set[str]]:
    """The keys of each table of the file."""
    return {
        key.name: {inner.name for inner in fields(hints(Settings)[key.name])}
        for key in fields(Settings)
        if is_dataclass(hints(Settings)[key.name])
    }
