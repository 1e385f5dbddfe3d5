"""What the service says of replies, as listeners get it."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.dialog import Options
from tests.dialogue import Room, response


def room(**options: Any) -> Room:
    return Room(options=Options(**options)).connect()


def test_a_spoken_answer_is_told_in_the_order_of_the_seed() -> None:
    here = room().reply()
    here.says("response.output_audio_transcript.delta", response_id="r1", item_id="a1", delta="hi")
    here.speaks(20)
    here.says("response.output_audio.done", response_id="r1", item_id="a1", content_index=0)
    item = {"id": "a1", "type": "message", "role": "assistant", "content": []}
    here.says("response.output_item.done", response_id="r1", item=item).done()
    assert here.names() == [
        "turn_started",
        "item_update",
        "audio_transcript_delta",
        "audio",
        "audio_done",
        "item_update",
        "usage_update",
        "turn_done",
    ]


def test_sound_comes_as_bytes_with_all_that_the_speaker_must_report() -> None:
    [sound] = room().reply().speaks(20, index=1).all("audio")
    assert (sound.type, sound.response_id, sound.item_id, sound.content_index) == (
        "audio",
        "r1",
        "a1",
        1,
    )
    assert sound.data == bytes(960)


def test_sound_is_counted_by_the_format_that_the_service_confirmed() -> None:
    here = room()
    audio = {"output": {"format": {"type": "audio/pcmu"}}}
    here.says("session.updated", session={"audio": audio}).reply().speaks(1)
    assert here.dialog.heard.position()[0].received_ms == 6


def test_an_empty_piece_of_sound_is_none() -> None:
    here = room().reply()
    here.says("response.output_audio.delta", response_id="r1", item_id="a1", delta="")
    assert here.all("audio") == []


def test_usage_is_told_in_full_and_as_nothing_when_it_is_missing() -> None:
    usage = {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
        "input_token_details": {"cached_tokens": 3},
    }
    here = room().says("response.done", response=response("r1", "completed", usage=usage)).done()
    full, none = here.all("usage_update")
    assert (full.input_tokens, full.output_tokens, full.total_tokens) == (5, 7, 12)
    assert full.input_tokens_details == {"cached_tokens": 3}
    assert (none.input_tokens, none.total_tokens) == (0, 0)


def test_a_total_that_is_missing_is_the_sum() -> None:
    usage = {"input_tokens": 5, "output_tokens": 7}
    here = room().says("response.done", response=response("r1", "completed", usage=usage))
    assert here.all("usage_update")[0].total_tokens == 12


def test_the_end_of_a_turn_tells_its_state() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    done = response("r1", "cancelled", status_details=details, output=[{"id": "a1"}])
    [turn] = room().says("response.done", response=done).all("turn_done")
    assert (turn.type, turn.response.id, turn.response.status) == (
        "response_done",
        "r1",
        "cancelled",
    )
    assert turn.response.status_details == details
    assert turn.response.output == ({"id": "a1"},)


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("failed", {"error": {"type": "server_error", "code": "insufficient_quota"}}, None),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
        ("failed", None, None),
    ],
)
def test_a_reply_that_fails_is_an_error(status: str, details: Any, code: str | None) -> None:
    done = response("r1", status, status_details=details)
    [fault] = room().says("response.done", response=done).all("error")
    assert status in str(fault)
    assert fault.code == (code or ("insufficient_quota" if details else None))


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_reply_that_ends_as_it_should_is_no_error(status: str) -> None:
    assert room().reply().done(status=status).all("error") == []


@pytest.mark.parametrize(
    ("wire", "told", "kind"),
    [
        ("response.output_audio_transcript.delta", "audio_transcript_delta", "transcript_delta"),
        ("response.output_text.delta", "output_text_delta", "output_text_delta"),
    ],
)
def test_words_come_as_they_are_made(wire: str, told: str, kind: str) -> None:
    here = room().says(wire, response_id="r1", item_id="a1", delta="wo")
    [delta] = here.all(told)
    assert (delta.type, delta.delta, delta.item_id, delta.response_id) == (kind, "wo", "a1", "r1")
