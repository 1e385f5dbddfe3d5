"""What the service remembers, and how much of it."""

from __future__ import annotations

from pi_voice.sim.service_records import Shelf, Turn


def test_the_oldest_recordings_make_room_for_the_newest() -> None:
    shelf = Shelf(limit_bytes=250)
    recordings = [shelf.keep(bytes([n]) * 100) for n in range(4)]
    assert [len(recording.pcm) for recording in recordings] == [0, 0, 100, 100]


def test_a_full_shelf_keeps_what_it_holds() -> None:
    shelf = Shelf(limit_bytes=200)
    first = shelf.keep(bytes(100))
    shelf.keep(bytes(100))
    assert len(first.pcm) == 100


def test_one_recording_is_kept_however_long_it_is() -> None:
    assert len(Shelf(limit_bytes=10).keep(bytes(100)).pcm) == 100


def test_a_turn_shows_its_recording() -> None:
    turn = Turn(Shelf().keep(b"ab"), first_byte_at_s=1.0, committed_at_s=2.0, item_id="u")
    assert (turn.pcm, turn.status, turn.replied_ms) == (b"ab", "committed", 0.0)
