"""Interruptions and their races: what the user hears, and what the service is told."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.cut_replies import MOST_CUT
from pi_voice.transport.dialog import Options
from tests.dialogue import Room

SERVER_VAD = {"turn_detection": {"type": "server_vad"}}
NO_INTERRUPT = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}


def room(config: dict[str, Any] | None = None, **options: Any) -> Room:
    return Room(options=Options(**options)).connect(config or {"turn_detection": None})


def speaking(config: dict[str, Any] | None = None, **options: Any) -> Room:
    """r1 is generated; 2,000 ms of a1 arrived and 740 of them were heard."""
    here = room(config, **options).reply().speaks(1000).speaks(1000)
    here.dialog.heard.on_played("a1", 0, 740 * 24)
    here.forget()
    return here


def test_an_interruption_is_local_first_then_cancelled_then_truncated() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    assert here.sent == []
    here.perform()
    assert here.sent == [
        {"type": "response.cancel", "response_id": "r1"},
        {
            "type": "conversation.item.truncate",
            "item_id": "a1",
            "content_index": 0,
            "audio_end_ms": 740,
        },
    ]
    assert [name for name in here.names() if name != "item_update"] == [
        "audio_interrupted",
        "interrupted",
    ]


def test_the_speaker_is_stopped_before_anything_is_on_the_wire() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    first = here.protocol.effects[0]
    assert getattr(first, "name", None) == "audio_interrupted"


def test_the_second_interruption_says_nothing() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == []
    assert here.names() == []


def test_nothing_is_said_when_there_is_nothing_to_interrupt() -> None:
    here = room()
    here.dialog.interrupt(cancel=True)
    assert here.types() == []
    assert here.names() == []


def test_a_reply_is_cancelled_before_its_first_sound() -> None:
    here = room(SERVER_VAD).reply()
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == ["response.cancel"]
    assert here.names() == ["audio_interrupted", "interrupted"]


def test_no_sound_of_an_interrupted_reply_is_told_or_counted() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.forget()
    here.speaks(100).speaks(100, item_id="a2").done(status="cancelled").speaks(100)
    assert "audio" not in here.names()
    assert here.dialog.heard.position() == []
    assert "audio.output.delta" not in here.kinds()


def test_late_sound_is_still_told_by_its_name_on_the_wire() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.forget()
    here.speaks(100)
    assert [name for name, _ in here.told] == ["*", "response.output_audio.delta"]


def test_sound_that_waits_for_listeners_is_held_back_by_an_interruption() -> None:
    here = room().reply()
    here.protocol.receive(
        '{"type":"response.output_audio.delta","response_id":"r1","item_id":"a1","delta":"AAAA"}'
    )
    here.dialog.interrupt(cancel=True)
    assert "audio" not in here.names()


def test_a_reply_that_ended_but_is_still_heard_is_truncated_and_not_cancelled() -> None:
    here = speaking().done()
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == ["conversation.item.truncate"]


def test_what_was_heard_to_its_end_is_not_truncated() -> None:
    here = room().reply().speaks(100)
    here.says("response.output_audio.done", item_id="a1", content_index=0).done()
    here.dialog.heard.on_played("a1", 0, 2400)
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == []
    assert here.names() == []


def test_every_unfinished_part_is_truncated_in_order() -> None:
    here = speaking().speaks(500, item_id="a2").speaks(500, item_id="a2", index=1)
    here.forget()
    here.dialog.interrupt(cancel=True)
    here.perform()
    ends = [(e["item_id"], e["content_index"], e["audio_end_ms"]) for e in here.sent[1:]]
    assert ends == [("a1", 0, 740), ("a2", 0, 0), ("a2", 1, 0)]


def test_a_position_is_never_beyond_what_was_received_and_always_whole() -> None:
    here = room().reply().speaks(100)
    here.dialog.heard.on_played("a1", 0, 24 * 5000 + 7)
    here.dialog.interrupt(cancel=True)
    here.perform()
    assert here.sent[-1]["audio_end_ms"] == 100
    assert type(here.sent[-1]["audio_end_ms"]) is int


def test_interrupting_between_create_and_created_cancels_by_name_as_soon_as_it_has_one() -> None:
    here = room()
    here.calls.request_response(None)
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == []
    assert here.names() == ["audio_interrupted", "interrupted"]
    here.reply("r7").speaks(100, "r7")
    assert here.sent == [{"type": "response.cancel", "response_id": "r7"}]
    assert "audio" not in here.names()


def test_a_follow_up_that_waits_survives_the_interruption() -> None:
    here = speaking()
    here.calls.request_response(None)
    here.dialog.interrupt(cancel=True)
    assert "response.create" not in here.types()
    here.done(status="cancelled")
    assert here.types() == ["response.create"]


def test_interrupting_without_cancel_only_falls_silent() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=False)
    assert here.types() == ["conversation.item.truncate"]
    here.forget()
    here.speaks(100)
    assert "audio" not in here.names()


def test_interrupting_without_cancel_before_the_reply_begins_only_silences_it() -> None:
    here = room()
    here.calls.request_response(None)
    here.forget()
    here.dialog.interrupt(cancel=False)
    here.reply().speaks(100)
    assert here.types() == []
    assert "audio" not in here.names()


def test_a_service_without_cancel_is_interrupted_locally() -> None:
    here = speaking(can_cancel=False, can_truncate=False)
    here.dialog.interrupt(cancel=True)
    assert here.types() == []
    assert "audio_interrupted" in here.names()
    here.speaks(100)
    assert "audio" not in here.names()


def test_speech_that_interrupts_is_left_for_the_service_to_cancel() -> None:
    here = speaking(SERVER_VAD)
    here.says("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=5)
    assert here.types() == ["conversation.item.truncate"]
    assert [n for n in here.names() if n != "item_update"] == ["audio_interrupted", "interrupted"]


def test_kernl_hears_of_the_interruption_before_the_speech() -> None:
    here = speaking(SERVER_VAD).says("input_audio_buffer.speech_started", item_id="u2")
    told = [
        name if name == "interrupted" else payload["kind"]
        for name, payload in here.told
        if name in ("interrupted", "event")
    ]
    assert told == ["interrupted", "speech.started"]


def test_speech_does_nothing_where_it_must_not_interrupt() -> None:
    here = speaking(NO_INTERRUPT).says("input_audio_buffer.speech_started", item_id="u2")
    assert here.types() == []
    assert "audio_interrupted" not in here.names()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_program_may_decide_itself_whether_speech_interrupts(wanted: bool) -> None:
    here = speaking(NO_INTERRUPT if wanted else SERVER_VAD)
    here.dialog.interrupt_on_speech = wanted
    here.says("input_audio_buffer.speech_started", item_id="u2")
    assert ("audio_interrupted" in here.names()) is wanted


def test_a_button_after_speech_cancels_once_and_truncates_no_more() -> None:
    here = speaking(SERVER_VAD).says("input_audio_buffer.speech_started", item_id="u2")
    here.forget()
    here.dialog.interrupt(cancel=True)
    here.dialog.interrupt(cancel=True)
    assert here.types() == ["response.cancel"]


def test_a_new_reply_with_an_old_name_is_heard() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.done(status="cancelled").reply(item_id="a2").speaks(100, item_id="a2")
    assert "audio" in here.names()


def test_a_beginning_that_is_told_twice_does_not_bring_a_cut_reply_back() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.forget()
    here.reply().speaks(100)
    assert "audio" not in here.names()


def test_a_service_without_names_is_cut_and_heard_again() -> None:
    here = room().says("response.created", response={}).speaks(10, None)
    here.dialog.interrupt(cancel=True)
    here.perform()
    assert here.sent[0] == {"type": "response.cancel"}
    here.forget()
    here.speaks(10, None, "a2").done(None)
    assert "audio" not in here.names()
    here.says("response.created", response={}).speaks(10, None, "a3")
    assert "audio" in here.names()


def test_a_reply_beside_the_conversation_is_cancelled_when_it_is_heard() -> None:
    here = room()
    here.says("response.created", response={"id": "r9", "conversation_id": None})
    here.speaks(100, "r9", "a9")
    here.dialog.interrupt(cancel=True)
    here.perform()
    assert here.sent == [{"type": "response.cancel", "response_id": "r9"}]  # no item to truncate


def test_cancelling_for_a_speaker_that_reports_later_truncates_when_it_has() -> None:
    here = speaking()
    assert here.dialog.cancel()
    assert here.types() == ["response.cancel"]
    here.speaks(100)
    assert "audio" not in here.names()
    assert here.dialog.truncate("a1", 0, 812.9)
    here.perform()
    assert here.sent[-1]["audio_end_ms"] == 812
    assert not here.dialog.truncate("a1", 0, 812.9)


def test_cancelling_twice_says_it_once() -> None:
    here = speaking()
    here.dialog.cancel()
    assert not here.dialog.cancel()
    assert here.types() == ["response.cancel"]


def test_cancelling_nothing_is_no_cancel() -> None:
    here = room()
    assert not here.dialog.cancel()
    assert here.types() == []


@pytest.mark.parametrize(("heard_ms", "end_ms"), [(5000.0, 2000), (-3.0, 0), (0.0, 0)])
def test_a_truncation_is_clamped_to_what_was_received(heard_ms: float, end_ms: int) -> None:
    here = speaking()
    assert here.dialog.truncate("a1", 0, heard_ms)
    here.perform()
    assert here.sent[-1]["audio_end_ms"] == end_ms


def test_a_part_that_was_heard_whole_or_never_came_is_not_truncated() -> None:
    here = speaking().done()
    here.forget()
    assert not here.dialog.truncate("a1", 0, 2000.0)
    assert not here.dialog.truncate("other", 0, 10.0)
    assert here.types() == []


def test_a_cancel_of_the_program_itself_cuts_and_holds_back_the_next() -> None:
    here = speaking()
    here.calls.send_event({"type": "response.cancel"})
    here.calls.request_response(None)
    assert here.types() == ["response.cancel"]
    here.speaks(100)
    assert "audio" not in here.names()
    here.done(status="cancelled")
    assert here.types() == ["response.create"]


def test_a_cancel_by_another_name_leaves_the_active_reply() -> None:
    here = speaking()
    here.calls.send_event({"type": "response.cancel", "response_id": "r0"})
    here.speaks(100)
    assert "audio" in here.names()


def test_a_cancel_that_came_too_late_is_no_error() -> None:
    here = speaking()
    here.dialog.interrupt(cancel=True)
    here.done()
    here.forget()
    here.fails("response_cancel_not_active")
    assert here.names() == []
    assert [name for name, _ in here.told] == []


def test_the_silence_of_the_service_is_guarded_and_ends() -> None:
    here = room()
    here.calls.request_response(None)
    here.calls.request_response(None)
    here.forget()
    assert here.guards == 1
    assert here.dialog.guard()
    assert here.types() == ["response.create"]
    assert here.guards == 2


def test_a_reply_that_is_still_spoken_is_not_given_up() -> None:
    here = speaking()
    here.calls.request_response(None)
    here.speaks(10)
    assert not here.dialog.guard()
    assert here.types() == []
    assert here.guards == 2
    assert here.dialog.guard()
    assert here.types() == ["response.create"]


def test_a_guard_that_is_not_needed_any_more_does_nothing() -> None:
    here = room()
    here.calls.request_response(None)
    here.reply().done()
    assert not here.dialog.guard()


def test_requests_beside_the_conversation_wait_for_nobody() -> None:
    here = speaking()
    here.calls.request_response({"conversation": "none"})
    assert here.types() == ["response.create"]


def test_a_request_beside_the_conversation_has_an_id_too() -> None:
    here = room()
    here.calls.request_response({"conversation": "none"})
    here.calls.send_event(
        {"type": "response.create", "event_id": "mine", "response": {"conversation": "none"}}
    )
    here.perform()
    assert [event["event_id"] for event in here.sent] == ["pv_create_1", "mine"]


def test_a_request_that_json_cannot_say_holds_back_no_other() -> None:
    here = room()
    with pytest.raises(TypeError):
        here.calls.send_event({"type": "response.create", "response": {"metadata": object()}})
    here.calls.request_response(None)
    assert here.types() == ["response.create"]


def test_a_request_that_waits_is_what_it_was_when_it_was_made() -> None:
    here = speaking()
    wish = {"instructions": "Be brief."}
    here.calls.send_event({"type": "response.create", "response": wish})
    wish["instructions"] = "Sing."
    here.done()
    assert here.sent[-1]["response"] == {"instructions": "Be brief."}


def test_nothing_that_waits_appears_on_the_next_connection() -> None:
    here = speaking()
    here.calls.request_response(None)
    here.calls.send_event({"type": "input_audio_buffer.clear"})
    here.reconnect()
    assert set(here.types()) == {"session.update"}


def test_an_interruption_after_a_reconnect_truncates_nothing_of_before() -> None:
    here = speaking()
    here.reconnect()
    here.forget()
    here.dialog.interrupt(cancel=True)
    assert here.types() == []


def test_what_was_cut_is_forgotten_in_time() -> None:
    here = room()
    for number in range(2 * MOST_CUT):
        here.reply(f"r{number}", f"a{number}")
        here.dialog.interrupt(cancel=True)
        here.done(f"r{number}", "cancelled")
    assert len(here.dialog._cut) <= MOST_CUT
