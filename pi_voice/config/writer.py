"""Settings as text: TOML for a person or a file, Markdown for the README."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast, get_args, get_origin

from pi_voice.config.schema import Rule, bounds, choices
from pi_voice.config.settings import Settings
from pi_voice.config.tables import hints, rule_of, title
from pi_voice.config.toml_text import KeyPath, key_text, value_text


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
            yield f"{key.name} = {value_text(rule_of(key).none if value is None else value)}"
    for name, value in inner:
        yield from _dumped_table(value, (*path, name))


def _dumped_table(value: object, path: KeyPath) -> Iterator[str]:
    if is_dataclass(value):
        yield f"\n{title(path)}"
        yield from _dumped(value, path)
        return
    items = cast(Mapping[str, object], value)
    plain = {name: item for name, item in items.items() if not is_dataclass(item)}
    if plain:
        yield f"\n{title(path)}"
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
        kind = hints(table)[key.name]
        if is_dataclass(kind):
            yield from _rows(cast(type, kind), (*path, key.name))
        elif get_origin(kind) is Mapping:
            yield from _entry_rows(kind, rule_of(key), (*path, key.name))
        else:
            default = rule_of(key).none if key.default is None else key.default
            meaning = _meaning(kind, rule_of(key), default)
            yield _name((*path, key.name)), value_text(default), meaning


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
