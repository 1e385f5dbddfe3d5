from __future__ import annotations

import itertools

from pi_voice.core.actions import Pattern
from pi_voice.core.states import TRANSITIONS, Connection, Mic, Step, Turn, pattern


def test_every_state_can_be_reached_and_left() -> None:
    reached = {new for steps in TRANSITIONS.values() for new in steps.values()}
    assert reached == set(TRANSITIONS) == set(Turn)


def test_every_waiting_state_can_be_dropped() -> None:
    assert all(Step.DROP in TRANSITIONS[turn] for turn in Turn if turn is not Turn.IDLE)


def test_mute_is_shown_before_everything_else() -> None:
    for turn, connection, mic in itertools.product(Turn, Connection, Mic):
        assert pattern(turn, connection, mic, muted=True) is Pattern.MUTED


def test_listening_is_shown_only_while_the_handle_is_open() -> None:
    for turn, connection, mic in itertools.product(Turn, Connection, Mic):
        if pattern(turn, connection, mic, muted=False) is Pattern.LISTENING:
            assert mic is Mic.OPEN


def test_a_quiet_box_shows_its_connection() -> None:
    shown = [pattern(Turn.IDLE, c, Mic.CLOSED, muted=False).value for c in Connection]
    assert shown == ["starting", "idle", "idle", "offline", "refused"]


def test_a_missing_microphone_is_shown_whatever_the_connection() -> None:
    for connection in Connection:
        assert pattern(Turn.IDLE, connection, Mic.LOST, muted=False) is Pattern.FAULT
