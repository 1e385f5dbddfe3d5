"""Events of a service gone mad: real ones, changed at random, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

Json = dict[str, Any]

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**53,
    10**400,
    1e308,
    "",
    "\u0000",
    "\U0001f600" * 20,
    "r1",
    "a1",
    [],
    {},
    [[]],
    {"type": "function_call", "status": "completed"},
    "AAAA",
    "not base64",
)
CALL = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "n", "arguments": "{}"}
EXTRA: tuple[Json, ...] = (
    {"type": "error", "error": {"code": "server_error", "message": "x", "event_id": None}},
    {"type": "error", "error": {"code": "response_cancel_not_active", "message": "x"}},
    {"type": "error", "error": {"code": "conversation_already_has_active_response"}},
    {"type": "error", "error": {"code": "bad_response_create", "event_id": "pv_create_1"}},
    {"type": "response.output_item.added", "response_id": "r1", "item": CALL},
    {"type": "response.output_item.done", "item": {**CALL, "status": "completed"}},
    {"type": "response.output_text.delta", "response_id": "r1", "item_id": "a1", "delta": "x"},
    {"type": "response.function_call_arguments.done", "call_id": "c1", "arguments": "{}"},
    {"type": "conversation.item.created", "item": CALL},
    {"type": "conversation.item.deleted", "item_id": "a1"},
    {"type": "conversation.item.retrieved", "item": {"id": "a1", "type": "message"}},
    {"type": "conversation.item.done", "item": {"id": "m", "type": "mcp_list_tools", "tools": []}},
    {"type": "conversation.item.done", "item": {"id": "m", "type": "mcp_approval_request"}},
    {"type": "conversation.item.input_audio_transcription.failed", "error": {}},
    {"type": "input_audio_buffer.timeout_triggered", "item_id": "u", "audio_start_ms": 1},
    {"type": "conversation.created", "conversation": {"id": "c"}},
    {"type": "output_audio_buffer.started"},
)
SOUND = {
    "type": "response.output_audio.delta",
    "response_id": "r1",
    "item_id": "a1",
    "content_index": 0,
    "delta": "AAAA" * 80,
}


def recorded() -> list[Json]:
    """Every event of the service in the recorded conversations, and some that are rarer."""
    events: list[Json] = [dict(event) for event in EXTRA]
    for path in sorted((Path(__file__).parent / "transcripts").glob("*.json")):
        for step in json.loads(path.read_text())["steps"]:
            if "service" in step:
                events.append(step["service"])
            elif "sound" in step:
                names = {key: step["sound"][key] for key in ("response_id", "item_id")}
                events.append({**SOUND, **names})
    return events


def mutated(dice: Random) -> Iterator[str | bytes]:
    """Messages for ever: half of them as recorded, the rest changed in their shape or bytes."""
    events = recorded()
    while True:
        event = deepcopy(dice.choice(events))
        how = dice.randrange(8)
        if how < 3:
            _rename(event, dice)
            yield json.dumps(event)
        elif how < 6:
            for _ in range(dice.randint(1, 3)):
                _change(event, dice)
            yield json.dumps(event)
        else:
            yield _torn(json.dumps(event), dice)


def _rename(event: Json, dice: Random) -> None:
    """Let ids vary, so that old and new replies and items meet."""
    number = dice.randrange(40)
    for key in ("response_id", "item_id"):
        if key in event:
            event[key] = f"{event[key]}_{number}"
    for key in ("response", "item"):
        if isinstance(event.get(key), dict) and "id" in event[key]:
            event[key]["id"] = f"{event[key]['id']}_{number}"


def _change(event: Json, dice: Random) -> None:
    """Replace, remove or copy something, anywhere in the event."""
    place: Any = event
    while True:
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and dice.random() < 0.6:
            place = place[key]
            continue
        deed = dice.randrange(3)
        if deed == 0:
            place[key] = deepcopy(dice.choice(ODD))
        elif deed == 1 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = [place[key]] * 2
        return


def _torn(text: str, dice: Random) -> str | bytes:
    data = bytearray(text.encode())
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        deed = dice.randrange(4)
        if deed == 0:
            data[at] = dice.randrange(256)
        elif deed == 1:
            del data[at : at + dice.randrange(1, 30)]
        elif deed == 2:
            data[at:at] = bytes(data[: dice.randrange(40)])
        else:
            del data[at:]
        if not data:
            return b""
    try:
        return data.decode() if dice.random() < 0.5 else bytes(data)
    except UnicodeDecodeError:
        return bytes(data)
