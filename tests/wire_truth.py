"""Events held against the types that the `openai` package publishes for them."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from typing import Any

if typing.TYPE_CHECKING:
    from pydantic import BaseModel

Wire = dict[str, Any]

UNPUBLISHED = {"object", "id", "expires_at"}  # of a session: the service sends them all the same


def check_server_event(event: Wire) -> None:
    """Fail unless the event is one that the service may send, with no field too many."""
    kind = event["type"]
    assert kind in _types("RealtimeServerEvent"), f"no such server event: {kind}"
    model = _types("RealtimeServerEvent")[kind].model_validate(event)
    surplus = set(_surplus(model)) - (UNPUBLISHED if kind.startswith("session.") else set())
    assert not surplus, f"{kind} has fields that nobody published: {surplus}"


def check_client_event(event: Wire) -> None:
    """Fail unless the event is one that a client may send."""
    kind = event["type"]
    assert kind in _types("RealtimeClientEvent"), f"no such client event: {kind}"
    _types("RealtimeClientEvent")[kind].model_validate(event)


@functools.cache
def _types(union: str) -> dict[str, type[BaseModel]]:
    from openai.types import realtime

    classes = typing.get_args(typing.get_args(getattr(realtime, union))[0])
    return {
        word: one
        for one in classes
        for word in typing.get_args(one.model_fields["type"].annotation)
    }


def _surplus(model: BaseModel) -> Iterator[str]:
    yield from model.model_extra or {}
    for value in dict(model).values():
        for part in value if isinstance(value, list) else [value]:
            if hasattr(part, "model_extra"):
                yield from _surplus(part)
