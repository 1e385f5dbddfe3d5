from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pi_voice.budget import Caps, Date, Ledger
from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.events import BudgetChanged, Event
from pi_voice.frames import WIRE
from pi_voice.spending import Spending, today

SECOND = bytes(48_000)
HEARD = ev.MicHeard(())


class Desk:
    """A budget on a table, with a calendar that the test turns."""

    def __init__(self, **caps: float) -> None:
        self.posted: list[Event] = []
        self.kept: list[Mapping[str, Any]] = []
        self.date = Date(10, 1)
        ledger = Ledger(Caps(**caps))  # type: ignore[arg-type]  # day_tokens is an int
        self.spending = Spending(
            ledger,
            WIRE,
            post=self.posted.append,
            keep=lambda counters: self.kept.append(counters()),
            now=lambda: self.date,
        )

    def see(self, *actions: Action, event: Event = HEARD) -> None:
        self.spending(event, actions, 100.0)


def test_what_is_sent_counts_also_when_it_is_sent_again() -> None:
    desk = Desk()
    desk.see(do.SendAudio(SECOND), do.SendTurn(SECOND * 2))
    assert desk.spending.report()["day_s"] == 3.0


def test_every_change_is_kept_and_nothing_else() -> None:
    desk = Desk()
    desk.see(do.SendAudio(SECOND))
    desk.see(do.Show(Pattern.IDLE))
    desk.see(event=ev.Used(audio_in=5))
    assert [kept["day_tokens"] for kept in desk.kept] == [0, 5]


def test_the_last_moment_before_a_stop_is_kept_too() -> None:
    desk = Desk()
    desk.see(do.SendAudio(SECOND))
    desk.see(do.SendAudio(SECOND[:24_000]))
    assert desk.kept[-1]["day_s"] == 1.5


def test_reading_the_counters_is_no_reason_to_keep_them_again() -> None:
    kept: list[Callable[[], Mapping[str, Any]]] = []
    spending = Spending(Ledger(Caps()), WIRE, post=print, keep=kept.append)
    spending(HEARD, [do.SendAudio(SECOND[:24_000])], 100.0)
    assert [counters()["day_s"] for counters in list(kept)] == [0.5]
    assert len(kept) == 1


def test_a_reached_limit_is_told_once_and_a_new_day_too() -> None:
    desk = Desk(day_s=60)
    desk.see(do.SendAudio(SECOND * 61))
    desk.see(do.SendAudio(SECOND))
    assert desk.posted == [BudgetChanged("the day's 1 minutes of sound are used up")]
    desk.date = Date(34, 2)
    desk.spending.look()
    desk.spending.look()
    assert desk.posted[1:] == [BudgetChanged("")]


def test_a_turn_that_ended_does_not_count_for_the_next() -> None:
    desk = Desk(turn_s=2)
    desk.see(do.SendAudio(SECOND), do.CommitTurn())
    desk.see(do.SendAudio(SECOND))
    assert desk.posted == []
    desk.see(do.SendAudio(SECOND))
    desk.see(do.DiscardTurn())
    assert desk.posted == [BudgetChanged("the 2 seconds of one turn are used up"), BudgetChanged()]


def test_an_open_line_counts_for_hour_and_day_and_is_never_one_long_turn() -> None:
    desk = Desk(turn_s=2, day_s=4)
    for _ in range(3):
        desk.see(do.StreamAudio(SECOND))
    assert desk.spending.report()["day_s"] == 3.0
    assert desk.posted == []
    desk.see(do.StreamAudio(SECOND))
    assert desk.posted == [BudgetChanged("the day's 0.0666667 minutes of sound are used up")]


def test_a_full_session_is_closed_when_nobody_talks() -> None:
    desk = Desk(session_s=2)
    desk.see(do.SendAudio(SECOND * 3))
    assert desk.posted == []
    desk.see(do.Show(Pattern.IDLE))
    desk.see(do.Show(Pattern.IDLE))
    assert desk.posted == [ev.SessionFull()]


def test_a_new_session_begins_at_nought() -> None:
    desk = Desk(session_s=2)
    desk.see(do.SendAudio(SECOND * 3))
    desk.see(event=ev.LinkUp("s2"))
    desk.see(do.Show(Pattern.IDLE))
    assert desk.posted == []


def test_today_moves_with_the_calendar() -> None:
    date = today()
    assert date.hour > 490_000
    assert date.day > 739_000


def test_a_turn_that_was_lost_on_its_way_does_not_count_for_the_next() -> None:
    desk = Desk(turn_s=2)
    desk.see(do.SendAudio(SECOND))
    desk.see(do.GateLink(muted=True))  # the link is gone: nothing is committed, nothing discarded
    desk.see(do.GateLink(muted=False), do.SendAudio(SECOND))
    assert desk.posted == []


def test_a_turn_that_is_sent_again_while_it_is_spoken_counts_again() -> None:
    desk = Desk(turn_s=2)
    desk.see(do.SendAudio(SECOND))
    desk.see(do.SendTurn(SECOND))
    assert desk.posted == [BudgetChanged("the 2 seconds of one turn are used up")]


def test_muting_does_not_cut_the_last_reply_of_a_full_session() -> None:
    desk = Desk(session_s=2)
    desk.see(do.SendAudio(SECOND * 3))
    desk.see(do.Show(Pattern.MUTED))
    assert desk.posted == []


def test_the_report_turns_the_page_of_the_calendar() -> None:
    desk = Desk()
    desk.see(do.SendAudio(SECOND))
    desk.date = Date(34, 2)
    assert desk.spending.report()["day_s"] == 0.0


@pytest.mark.parametrize("hours", [1, 24, 24 * 3650])
def test_today_moves_with_the_wall_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    before, now_s = today(), time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + hours * 3600)
    assert today().hour == before.hour + hours
    assert today().day - before.day in (hours // 24, hours // 24 + 1)
