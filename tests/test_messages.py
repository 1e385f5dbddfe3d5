"""What listeners receive."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.messages import FunctionCall, TurnStarted, attribute

CALL = FunctionCall("f1", "c1", "get_time", "{}")


def test_payloads_cannot_be_changed_by_a_listener() -> None:
    with pytest.raises(AttributeError):
        CALL.call_id = "other"  # type: ignore[misc]  # that it cannot is the point


@pytest.mark.parametrize("given", [CALL, {"call_id": "c1"}])
def test_objects_and_mappings_are_read_alike(given: Any) -> None:
    assert attribute(given, "call_id") == "c1"
    assert attribute(given, "nothing", 7) == 7


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"response": {"id": "r1"}}, "r1"),
        ({"response": {"id": 7}}, None),
        ({"response": None}, None),
        ({}, None),
    ],
)
def test_the_beginning_of_a_turn_knows_its_reply(event: dict[str, Any], name: str | None) -> None:
    assert TurnStarted(event).response_id == name
