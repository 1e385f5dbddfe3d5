"""Tools in every spelling, and those that contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport import UNSET
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.tool_shape import wire_tool_choice, wire_tools

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"aB": {}}}


def mcp(**fields: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": "home", **fields}


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        (FUNCTION | {"strict": True, "invoke": 5}, FUNCTION),
        (
            FUNCTION | {"description": UNSET},
            {"type": "function", "name": "f", "parameters": {"aB": {}}},
        ),
        ({"kind": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ({"name": "f"}, {"type": "function", "name": "f"}),
        (mcp(serverUrl="u", surprise=1), mcp(server_url="u")),
        (mcp(allowed_tools=["a"]), mcp(allowed_tools=["a"])),
        (
            mcp(allowedTools={"toolNames": ["a"], "readOnly": True}),
            mcp(allowed_tools={"tool_names": ["a"], "read_only": True}),
        ),
        (mcp(require_approval="never"), mcp(require_approval="never")),
        (mcp(requireApproval=UNSET), mcp()),
        (mcp(require_approval=None), mcp(require_approval=None)),
        (
            mcp(requireApproval={"always": {"toolNames": ["a"]}, "never": ["b"]}),
            mcp(require_approval={"always": {"tool_names": ["a"]}, "never": {"tool_names": ["b"]}}),
        ),
    ],
)
def test_tools(given: dict[str, Any], wire: dict[str, Any]) -> None:
    assert wire_tools([given]) == [wire]


@pytest.mark.parametrize(
    ("tools", "complaint"),
    [
        ([FUNCTION, FUNCTION], "two tools have the name 'f'"),
        (["f"], "must be a mapping"),
        ([mcp(server_url="u", serverUrl="v")], "two spellings"),
        ([mcp(require_approval="sometimes")], "always"),
        ([mcp(require_approval={})], "always"),
        ([mcp(require_approval={"maybe": []})], "always"),
        ([mcp(require_approval={"always": ["a"], "never": ["a"]})], "under always and never"),
        ([mcp(require_approval={"always": {"x": 1}})], "unknown key 'x'"),
        ([mcp(allowed_tools={"x": 1})], "unknown key 'x'"),
        ([mcp(require_approval={"always": 7})], "tool_names"),
    ],
)
def test_contradictions_are_named(tools: list[Any], complaint: str) -> None:
    with pytest.raises(TransportError, match=complaint) as caught:
        wire_tools(tools)
    assert not caught.value.retryable


@pytest.mark.parametrize("given", [None, "x", {"a": 1}, 7])
def test_what_is_no_list_is_left_to_the_service(given: Any) -> None:
    assert wire_tools(given) == given


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("auto", "auto"),
        (None, None),
        ({"kind": "required"}, "required"),
        ({"kind": "tool", "toolId": "f"}, {"type": "function", "name": "f"}),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ({"type": "mcp", "serverLabel": "home"}, {"type": "mcp", "server_label": "home"}),
    ],
)
def test_choices(given: Any, wire: Any) -> None:
    assert wire_tool_choice(given) == wire
