"""What comes too often is noticed, and told rarely."""

from __future__ import annotations

from pi_voice.transport.burst import Burst, Throttle


def test_one_more_than_there_may_be_is_noticed() -> None:
    burst = Burst(3, 10.0)
    assert [burst.add(now_s) for now_s in (0.0, 4.0, 8.0, 9.0)] == [False, False, False, True]


def test_what_comes_slowly_is_borne_for_ever() -> None:
    burst = Burst(3, 10.0)
    assert not any(burst.add(number * 3.4) for number in range(1000))


def test_a_burst_that_is_forgotten_begins_again() -> None:
    burst = Burst(1, 10.0)
    burst.add(0.0)
    burst.clear()
    assert not burst.add(1.0)


def test_of_many_lines_one_in_each_period_is_told_with_the_count_of_the_others() -> None:
    throttle = Throttle(1.0)
    told = [throttle.admit(number / 10) for number in range(25)]
    assert [held for held in told if held is not None] == [0, 9, 9]
