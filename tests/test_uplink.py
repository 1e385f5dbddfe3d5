"""The gate of mute, and the account of what the service's buffer holds."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from pi_voice.transport.heard import AudioShape
from pi_voice.transport.uplink import Uplink

TENTH = b64encode(bytes(4800)).decode()  # 100 ms
SOUND = {"type": "input_audio", "audio": TENTH}
WORDS = {"type": "input_text", "text": "hi"}


def muted() -> Uplink:
    uplink = Uplink()
    uplink.muted = True
    return uplink


def item(*parts: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {"type": "message", "content": [*parts]}}


def reply(*items: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": {"input": [*items]}}


def test_sound_is_counted_until_it_is_committed_or_cleared() -> None:
    uplink = Uplink()
    assert uplink.append(4800) == 100
    uplink.append(4800)
    assert uplink.appended_ms == 200
    uplink.commit()
    assert uplink.appended_ms == 0
    uplink.append(4800)
    uplink.clear()
    assert uplink.appended_ms == 0


def test_g711_lasts_longer_per_byte() -> None:
    uplink = Uplink()
    uplink.shape = AudioShape(8000, frame_bytes=1)
    assert uplink.append(800) == 100


def test_only_a_turn_that_the_service_ended_by_itself_empties_the_count() -> None:
    uplink = Uplink()
    uplink.commit()
    uplink.append(4800)
    uplink.committed()
    assert uplink.appended_ms == 100
    uplink.committed()
    assert uplink.appended_ms == 0


def test_a_refused_commit_is_not_waited_for() -> None:
    uplink = Uplink()
    uplink.commit()
    uplink.commit_refused()
    uplink.commit_refused()
    uplink.append(4800)
    uplink.committed()
    assert uplink.appended_ms == 0


def test_a_lost_connection_empties_everything_but_mute_and_losses() -> None:
    uplink = muted()
    uplink.drop(4800)
    uplink.append(4800)
    uplink.reset()
    assert (uplink.muted, uplink.dropped_ms, uplink.appended_ms) == (True, 100, 0)


@pytest.mark.parametrize("event", [{"type": "x"}, item(SOUND), reply({"content": [SOUND]})])
def test_everything_passes_while_not_muted(event: dict[str, Any]) -> None:
    assert Uplink().passed(event) is event


@pytest.mark.parametrize(
    ("event", "left"),
    [
        ({"type": "input_audio_buffer.append", "audio": TENTH}, None),
        (item(SOUND), None),
        (item(WORDS, SOUND), item(WORDS)),
        (reply({"content": [WORDS, SOUND]}, {"content": [SOUND]}), reply({"content": [WORDS]})),
    ],
)
def test_no_sound_passes_while_muted(event: dict[str, Any], left: dict[str, Any] | None) -> None:
    uplink = muted()
    assert uplink.passed(event) == left
    assert uplink.dropped_ms >= 100


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.commit"},
        item(WORDS),
        {"type": "conversation.item.create", "item": {"type": "function_call_output"}},
        reply({"type": "item_reference", "id": "x"}),
        {"type": "response.create"},
        {"type": "session.update", "session": {"audio": {"input": {}}}},
    ],
)
def test_everything_else_passes_while_muted(event: dict[str, Any]) -> None:
    uplink = muted()
    assert uplink.passed(event) == event
    assert uplink.dropped_ms == 0
