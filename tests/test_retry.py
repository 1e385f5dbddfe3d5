"""The pace of reconnecting, with dice and clock in the test's hands."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.retry import Pace, RetryClass, classify

NETWORK, OVERLOAD = RetryClass.NETWORK, RetryClass.OVERLOAD
AUTH, TERMINAL, EXPIRY = RetryClass.AUTH, RetryClass.TERMINAL, RetryClass.EXPIRY


def highest() -> float:
    return 0.999999


def limits(pace: Pace, trouble: RetryClass, tries: int, now_s: float = 0.0) -> list[float]:
    """The longest delays that these tries can bring, rounded to whole hundredths."""
    return [round(pace.next_delay_s(trouble, now_s), 2) for _ in range(tries)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, AUTH),
        (403, AUTH),
        (404, TERMINAL),
        (400, TERMINAL),
        (408, NETWORK),
        (429, OVERLOAD),
        (500, NETWORK),
        (502, NETWORK),
        (503, OVERLOAD),
        (302, NETWORK),
        (200, NETWORK),
        (511, NETWORK),
    ],
)
def test_a_refused_handshake_is_judged_by_its_status(status: int, expected: RetryClass) -> None:
    assert classify(status=status) is expected


@pytest.mark.parametrize("close_code", [None, 1000, 1001, 1005, 1006, 1011, 1012, 4999])
def test_closes_that_look_like_success_are_the_network(close_code: int | None) -> None:
    assert classify(close_code=close_code) is NETWORK


@pytest.mark.parametrize("close_code", [1002, 1003, 1007, 1008, 1009, 1010, 1013])
def test_closes_that_speak_of_misunderstanding_take_the_slow_pace(close_code: int) -> None:
    assert classify(close_code=close_code) is OVERLOAD


def test_the_name_of_an_error_weighs_more_than_its_status() -> None:
    assert classify(code="insufficient_quota", status=429) is TERMINAL
    assert classify(code="session_expired", close_code=1001) is EXPIRY
    assert classify(code="never heard of", status=401) is AUTH


def test_a_broken_network_is_tried_at_once_and_then_at_most_every_two_seconds() -> None:
    assert limits(Pace(highest), NETWORK, 6) == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_after_five_minutes_of_outage_the_network_is_tried_every_half_minute() -> None:
    pace = Pace(highest)
    limits(pace, NETWORK, 100)
    assert limits(pace, NETWORK, 2, now_s=299.9) == [2.0, 2.0]
    assert limits(pace, NETWORK, 2, now_s=300.0) == [30.0, 30.0]


def test_network_delays_fill_their_range_so_that_devices_do_not_return_together() -> None:
    pace = Pace(random.Random(1).random)
    limits(pace, NETWORK, 9)
    delays = [pace.next_delay_s(NETWORK, 0.0) for _ in range(500)]
    assert min(delays) < 0.1
    assert max(delays) > 1.9


def test_an_overloaded_service_is_left_alone_for_longer_and_longer() -> None:
    expected = [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert limits(Pace(highest), OVERLOAD, 8) == expected


@pytest.mark.parametrize("draw", [lambda: 0.0, highest])
def test_what_the_service_asked_for_is_never_undercut(draw: Callable[[], float]) -> None:
    delay_s = Pace(draw).next_delay_s(OVERLOAD, 0.0, retry_after_s=7.0)
    assert 7.0 <= delay_s <= 7.7


def test_nobody_can_park_the_device_for_a_year() -> None:
    assert Pace(highest).next_delay_s(OVERLOAD, 0.0, retry_after_s=3e7) <= 3960


def test_a_refused_key_is_fetched_again_at_once_and_then_rarely() -> None:
    pace = Pace(lambda: 0.5)
    assert limits(pace, AUTH, 7) == [0.5, 60, 120, 240, 480, 960, 1800]
    assert limits(pace, AUTH, 1) == [1800]


def test_what_needs_a_person_is_tried_every_quarter_of_an_hour_up_to_every_hour() -> None:
    assert limits(Pace(lambda: 0.5), TERMINAL, 4) == [900, 1800, 3600, 3600]


def test_the_slow_classes_keep_within_ten_percent_and_have_the_phase_of_the_device() -> None:
    lowest, longest = Pace(lambda: 0.0, phase=0.5), Pace(highest, phase=0.5)
    assert limits(lowest, TERMINAL, 1) == [840.0]
    assert limits(longest, TERMINAL, 1) == [1020.0]


def test_sessions_that_die_at_once_three_times_slow_the_pace_down_by_one_class() -> None:
    pace = Pace(highest)
    for _ in range(3):
        pace.session_began(10.0)
        pace.session_ended(14.9)
    assert limits(pace, NETWORK, 1) == [5.0]
    assert limits(pace, EXPIRY, 1) == [10.0]


def test_a_session_that_lasts_a_while_ends_the_series_of_quick_failures() -> None:
    pace = Pace(highest)
    for lived_s in (1.0, 1.0, 6.0, 1.0, 1.0):
        pace.session_began(0.0)
        pace.session_ended(lived_s)
    assert limits(pace, NETWORK, 1) == [0.25]


def test_a_minute_of_work_resets_the_pace_and_less_does_not() -> None:
    pace = Pace(highest)
    limits(pace, NETWORK, 5)
    pace.session_began(0.0)
    pace.session_ended(59.0)
    assert limits(pace, NETWORK, 1) == [2.0]
    pace.session_began(0.0)
    pace.session_ended(60.0)
    assert limits(pace, NETWORK, 1) == [0.25]


def test_the_end_of_no_session_changes_nothing() -> None:
    pace = Pace(highest)
    limits(pace, NETWORK, 5)
    pace.session_ended(1e6)
    assert limits(pace, NETWORK, 1) == [2.0]


def test_a_network_that_comes_back_ends_the_wait() -> None:
    pace = Pace(highest)
    limits(pace, NETWORK, 50, now_s=1000.0)
    assert pace.link_up(1000.0) == 0.0
    assert limits(pace, NETWORK, 1, now_s=1000.0) == [0.25]


def test_sessions_that_we_end_ourselves_are_no_quick_failures() -> None:
    pace = Pace(highest)
    for at_s in range(5):
        pace.session_began(float(at_s))
        pace.session_ended(at_s + 0.5, wanted=True)
    assert pace.next_delay_s(NETWORK, 10.0) <= 0.25


def test_a_long_session_that_we_end_ourselves_proves_that_all_is_well() -> None:
    pace = Pace(highest)
    limits(pace, NETWORK, 8)
    pace.session_began(1000.0)
    pace.session_ended(1100.0, wanted=True)
    assert pace.next_delay_s(NETWORK, 1101.0) <= 0.25


def test_a_network_that_flaps_is_given_a_moment_to_settle() -> None:
    pace = Pace(highest)
    assert [pace.link_up(at_s) for at_s in (0.0, 20.0, 40.0)] == [0.0, 0.0, 2.0]
    assert pace.link_up(200.0) == 0.0


@pytest.mark.parametrize("trouble", [OVERLOAD, AUTH, TERMINAL])
def test_a_network_that_comes_back_does_not_mend_what_the_service_refused(
    trouble: RetryClass,
) -> None:
    pace = Pace(highest)
    before = limits(pace, trouble, 2)
    assert pace.link_up(1.0) is None
    assert limits(pace, trouble, 1)[0] > before[0]


def test_early_attempts_are_short_but_every_third_is_patient() -> None:
    pace = Pace(highest)
    assert pace.open_timeout_s(0.0) == 10.0
    timeouts = []
    for _ in range(6):
        pace.next_delay_s(NETWORK, 0.0)
        timeouts.append(pace.open_timeout_s(1.0))
    assert timeouts == [2.0, 2.0, 10.0, 2.0, 2.0, 10.0]
    assert pace.open_timeout_s(301.0) == 10.0


@given(st.lists(st.tuples(st.sampled_from(RetryClass), st.floats(0, 1e5)), min_size=30))
def test_no_history_stops_the_tries_or_makes_a_crash_loop(
    history: list[tuple[RetryClass, float]],
) -> None:
    pace = Pace(lambda: 0.5)
    now_s = 0.0
    for trouble, passed_s in history:
        now_s += passed_s
        delay_s = pace.next_delay_s(trouble, now_s)
        assert 0.0 <= delay_s <= 4000
        if trouble is TERMINAL:
            assert delay_s >= 810
