"""Every event that the published types know reaches the protocol and its listeners."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

import pytest
from openai.types import realtime
from pydantic import BaseModel

from tests.dialogue import Room
from tests.wire_truth import check_client_event, check_server_event

SERVER_EVENTS: list[type[BaseModel]] = [
    *typing.get_args(typing.get_args(realtime.RealtimeServerEvent)[0])
]
SOUND = "AAAA"


def sample(kind: Any) -> Any:
    """The plainest value of a published type."""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return sample(choices[0])
    if origin is typing.Literal:
        return choices[0]
    if origin in (typing.Union, types.UnionType):
        return sample(next(choice for choice in choices if choice is not type(None)))
    if origin is list:
        return []
    if origin is dict:
        return {}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return plainest(kind)
    return {str: SOUND, int: 1, float: 1.0, bool: True, object: SOUND}[kind]


def plainest(model: type[BaseModel]) -> dict[str, Any]:
    """An event with its required fields only."""
    fields = model.model_fields.items()
    return {name: sample(field.annotation) for name, field in fields if field.is_required()}


def name_of(model: type[BaseModel]) -> str:
    name: str = sample(model.model_fields["type"].annotation)
    return name


@pytest.mark.parametrize("model", SERVER_EVENTS, ids=name_of)
def test_every_server_event_reaches_the_listeners(model: type[BaseModel]) -> None:
    room = Room().connect()
    event = plainest(model) | {"type": name_of(model)}
    check_server_event(event)
    room.protocol.receive(json.dumps(event))
    room.perform()
    names = [name for name, _ in room.told]
    assert "*" in names
    assert name_of(model) in names
    assert room.protocol.malformed == 0


def test_the_check_finds_what_is_wrong() -> None:
    with pytest.raises(AssertionError, match="no such client event"):
        check_client_event({"type": "input_audio_buffer.apend"})
    with pytest.raises(ValueError, match="audio"):
        check_client_event({"type": "input_audio_buffer.append"})
