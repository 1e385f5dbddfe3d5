"""Which replies reach the device, however late and out of order the service begins them."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.wanted import TURN, Wanted


def tagged(turn: int) -> dict[str, Any]:
    return {"metadata": {TURN: str(turn), "other": "x"}}


def test_a_reply_that_was_asked_for_is_wanted_to_its_end() -> None:
    wanted = Wanted()
    turn = wanted.ask()
    assert wanted.begin("r1", tagged(turn))
    assert wanted.wants("r1")
    assert wanted.end("r1") == turn


def test_a_reply_that_runs_is_unwanted_once_it_was_cancelled() -> None:
    wanted = Wanted()
    wanted.begin("r1", tagged(wanted.ask()))
    wanted.cancel()
    assert not wanted.wants("r1")
    wanted.end("r1")
    assert not wanted.wants("r1")


def test_a_reply_that_begins_after_it_was_cancelled_is_unwanted() -> None:
    wanted = Wanted()
    old = wanted.ask()
    wanted.cancel()
    new = wanted.ask()
    assert not wanted.begin("r1", tagged(old))
    assert wanted.begin("r2", tagged(new))


def test_two_replies_that_wait_are_both_unwanted_after_a_cancel() -> None:
    wanted = Wanted()
    turns = [wanted.ask(), wanted.ask()]
    wanted.cancel()
    assert [wanted.begin(f"r{turn}", tagged(turn)) for turn in turns] == [False, False]


@pytest.mark.parametrize("metadata", [None, {}, {TURN: None}, {TURN: "x"}, {TURN: "²"}, "odd"])
def test_without_the_metadata_the_order_of_the_wishes_decides(metadata: Any) -> None:
    wanted = Wanted()
    wanted.ask()
    wanted.cancel()
    wanted.ask()
    assert not wanted.begin("r1", {"metadata": metadata})
    assert wanted.begin("r2", {"metadata": metadata})


def test_a_wish_that_was_refused_does_not_shift_the_order() -> None:
    wanted = Wanted()
    first = wanted.ask()
    wanted.cancel()
    wanted.ask()
    assert not wanted.refused(first)
    assert wanted.begin("r2", {})


def test_the_refusal_of_a_wanted_reply_matters() -> None:
    wanted = Wanted()
    assert wanted.refused(wanted.ask())


def test_a_reply_that_the_service_begins_by_itself_is_wanted_until_it_is_cancelled() -> None:
    wanted = Wanted()
    assert wanted.begin("r1", {})
    wanted.cancel()
    assert not wanted.wants("r1")
    assert wanted.begin("r2", {})


def test_what_goes_on_with_a_cancelled_turn_is_unwanted() -> None:
    wanted = Wanted()
    turn = wanted.ask()
    wanted.begin("r1", tagged(turn))
    wanted.cancel()
    wanted.ask(turn)
    assert not wanted.begin("r2", tagged(turn))


def test_a_new_session_starts_with_nothing() -> None:
    wanted = Wanted()
    old = wanted.ask()
    wanted.begin("r1", tagged(old))
    wanted.reset()
    assert wanted.end("r1") is None
    assert wanted.wants("r1")
    assert wanted.begin("r2", tagged(wanted.ask()))


def test_nothing_grows_over_thousands_of_cancelled_replies() -> None:
    wanted = Wanted()
    for number in range(10_000):
        wanted.begin(f"r{number}", tagged(wanted.ask()))
        wanted.cancel()
        wanted.end(f"r{number}")
    assert len(wanted._unwanted) <= 64
    assert not wanted._asked


def test_a_reply_that_never_began_does_not_take_the_place_of_the_next() -> None:
    wanted = Wanted()
    wanted.ask()
    wanted.cancel()
    wanted.spoken_over()
    wanted.ask()
    assert wanted.begin("r2", {})


def test_what_runs_when_the_user_talks_over_it_is_wanted_no_more() -> None:
    wanted = Wanted()
    wanted.ask()
    wanted.begin("r1", {})
    wanted.spoken_over()
    assert not wanted.wants("r1")
    assert not wanted.is_busy
