from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pi_voice.core.actions import Pattern, Sound
from pi_voice.core.failures import Failure
from pi_voice.core.states import TRANSITIONS, Condition, Connection, Mic, Step, Turn, pattern


def conditions(*, muted: bool = False) -> Iterator[Condition]:
    troubles = (None, *Failure)
    every = itertools.product(Turn, Connection, Mic, troubles, (False, True))
    for turn, connection, mic, trouble, speaker_lost in every:
        if (connection is Connection.FAILING) <= (trouble is not None):
            yield Condition(turn, connection, mic, muted, trouble, speaker_lost)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {new for steps in TRANSITIONS.values() for new in steps.values()}
    assert reached == set(TRANSITIONS) == set(Turn)


def test_every_waiting_state_can_be_dropped() -> None:
    assert all(Step.DROP in TRANSITIONS[turn] for turn in Turn if turn is not Turn.IDLE)


def test_mute_is_shown_before_everything_else() -> None:
    assert {pattern(box) for box in conditions(muted=True)} == {Pattern.MUTED}


def test_listening_is_shown_only_while_the_handle_is_open() -> None:
    listening = [box for box in conditions() if pattern(box) is Pattern.LISTENING]
    assert listening
    assert {box.mic for box in listening} == {Mic.OPEN}


def test_a_quiet_box_shows_its_connection() -> None:
    calm = [c for c in Connection if c is not Connection.FAILING]
    shown = [pattern(Condition(Turn.IDLE, c, Mic.CLOSED)).value for c in calm]
    assert shown == ["starting", "idle", "idle", "asleep"]


@pytest.mark.parametrize("failure", Failure)
def test_a_quiet_box_shows_why_nobody_would_answer(failure: Failure) -> None:
    box = Condition(Turn.IDLE, Connection.FAILING, Mic.CLOSED, trouble=failure)
    assert pattern(box).value == failure.value
    assert Sound(failure).value == failure.value


@pytest.mark.parametrize("connection", Connection)
def test_a_missing_card_is_shown_whatever_the_connection(connection: Connection) -> None:
    trouble = Failure.NO_NETWORK if connection is Connection.FAILING else None
    deaf = Condition(Turn.IDLE, connection, Mic.LOST, trouble=trouble)
    dumb = Condition(Turn.IDLE, connection, Mic.CLOSED, trouble=trouble, speaker_lost=True)
    assert pattern(deaf) is Pattern.NO_MICROPHONE
    assert pattern(dumb) is Pattern.NO_SPEAKER


def test_a_reply_that_nobody_hears_does_not_look_like_one() -> None:
    box = Condition(Turn.SPEAKING, Connection.ONLINE, Mic.CLOSED, speaker_lost=True)
    assert pattern(box) is Pattern.NO_SPEAKER


def test_a_question_on_its_way_is_shown_before_the_trouble_of_the_next() -> None:
    box = Condition(Turn.THINKING, Connection.ONLINE, Mic.CLOSED, trouble=Failure.BUDGET_SPENT)
    assert pattern(box) is Pattern.THINKING


def test_safe_mode_is_shown_whenever_the_box_is_quiet_and_would_answer() -> None:
    for box in conditions():
        plain, safe = pattern(box), pattern(replace(box, safe_mode=True))
        calm = plain in (Pattern.STARTING, Pattern.IDLE, Pattern.ASLEEP)
        assert safe is (Pattern.SAFE_MODE if calm else plain)
