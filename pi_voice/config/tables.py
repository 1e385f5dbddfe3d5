"""What the reader and the writer both ask of the schema's tables."""

from __future__ import annotations

import functools
from dataclasses import MISSING, Field
from typing import Any, cast, get_type_hints

from pi_voice.config.schema import Rule
from pi_voice.config.toml_text import KeyPath, key_text


@functools.cache
def hints(table: type) -> dict[str, Any]:
    return get_type_hints(table)


def rule_of(key: Field[Any]) -> Rule:
    return cast(Rule, key.metadata["rule"])


def default_of(key: Field[Any]) -> Any:
    return key.default if key.default_factory is MISSING else key.default_factory()


def title(path: KeyPath) -> str:
    return f"[{'.'.join(map(key_text, path))}]" if path else ""
