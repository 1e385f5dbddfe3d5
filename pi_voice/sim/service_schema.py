"""What the real service checks in a client event, with the sentences it refuses with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.sim.service_wire import Rejected

Check = Callable[[object, str], None]  # value, path of the field; raises Rejected


def boolean(value: object, path: str) -> None:
    if not isinstance(value, bool):
        raise _wrong_type(value, path, "a boolean")


def string(value: object, path: str) -> None:
    if not isinstance(value, str):
        raise _wrong_type(value, path, "a string")


def anything(value: object, path: str) -> None:
    """For fields that only a real model reads."""


def integer(low: int, high: int) -> Check:
    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(value, path, "an integer")
        _within(value, path, low, high, "integer")

    return check


def number(low: float, high: float) -> Check:
    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(value, path, "a decimal")
        _within(value, path, low, high, "decimal")

    return check


def choice(*allowed: str) -> Check:
    def check(value: object, path: str) -> None:
        if value not in allowed:
            shown = f"'{value}'" if isinstance(value, str) else str(value)
            listed = _listed([f"'{word}'" for word in allowed])
            message = f"Invalid value: {shown}. Supported values are: {listed}."
            raise Rejected("invalid_value", message, param=path)

    return check


def nullable(check: Check) -> Check:
    return lambda value, path: None if value is None else check(value, path)


def either(word: str, check: Check) -> Check:
    """A fixed word, or something else that is checked."""
    return lambda value, path: None if value == word else check(value, path)


def listing(check: Check) -> Check:
    def check_all(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise _wrong_type(value, path, "an array")
        for index, entry in enumerate(value):
            check(entry, f"{path}[{index}]")

    return check_all


def record(fields: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with these fields and no other."""

    def check(value: object, path: str) -> None:
        entries = _object(value, path)
        for key in required:
            _present(entries, key, path)
        for key, entry in entries.items():
            if key not in fields:
                where = _joined(path, key)
                raise Rejected("unknown_parameter", f"Unknown parameter: '{where}'.", param=where)
            fields[key](entry, _joined(path, key))

    return check


def tagged(variants: Mapping[str, Check], *, tag: str = "type") -> Check:
    """An object whose `tag` field says which fields it has."""

    def check(value: object, path: str) -> None:
        entries = _object(value, path)
        _present(entries, tag, path)
        choice(*variants)(entries[tag], _joined(path, tag))
        rest = {key: entry for key, entry in entries.items() if key != tag}
        variants[entries[tag]](rest, path)

    return check


def modalities(value: object, path: str) -> None:
    listing(choice("text", "audio"))(value, path)
    if value not in (["text"], ["audio"]):
        message = (
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        )
        raise Rejected("invalid_value", message, param=path)


def _object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_type(value, path, "an object")
    return value


def _present(entries: Mapping[str, object], key: str, path: str) -> None:
    if key not in entries:
        where = _joined(path, key)
        message = f"Missing required parameter: '{where}'."
        raise Rejected("missing_required_parameter", message, param=where)


def _within(value: float, path: str, low: float, high: float, kind: str) -> None:
    if low <= value <= high:
        return
    word, sign, limit = ("below", ">=", low) if value < low else ("above", "<=", high)
    bound = "minimum" if value < low else "maximum"
    message = (
        f"Invalid '{path}': {kind} {word} {bound} value. "
        f"Expected a value {sign} {limit}, but got {value} instead."
    )
    raise Rejected(f"{kind}_{word}_{bound[:3]}_value", message, param=path)


def _wrong_type(value: object, path: str, expected: str) -> Rejected:
    message = f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead."
    return Rejected("invalid_type", message, param=path)


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a boolean", int: "an integer", float: "a decimal number"}
    names |= {str: "a string", list: "an array", dict: "an object"}
    return names[type(value)]


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _listed(words: list[str]) -> str:
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"
