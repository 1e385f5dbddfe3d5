"""What one setting may be: its limits beside its default, and one check for all of them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

K = TypeVar("K")
T = TypeVar("T")

MASK = "********"
DRIVER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Secret:
    """Text that is never printed, logged or shown: only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the type of a setting cannot say.

    Attributes:
        doc: What it does, with the unit and the reason for its default, for the owner of a box.
        low: Smallest number allowed.
        high: Largest number allowed.
        unit: Stands behind the range in messages.
        limit: Says the range in other words than "must be 0–100 %".
        none: The word in the file that means None.
        names: Drivers that ship; any `module:Class` is allowed beside them.
        only: The members of an enumeration that make sense here; empty: all.
        check: Returns what is wrong with a value of the right type and range, or "".
        example: A good value for messages, where the default is none.
    """

    doc: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    limit: str = ""
    none: str = "none"
    names: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    check: Callable[[Any], str] | None = None
    example: object = None


def setting(default: T, doc: str, **rule: Any) -> T:
    """Declare a key: its default and, in the words of `Rule`, what else it may be."""
    return field(default=default, metadata={"rule": Rule(doc, **rule)})


def entries(doc: str, **rule: Any) -> Mapping[K, T]:
    """Declare a table whose keys the owner chooses."""
    return field(default_factory=_nothing, metadata={"rule": Rule(doc, **rule)})


def _nothing() -> Mapping[K, T]:
    return MappingProxyType({})


class UnfitError(ValueError):
    """A value cannot be used.

    Attributes:
        fact: Why.
        fix: What to write instead; empty if an example says it best.
    """

    def __init__(self, fact: str, fix: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.fix = fix


def nearest(word: object, names: Iterable[str]) -> str | None:
    """Find the name that was probably meant; None if nothing comes close."""
    known = list(names)
    # one wrong letter of three still gives 0.67
    found = difflib.get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


def convert(kind: Any, raw: object, rule: Rule) -> object:
    """Turn a value of the file into the value of a setting.

    Args:
        kind: The annotation of the setting.
        raw: What the file says.
        rule: What else it may be.

    Raises:
        UnfitError: It has the wrong type, is out of range, or the rule's check refuses it.
    """
    kinds = _kinds(kind)
    if NoneType in kinds and raw == rule.none:
        return None
    for one in kinds:
        if (value := _fit(one, raw)) is not None:
            return _checked(value, rule)
    raise _misfit(kind, raw, rule)


def choices(kind: Any, rule: Rule) -> list[str]:
    """Every word that may be written; empty where any text or number may."""
    kinds = _kinds(kind)
    words = list(rule.names)
    for one in kinds:
        if get_origin(one) is Literal:
            words += [str(arg) for arg in get_args(one)]
        elif isinstance(one, type) and issubclass(one, Enum):
            words += rule.only or [str(member.value) for member in one]
    return words + [rule.none] if NoneType in kinds else words


def _kinds(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _fit(kind: Any, raw: object) -> object | None:
    if get_origin(kind) is Literal:
        return next((arg for arg in get_args(kind) if arg == raw and type(arg) is type(raw)), None)
    if get_origin(kind) is tuple:
        return _fit_tuple(get_args(kind), raw)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next((member for member in kind if member.value == raw), None)
    if kind is float and type(raw) in (int, float):
        return float(cast(float, raw)) if math.isfinite(cast(float, raw)) else None
    if kind in (Path, Secret) and isinstance(raw, str):
        return cast(object, kind(raw))
    return raw if type(raw) is kind else None


def _fit_tuple(kinds: tuple[Any, ...], raw: object) -> tuple[object, ...] | None:
    if not isinstance(raw, list):
        return None
    expected = (kinds[0],) * len(raw) if kinds[-1] is Ellipsis else kinds
    if len(expected) != len(raw):
        return None
    values = tuple(_fit(kind, item) for kind, item in zip(expected, raw, strict=True))
    return None if None in values else values


def _checked(value: object, rule: Rule) -> object:
    for number in value if isinstance(value, tuple) else (value,):
        if type(number) in (int, float) and not rule.low <= cast(float, number) <= rule.high:
            raise UnfitError(rule.limit or f"must be {bounds(rule)}")
    if rule.only and value not in rule.only:
        raise _unknown_word(str(value), list(rule.only))
    if rule.names and value not in rule.names and not DRIVER.fullmatch(str(value)):
        raise _unknown_word(str(value), [*rule.names, "my_module:MyClass"])
    if rule.check is not None and (wrong := rule.check(value)):
        fact, _, fix = wrong.partition("; ")
        raise UnfitError(fact, fix)
    return value


def bounds(rule: Rule) -> str:
    """Say the range in words, with its unit, after "must be"."""
    unit = f" {rule.unit}" if rule.unit else ""
    if math.isinf(rule.high):
        return f"at least {rule.low:g}{unit}"
    return f"{rule.low:g}–{rule.high:g}{unit}"


def _misfit(kind: Any, raw: object, rule: Rule) -> UnfitError:
    kinds = _kinds(kind)
    words = choices(kind, rule)
    if words and not any(kind in EXPECTED for kind in kinds):
        return _unknown_word(raw, words)
    names = [EXPECTED.get(kind) or _list_name(kind) for kind in kinds if kind is not NoneType]
    if NoneType in kinds:
        names.append(f'"{rule.none}"')
    return UnfitError(f"must be {' or '.join(names)}")


EXPECTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
    Secret: "text in quotes",
}


def _list_name(kind: Any) -> str:
    kinds = get_args(kind)
    if kinds[-1] is Ellipsis:
        return "a list in brackets of text in quotes"
    return f"a list in brackets of {len(kinds)} whole numbers"


def _unknown_word(raw: object, words: list[str]) -> UnfitError:
    numbers = all(word.isdigit() for word in words)
    shown = [word if numbers else f'"{word}"' for word in words]
    listed = f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0]
    near = nearest(raw, words) if isinstance(raw, str) else None
    return UnfitError(f"must be {listed}", f'did you mean "{near}"?' if near else "")
