"""How long a service may take for a reply, on times that the test says."""

from __future__ import annotations

from math import inf

from pi_voice.transport.patience import CREATED_S, FIRST_S, GAP_S, WHOLE_S, Patience


def reason(patience: Patience, now_s: float) -> str:
    stuck = patience.stuck(now_s)
    return "" if stuck is None else stuck.reason


def test_who_asked_for_nothing_waits_for_nothing() -> None:
    assert Patience().due_s == inf
    assert Patience().stuck(1e9) is None


def test_a_reply_has_to_begin_after_the_turn_arrived() -> None:
    patience = Patience()
    patience.asked(100.0)
    assert patience.due_s == 100.0 + CREATED_S
    patience.arrived(104.0)
    assert patience.due_s == 104.0 + CREATED_S
    assert reason(patience, 108.9) == ""
    assert reason(patience, 109.0) == "the service did not begin a reply within 5 s"


def test_a_reply_that_began_has_to_say_something() -> None:
    patience = Patience()
    patience.asked(100.0)
    patience.began("r", 101.0)
    assert patience.due_s == 101.0 + FIRST_S
    assert reason(patience, 111.0) == "a reply began, and had no word after 10 s"


def test_a_reply_that_said_something_has_to_go_on() -> None:
    patience = Patience()
    patience.began("r", 100.0)
    patience.spoke("r", 109.0)
    assert patience.due_s == 109.0 + GAP_S
    assert reason(patience, 114.0) == "a reply fell silent for 5 s before its end"


def test_a_reply_that_goes_on_has_to_end() -> None:
    patience = Patience()
    patience.began("r", 100.0)
    for now_s in range(101, 221, 4):
        patience.spoke("r", float(now_s))
    assert patience.due_s == 100.0 + WHOLE_S
    assert reason(patience, 220.0) == "a reply was not complete after 120 s"


def test_what_ended_is_not_waited_for() -> None:
    patience = Patience()
    patience.asked(100.0)
    patience.began("r", 101.0)
    patience.ended("r", 102.0)
    patience.spoke("r", 103.0)
    assert patience.due_s == inf


def test_the_next_reply_has_to_begin_only_when_none_runs() -> None:
    patience = Patience()
    patience.asked(100.0)
    patience.began("r", 101.0)
    patience.asked(102.0)
    patience.arrived(102.5)
    patience.spoke("r", 200.0)
    assert patience.due_s == 205.0
    patience.ended("r", 203.0)
    assert patience.due_s == 203.0 + CREATED_S


def test_what_was_refused_or_forgotten_is_not_waited_for() -> None:
    patience = Patience()
    patience.asked(100.0)
    patience.refused(101.0)
    assert patience.due_s == inf
    patience.asked(100.0)
    patience.began("r", 101.0)
    patience.asked(102.0)
    patience.forget()
    assert patience.due_s == inf


def test_the_end_of_another_reply_changes_nothing() -> None:
    patience = Patience()
    patience.asked(100.0)
    patience.ended("other", 101.0)
    assert patience.due_s == 100.0 + CREATED_S
