"""How much of a reply was heard, by what the speaker reports."""

from __future__ import annotations

import pytest

from pi_voice.transport.heard import MOST_ITEMS, AudioShape, PlaybackTracker

MS = 24  # sample frames


def tracker(*received_ms: tuple[str, int]) -> PlaybackTracker:
    found = PlaybackTracker()
    found.on_played("warm-up", 0, 0)  # a speaker that reports
    for item_id, ms in received_ms:
        found.enqueue(item_id, 0, "r1", bytes(2 * MS * ms))
    return found


def test_the_position_is_what_the_speaker_reported() -> None:
    found = tracker(("a1", 2900))
    found.on_played("a1", 0, 700 * MS)
    found.on_played("a1", 0, 40 * MS)
    [position] = found.position()
    assert (position.item_id, position.content_index, position.response_id) == ("a1", 0, "r1")
    assert (position.received_ms, position.played_ms, position.end_ms) == (2900, 740, 740)


def test_without_reports_nothing_was_heard() -> None:
    found = PlaybackTracker()
    found.enqueue("a1", 0, "r1", bytes(4800))
    assert found.position()[0].end_ms == 0


def test_never_more_was_heard_than_received() -> None:
    found = tracker(("a1", 10))
    found.on_played("a1", 0, 10_000 * MS)
    assert found.position()[0].played_ms == 10


def test_parts_of_one_item_have_their_own_positions() -> None:
    found = tracker(("a1", 10))
    found.enqueue("a1", 1, "r1", bytes(2 * MS * 20))
    found.on_played("a1", 1, 5 * MS)
    assert [(p.content_index, p.played_ms) for p in found.position()] == [(0, 0), (1, 5)]


def test_the_end_of_generation_keeps_the_position() -> None:
    found = tracker(("a1", 100))
    found.on_played("a1", 0, 50 * MS)
    found.audio_done("a1", 0)
    found.response_done("r1")
    assert found.position()[0].played_ms == 50


@pytest.mark.parametrize("played_first", [True, False])
def test_a_part_is_over_when_it_is_complete_and_was_heard(played_first: bool) -> None:
    found = tracker(("a1", 100))
    if played_first:
        found.on_played("a1", 0, 100 * MS)
        assert found.position()
    found.audio_done("a1", 0)
    if not played_first:
        found.on_played("a1", 0, 100 * MS)
    assert found.position() == []


def test_the_end_of_one_item_leaves_the_next_alone() -> None:
    found = tracker(("a1", 100), ("a2", 100))
    found.on_played("a1", 0, 100 * MS)
    found.audio_done("a1", 0)
    assert [p.item_id for p in found.position()] == ["a2"]


def test_a_position_can_be_set_as_a_whole_and_never_goes_back() -> None:
    found = tracker(("a1", 100))
    found.played_until("a1", 0, 60.4)
    found.played_until("a1", 0, 20.0)
    assert found.position()[0].end_ms == 60


def test_reports_of_unknown_items_are_ignored() -> None:
    found = tracker()
    found.on_played("a9", 0, 100)
    found.played_until("a9", 0, 100)
    found.audio_done("a9", 0)
    found.forget("a9", 0)
    assert found.position() == []


def test_a_negative_report_takes_nothing_back() -> None:
    found = tracker(("a1", 100))
    found.on_played("a1", 0, 50 * MS)
    found.on_played("a1", 0, -10 * MS)
    assert found.position()[0].played_ms == 50


def test_g711_is_counted_at_its_own_rate() -> None:
    found = PlaybackTracker()
    found.shape = AudioShape(8000, frame_bytes=1)
    found.enqueue("a1", 0, "r1", bytes(800))
    found.on_played("a1", 0, 400)
    [position] = found.position()
    assert (position.received_ms, position.played_ms) == (100, 50)


def test_silence_on_the_wire_is_no_item() -> None:
    found = PlaybackTracker()
    found.enqueue("a1", 0, "r1", b"")
    assert found.position() == []


def test_a_program_that_never_reports_is_taken_to_be_at_the_newest_reply() -> None:
    found = PlaybackTracker()
    for number in range(3):
        found.enqueue(f"a{number}", 0, f"r{number}", bytes(480))
        found.enqueue(f"b{number}", 0, f"r{number}", bytes(480))
    assert [p.item_id for p in found.position()] == ["a2", "b2"]


def test_the_account_stays_small_whatever_the_speaker_forgets() -> None:
    found = tracker(*((f"a{number}", 1) for number in range(1000)))
    assert len(found.position()) == MOST_ITEMS
    assert found.position()[-1].item_id == "a999"


def test_clearing_forgets_everything() -> None:
    found = tracker(("a1", 10), ("a2", 10))
    found.clear()
    assert found.position() == []
    assert found.find("a1", 0) is None
