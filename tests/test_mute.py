from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core.actions import Sound
from pi_voice.core.mute import Mute

MUTED, UNMUTED = do.PlaySound(Sound.MUTED), do.PlaySound(Sound.UNMUTED)


def made(*, asked: bool, switched_off: bool) -> Mute:
    mute = Mute(has_switch=True)
    mute.asked, mute.switched_off = asked, switched_off
    return mute


def test_a_switch_counts_as_closed_until_it_was_read() -> None:
    assert Mute(has_switch=True).muted
    assert not Mute(has_switch=False).muted


@pytest.mark.parametrize(
    ("asked", "switched_off"), [(a, b) for a in (False, True) for b in (False, True)]
)
def test_either_of_both_mutes(asked: bool, switched_off: bool) -> None:
    assert made(asked=asked, switched_off=switched_off).muted is (asked or switched_off)


def test_a_wish_is_kept_first_and_told_when_it_is() -> None:
    mute = made(asked=False, switched_off=False)
    assert list(mute.change(asked=True, switched_off=False)) == [do.Remember(True)]
    assert list(mute.remembered()) == [MUTED]
    assert list(mute.remembered()) == []


def test_unmuting_is_told_at_once_and_kept() -> None:
    mute = made(asked=True, switched_off=False)
    assert list(mute.change(asked=False, switched_off=False)) == [do.Remember(False), UNMUTED]
    assert list(mute.remembered()) == []


def test_the_switch_is_told_at_once_because_it_is_read_again_at_every_start() -> None:
    mute = made(asked=False, switched_off=False)
    assert list(mute.change(asked=False, switched_off=True)) == [MUTED]
    assert list(mute.change(asked=False, switched_off=False)) == [UNMUTED]


def test_an_opened_switch_does_not_unmute_what_was_asked_for() -> None:
    mute = made(asked=True, switched_off=True)
    assert list(mute.change(asked=True, switched_off=False)) == []
    assert mute.muted


def test_a_wish_under_a_closed_switch_is_kept_without_a_sound() -> None:
    mute = made(asked=False, switched_off=True)
    assert list(mute.change(asked=True, switched_off=True)) == [do.Remember(True)]
    assert list(mute.remembered()) == []


def test_only_the_answer_to_the_last_wish_makes_it_kept_and_told() -> None:
    mute = made(asked=True, switched_off=False)
    list(mute.change(asked=False, switched_off=False))
    list(mute.change(asked=True, switched_off=False))
    assert not mute.is_kept
    assert list(mute.remembered()) == []  # the disk still says unmuted
    assert not mute.is_kept
    assert list(mute.remembered()) == [MUTED]
    assert mute.is_kept


def test_what_the_switch_did_meanwhile_was_told_by_itself() -> None:
    mute = made(asked=True, switched_off=False)
    list(mute.change(asked=False, switched_off=False))
    assert list(mute.change(asked=False, switched_off=True)) == [MUTED]
    assert list(mute.remembered()) == []


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    mute = made(asked=False, switched_off=False)
    list(mute.remembered())
    list(mute.change(asked=True, switched_off=False))
    assert not mute.is_kept
