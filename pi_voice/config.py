"""The configuration file: TOML in, frozen settings out, every problem at once with its fix."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args, get_origin, get_type_hints

from pi_voice.conflicts import conflicts
from pi_voice.errors import ConfigError
from pi_voice.schema import Rule, Secret, UnfitError, bounds, choices, convert, nearest
from pi_voice.settings import VERSION, Settings
from pi_voice.toml_text import KeyPath, key_text, line_numbers, value_text

KEY_LIKE = re.compile(r"\b[se]k[-_][\w-]+")  # a key in the wrong place must not reach a log
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
        raise ConfigError(
            f"{path}: may not be read by this user; run: sudo chgrp pi-voice {path} "
            f"&& sudo chmod 640 {path}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: {_lower(error.strerror)}; name a file with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path.name}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None
    return parse(text, path.name)


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


def _syntax(message: str) -> str:
    """Turn tomllib's words into ours."""
    fact, _, place = message.rstrip(")").rpartition(" (at ")
    if not fact:  # Python's own limit on digits
        return "a number has too many digits; shorten it"
    fix = (
        "write every key and every table once"
        if re.search("overwrite|twice|mutate|redefine", message)
        else 'text needs quotes, e.g. name = "kitchen"'
    )
    return f"{_lower(fact)} ({place.replace(', ', ' ')}); {fix}"


def _lower(sentence: str | None) -> str:
    return sentence[:1].lower() + sentence[1:] if sentence else "cannot be read"


@functools.cache
def _hints(table: type) -> dict[str, Any]:
    return get_type_hints(table)


def _rule(key: Field[Any]) -> Rule:
    return cast(Rule, key.metadata["rule"])


def _default(key: Field[Any]) -> Any:
    return key.default if key.default_factory is MISSING else key.default_factory()


def _title(path: KeyPath) -> str:
    return f"[{'.'.join(map(key_text, path))}]" if path else ""


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
        title = f"{_title(path[:-1])} " if len(path) > 1 else ""
        self._problems.append((self._line(path), f"{self._name}: {title}{text}"))

    def _said(self, path: KeyPath, settings: Settings) -> str:
        value = functools.reduce(getattr, path, cast(Any, settings))
        return f"{key_text(path[-1])} = {_shown(value if value is not None else 'none')}"

    def _where(self, path: KeyPath, settings: Settings) -> str:
        return f"{_title(path[:-1])} {self._said(path, settings)} ({self._place(path)})"

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
        kind = _hints(table)[key.name]
        if is_dataclass(kind):
            return self._subtable(cast(type, kind), raw, path)
        if get_origin(kind) is Mapping:
            return self._entries(kind, raw, _rule(key), path)
        return self._setting(kind, raw, _rule(key), path, default=_default(key))

    def _subtable(self, table: type, raw: object, path: KeyPath) -> object:
        if isinstance(raw, Mapping):
            return self._table(table, raw, path)
        self._report(
            path, f"{key_text(path[-1])} = {_shown(raw)}", f"must be a table; write {_title(path)}"
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
            example = default if rule.example is None else rule.example
            fix = f"; {wrong.fix}" if wrong.fix else f", e.g. {key} = {value_text(example)}"
            shown = "…" if kind is Secret else _shown(raw)
            self._report(path, f"{key} = {shown}", f"{wrong.fact}{fix}")
            return default

    def _unknown(self, name: str, raw: object, known: list[str], path: KeyPath) -> None:
        near = nearest(name, known)
        tables = [] if near else [table for table, keys in _keys().items() if name in keys]
        if near:
            right = f"[{near}]" if not path and near in _keys() else repr(near)
            fix = f"did you mean {right}?"
        elif tables:
            fix = f"it belongs to {' or '.join(f'[{table}]' for table in tables)}"
        else:
            fix = f"known are: {', '.join(known)}"
        path = (*path, name)
        what = f"table {_title(path)}" if isinstance(raw, Mapping) else f"key {name!r}"
        self._add(path, f"unknown {what} (line {self._line(path)}); {fix}")


def _keys() -> dict[str, set[str]]:
    """The keys of each table of the file."""
    return {
        key.name: {inner.name for inner in fields(_hints(Settings)[key.name])}
        for key in fields(Settings)
        if is_dataclass(_hints(Settings)[key.name])
    }


def dump(settings: Settings) -> str:
    """Write the settings that are in force as TOML that `parse` reads back; secrets are masked."""
    return "\n".join(_dumped(settings, ())).strip() + "\n"


def _dumped(table: Any, path: KeyPath) -> Iterator[str]:
    inner: list[tuple[str, object]] = []
    for key in fields(table):
        value = getattr(table, key.name)
        if is_dataclass(value) or isinstance(value, Mapping):
            inner.append((key.name, value))
        else:
            yield f"{key.name} = {value_text(_rule(key).none if value is None else value)}"
    for name, value in inner:
        yield from _dumped_table(value, (*path, name))


def _dumped_table(value: object, path: KeyPath) -> Iterator[str]:
    if is_dataclass(value):
        yield f"\n{_title(path)}"
        yield from _dumped(value, path)
        return
    items = cast(Mapping[str, object], value)
    plain = {name: item for name, item in items.items() if not is_dataclass(item)}
    if plain:
        yield f"\n{_title(path)}"
        yield from (f"{key_text(name)} = {value_text(item)}" for name, item in plain.items())
    for name, item in items.items():
        if is_dataclass(item):
            yield from _dumped_table(item, (*path, name))


def markdown_table() -> str:
    """The configuration table of the README: every key, its default, what may be written, why."""
    rows = ["| key | default | what it does |", "|---|---|---|"]
    rows += (
        f"| `{key}` | {f'`{default}`' if default else ''} | {text} |"
        for key, default, text in _rows(Settings, ())
    )
    return "\n".join(rows) + "\n"


def _rows(table: type, path: KeyPath) -> Iterator[tuple[str, str, str]]:
    for key in fields(cast(Any, table)):
        kind = _hints(table)[key.name]
        if is_dataclass(kind):
            yield from _rows(cast(type, kind), (*path, key.name))
        elif get_origin(kind) is Mapping:
            yield from _entry_rows(kind, _rule(key), (*path, key.name))
        else:
            default = _rule(key).none if key.default is None else key.default
            yield _name((*path, key.name)), value_text(default), _meaning(kind, _rule(key), default)


def _entry_rows(kind: Any, rule: Rule, path: KeyPath) -> Iterator[tuple[str, str, str]]:
    key_kind, value_kind = get_args(kind)
    if is_dataclass(value_kind):
        yield from _rows(cast(type, value_kind), (*path, "MODEL"))
    else:
        names = choices(key_kind, rule)
        known = f"; known are {', '.join(names)}" if names else ""
        yield _name((*path, "…")), "", f"{rule.doc}{known}"


def _name(path: KeyPath) -> str:
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if len(path) > 1 else path[0]


def _meaning(kind: Any, rule: Rule, default: object) -> str:
    others = (word for word in choices(kind, rule) if word != str(default))
    words = [f'"{word}"' for word in others if word not in rule.doc]
    allowed = [f"GPIO {rule.low:g}–{rule.high:g}"] if rule.limit else []
    if math.isfinite(rule.low) and not rule.limit:
        allowed.append(bounds(rule))
    if words:
        allowed.append(" or ".join(words))
    return f"{rule.doc} ({'; '.join(allowed)})" if allowed else rule.doc
