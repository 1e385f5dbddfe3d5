from __future__ import annotations

from pi_voice.core import actions as do
from pi_voice.core.handle import Handle
from pi_voice.core.states import Mic


def test_only_a_change_is_asked_for() -> None:
    handle = Handle()
    asked = [list(handle.want(wanted)) for wanted in (False, True, True, False, False)]
    assert asked == [[], [do.OpenMic()], [], [do.CloseMic()], []]


def test_it_may_be_open_from_the_wish_until_the_report_that_it_is_closed() -> None:
    handle = Handle()
    list(handle.want(True))
    assert handle.may_be_open
    list(handle.want(False))
    assert handle.may_be_open
    handle.opened()
    assert handle.may_be_open
    handle.closed()
    assert not handle.may_be_open


def test_the_report_of_an_earlier_closing_does_not_speak_for_the_last() -> None:
    handle = Handle()
    for _ in range(2):
        list(handle.want(True))
        list(handle.want(False))
    handle.closed()
    assert handle.may_be_open
    handle.closed()
    assert not handle.may_be_open


def test_a_lost_handle_is_not_open_although_it_is_wanted() -> None:
    handle = Handle()
    list(handle.want(True))
    handle.lost()
    assert (handle.is_lost, handle.may_be_open) == (True, False)
    list(handle.want(False))
    assert handle.may_be_open
    handle.closed()
    assert not handle.may_be_open


def test_a_lost_handle_that_is_opened_is_lost_no_more() -> None:
    handle = Handle()
    handle.lost()
    handle.opened()
    assert handle.mic is Mic.OPEN


def test_it_is_looked_for_only_while_it_is_wanted() -> None:
    handle = Handle()
    list(handle.want(True))
    handle.lost()
    assert handle.is_looked_for
    list(handle.want(False))
    assert not handle.is_looked_for


def test_a_closing_that_nobody_asked_for_does_not_speak_for_the_next() -> None:
    handle = Handle()
    handle.closed()
    list(handle.want(True))
    list(handle.want(False))
    assert handle.may_be_open


def test_what_is_told_of_it_is_never_better_than_what_is_known() -> None:
    handle = Handle()
    told = [handle.promise]
    list(handle.want(True))
    told.append(handle.promise)
    handle.lost()
    told.append(handle.promise)
    list(handle.want(False))
    told.append(handle.promise)
    handle.closed()
    told.append(handle.promise)
    assert told == [Mic.CLOSED, Mic.OPEN, Mic.LOST, Mic.OPEN, Mic.CLOSED]
