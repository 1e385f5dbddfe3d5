from __future__ import annotations

import pytest

from pi_voice.core.events import LinkFault
from pi_voice.core.failures import Failure
from pi_voice.core.reach import FAILURES, PASSING, Reach
from pi_voice.core.states import Connection


def online() -> Reach:
    reach = Reach()
    reach.up()
    return reach


def test_every_fault_of_the_link_has_a_name_for_the_owner() -> None:
    assert set(FAILURES) == set(LinkFault)
    assert len(set(FAILURES.values())) == len(FAILURES)


def test_what_is_over_before_anybody_notices_is_the_network_and_the_service() -> None:
    assert set(PASSING) == {LinkFault.NETWORK, LinkFault.SERVICE}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_may_pass_is_no_trouble_at_first(fault: LinkFault) -> None:
    reach = online()
    assert not reach.down(fault)
    assert reach.trouble is None
    reach.give_up()
    assert reach.trouble is FAILURES[fault]


@pytest.mark.parametrize("fault", [fault for fault in LinkFault if fault not in PASSING])
def test_a_fault_that_somebody_must_mend_is_trouble_at_once(fault: LinkFault) -> None:
    reach = online()
    assert reach.down(fault)
    assert reach.trouble is FAILURES[fault]


def test_the_latest_fault_is_the_one_that_is_told() -> None:
    reach = online()
    reach.down(LinkFault.QUOTA)
    reach.down(LinkFault.NETWORK)
    assert reach.trouble is Failure.NO_NETWORK


def test_a_start_without_any_word_from_the_link_counts_as_no_network() -> None:
    reach = Reach()
    reach.give_up()
    assert reach.trouble is Failure.NO_NETWORK


def test_a_spent_budget_is_trouble_even_online() -> None:
    reach = online()
    reach.budget_spent = True
    assert reach.trouble is Failure.BUDGET_SPENT


def test_sleep_is_no_trouble_and_waking_is_hope() -> None:
    reach = online()
    reach.sleep()
    assert (reach.connection, reach.trouble) == (Connection.ASLEEP, None)
    reach.wake()
    assert reach.is_hoping


def test_a_session_that_comes_when_it_is_needed_is_not_missing() -> None:
    reach = online()
    assert reach.missing is None
    reach.down(LinkFault.SERVICE)
    assert reach.missing is Failure.SERVICE_DOWN
    reach.up()
    reach.sleep()
    assert reach.missing is None
    reach.wake()
    assert reach.missing is None


def test_a_box_that_cannot_be_woken_and_is_not_told_why_has_no_network() -> None:
    reach = online()
    reach.down(LinkFault.SERVICE)
    reach.sleep()
    reach.wake()
    reach.give_up()
    assert reach.trouble is Failure.NO_NETWORK


def test_the_next_outage_after_a_session_is_judged_anew() -> None:
    reach = Reach()
    reach.down(LinkFault.QUOTA)
    reach.up()
    assert reach.trouble is None
    reach.give_up()
    assert reach.trouble is Failure.NO_NETWORK
