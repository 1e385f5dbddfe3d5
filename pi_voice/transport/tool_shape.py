"""Tools in every spelling that programs use, made into those of the GA wire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from pi_voice.transport.contracts import TransportError

Json = dict[str, Any]

_FUNCTION = ("type", "name", "description", "parameters")
_MCP = (
    "type",
    "server_label",
    "server_url",
    "server_description",
    "connector_id",
    "tunnel_id",
    "authorization",
    "headers",
    "allowed_tools",
    "require_approval",
)
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def wire_tools(given: Any) -> Any:
    """Tools with only the fields that the wire knows.

    Raises:
        TransportError: Two functions have one name, or approval rules contradict each other.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        return given
    tools = [_tool(tool) for tool in given]
    names = [tool.get("name") for tool in tools if tool.get("type") == "function"]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise TransportError(f"two tools have the name {twice[0]!r}; rename one", retryable=False)
    return tools


def wire_tool_choice(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    kind = given.get("kind")
    if kind is None:
        return _snake(given, "tool_choice")
    if kind == "tool":
        return {"type": "function", "name": given.get("tool_id", given.get("toolId"))}
    return kind


def _tool(given: Any) -> Json:
    if not isinstance(given, Mapping):
        raise TransportError(f"a tool must be a mapping, not {given!r}", retryable=False)
    if given.get("type", given.get("kind", "function")) == "mcp":
        return _mcp_tool(given)
    fields = {key: given[key] for key in _FUNCTION if given.get(key, UNSET) is not UNSET}
    return {"type": "function"} | fields if "kind" in given or "type" not in given else fields


def _mcp_tool(given: Mapping[Any, Any]) -> Json:
    fields = _snake(given, "an MCP tool")
    tool: Json = {"type": "mcp"}
    tool |= {key: fields[key] for key in _MCP if key in fields}
    if isinstance(tool.get("allowed_tools"), Mapping):
        tool["allowed_tools"] = _filter(tool["allowed_tools"], "allowed_tools")
    if tool.get("require_approval") is not None:
        tool["require_approval"] = _approval(tool["require_approval"])
    return tool


def _approval(given: Any) -> Any:
    if given in ("always", "never"):
        return given
    if not isinstance(given, Mapping) or not given or set(given) - {"always", "never"}:
        raise TransportError(
            f"require_approval must be 'always', 'never' or lists under these, not {given!r}",
            retryable=False,
        )
    rules = {when: _filter(names, "require_approval") for when, names in given.items()}
    always, never = ({*rules.get(when, {}).get("tool_names", ())} for when in ("always", "never"))
    both = sorted(always & never)
    if both:
        raise TransportError(
            f"require_approval lists {both[0]!r} under always and never", retryable=False
        )
    return rules


def _filter(given: Any, where: str) -> Json:
    if isinstance(given, list | tuple):
        return {"tool_names": list(given)}
    if not isinstance(given, Mapping):
        raise TransportError(
            f"{where} takes tool_names or read_only, not {given!r}", retryable=False
        )
    fields = _snake(given, where)
    unknown = sorted(set(fields) - {"tool_names", "read_only"})
    if unknown:
        raise TransportError(f"{where} has an unknown key {unknown[0]!r}", retryable=False)
    return fields


def _snake(given: Mapping[Any, Any], where: str) -> Json:
    fields: Json = {}
    for key, value in given.items():
        name = _CAMEL.sub(r"_\1", str(key)).lower()
        if name in fields:
            raise TransportError(f"{where} gives {name!r} in two spellings", retryable=False)
        if value is not UNSET:
            fields[name] = value
    return fields
