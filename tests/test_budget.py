from __future__ import annotations

import pytest

from pi_voice.budget import Caps, Date, Ledger
from pi_voice.core.events import Used

NOW = Date(hour=500_000, day=739_000)
NEXT_HOUR = Date(hour=500_001, day=739_000)
TOMORROW = Date(hour=500_010, day=739_001)
INFINITE = {"hour": float("inf"), "day_tokens": float("inf"), "day_s": float("nan")}
PRICES = {"text_in": 4.0, "audio_in": 32.0, "audio_out": 64.0}


def test_without_limits_nothing_is_refused() -> None:
    ledger = Ledger(Caps())
    ledger.sent(1e6, NOW)
    ledger.used(Used(audio_in=10**9), NOW)
    assert ledger.refusal(NOW) == ""


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        (Caps(turn_s=10), "the 10 seconds of one turn are used up"),
        (Caps(hour_s=10), "the hour's 0.166667 minutes of sound are used up"),
        (Caps(day_s=10), "the day's 0.166667 minutes of sound are used up"),
    ],
)
def test_a_limit_on_sound_is_reached_by_the_last_second_of_it(caps: Caps, reason: str) -> None:
    ledger = Ledger(caps)
    ledger.sent(9.9, NOW)
    assert ledger.refusal(NOW) == ""
    ledger.sent(0.1, NOW)
    assert ledger.refusal(NOW) == reason


def test_tokens_of_all_kinds_count() -> None:
    ledger = Ledger(Caps(day_tokens=6))
    ledger.used(Used(1, 1, 1, 1, 1, 0), NOW)
    assert ledger.refusal(NOW) == ""
    ledger.used(Used(audio_out=1), NOW)
    assert ledger.refusal(NOW) == "the day's 6 tokens are used up"


def test_money_is_tokens_at_the_price_of_their_kind() -> None:
    ledger = Ledger(Caps(day_money=0.1, currency="EUR"), PRICES)
    ledger.used(Used(text_in=1000, audio_in=1000, audio_out=1000, text_out=1000), NOW)
    assert ledger.spent.day_money == pytest.approx(0.004 + 0.032 + 0.064)
    assert ledger.refusal(NOW) == "the day's 0.1 EUR are used up"


def test_a_new_hour_gives_new_minutes_but_no_new_day() -> None:
    ledger = Ledger(Caps(hour_s=10, day_s=100))
    ledger.sent(50, NOW)
    assert ledger.refusal(NEXT_HOUR) == ""
    assert ledger.spent.day_s == 50
    assert ledger.refusal(TOMORROW) == ""
    assert ledger.spent.day_s == 0


def test_a_clock_that_is_set_back_gives_nothing_for_free() -> None:
    ledger = Ledger(Caps(hour_s=10, day_s=10))
    ledger.sent(20, TOMORROW)
    assert ledger.refusal(NOW)
    assert ledger.refusal(NOW)


def test_a_clock_that_was_years_ahead_does_not_lock_the_box_for_years() -> None:
    ledger = Ledger(Caps(day_s=10))
    ledger.sent(20, Date(hour=900_000, day=800_000))
    assert ledger.refusal(NOW)
    assert ledger.refusal(TOMORROW) == ""


def test_a_turn_and_a_session_begin_at_nought() -> None:
    ledger = Ledger(Caps(turn_s=10, session_s=10))
    ledger.sent(20, NOW)
    assert ledger.session_is_full
    ledger.turn_began()
    ledger.session_began()
    assert ledger.refusal(NOW) == ""
    assert not ledger.session_is_full


def test_a_restart_goes_on_counting() -> None:
    before, after = Ledger(Caps(day_s=10), PRICES), Ledger(Caps(day_s=10), PRICES)
    before.sent(20, NOW)
    before.used(Used(audio_in=7), NOW)
    after.restore(before.kept())
    assert after.refusal(NOW)
    assert after.kept() == before.kept()
    assert after.refusal(TOMORROW) == ""


@pytest.mark.parametrize(
    "kept", [{}, {"day_s": "many"}, {"day_s": -5, "hour": None}, {"day_s": True}, INFINITE]
)
def test_counters_that_make_no_sense_are_none(kept: dict[str, object]) -> None:
    ledger = Ledger(Caps(day_s=0.5))
    ledger.restore(kept)
    assert ledger.refusal(NOW) == ""


@pytest.mark.parametrize("past", [Date(hour=0, day=719_163), Date(hour=499_990, day=738_999)])
def test_a_board_that_starts_in_the_past_gets_nothing_for_free(past: Date) -> None:
    before, after = (Ledger(Caps(hour_s=10, day_s=10)) for _ in range(2))
    before.sent(20, NOW)
    after.restore(before.kept())
    assert after.refusal(past)
    assert after.refusal(NOW)
    assert after.refusal(TOMORROW) == ""


def test_a_restart_in_the_past_gives_nothing_for_free_either() -> None:
    before, between, after = (Ledger(Caps(hour_s=10, day_s=10)) for _ in range(3))
    before.sent(20, NOW)
    between.restore(before.kept())
    between.sent(1, Date(hour=0, day=719_163))
    after.restore(between.kept())
    assert after.refusal(NOW)
    assert after.refusal(NEXT_HOUR)  # the day is still the same
    assert after.refusal(TOMORROW) == ""


def test_an_hour_that_the_clock_comes_back_to_is_no_new_hour() -> None:
    ledger = Ledger(Caps(hour_s=10))
    ledger.sent(20, NEXT_HOUR)
    assert ledger.refusal(NOW)
    assert ledger.refusal(NEXT_HOUR)


def test_a_new_day_begins_with_nothing_spent_of_any_kind() -> None:
    ledger = Ledger(Caps(day_s=10, day_tokens=5, day_money=0.1), PRICES)
    ledger.sent(20, NOW)
    ledger.used(Used(audio_out=10_000), NOW)
    assert ledger.refusal(TOMORROW) == ""
    assert (ledger.spent.day_tokens, ledger.spent.day_money) == (0, 0.0)


def test_a_session_is_full_with_the_last_second_of_it() -> None:
    ledger = Ledger(Caps(session_s=10))
    ledger.sent(10, NOW)
    assert ledger.session_is_full


def test_tokens_without_a_price_cost_nothing() -> None:
    ledger = Ledger(Caps(day_money=1.0), {})
    ledger.used(Used(audio_out=10**9), NOW)
    assert ledger.refusal(NOW) == ""


def test_cents_outlive_a_restart() -> None:
    before, after = Ledger(Caps(), PRICES), Ledger(Caps(), PRICES)
    before.used(Used(audio_out=123), NOW)
    before.sent(7, NOW)
    after.restore(before.kept())
    assert after.spent.day_money == pytest.approx(before.spent.day_money, rel=1e-3)
    assert after.spent.hour_s == 7


def test_a_clock_that_is_set_back_twice_gives_nothing_for_free_either() -> None:
    ledger = Ledger(Caps(hour_s=10, day_s=10))
    ledger.sent(20, NOW)
    for past in (Date(hour=499_990, day=738_999), Date(hour=0, day=719_163)):
        assert ledger.refusal(past)
    assert ledger.refusal(NOW)
