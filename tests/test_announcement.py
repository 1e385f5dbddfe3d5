from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.announcement import UNSPOKEN
from pi_voice.core.conversation import OUTAGE_TIMER
from pi_voice.core.device import IDLE_TIMER
from pi_voice.core.events import Event, Wish
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    REFUSED,
    SLEEPY,
    UP,
    asleep,
    audio,
    feed,
    heard,
    kinds,
    online,
    press,
    release,
    speaking,
    turn,
)


def test_a_text_from_outside_is_spoken() -> None:
    assert kinds(feed(online(), ev.Say("dinner"))) == [do.PrepareSpeaker, do.Say]


def test_a_text_from_outside_wakes_the_box() -> None:
    made = asleep()
    assert kinds(feed(made, ev.Say("dinner")))[0] is do.WakeUp
    assert do.Say("dinner") in feed(made, UP)


def test_a_text_from_outside_never_speaks_over_the_user() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    assert kinds(feed(made, ev.Say("dinner"))) == [do.Warn]
    assert turn(made) is Turn.LISTENING


def test_a_text_is_spoken_once() -> None:
    made = asleep()
    actions = feed(made, ev.Say("dinner"), UP, DOWN, ev.LinkUp("s2"))
    assert kinds(actions).count(do.Say) == 1


def test_a_text_silences_the_reply_that_is_heard() -> None:
    assert kinds(feed(speaking(), ev.Say("dinner")))[:2] == [do.StopPlayback, do.CancelReply]


def test_a_text_waits_until_the_user_has_spoken() -> None:
    made = asleep()
    assert do.Say not in kinds(feed(made, ev.Say("dinner"), press(1.0), UP))
    assert do.Say("dinner") in feed(made, ev.Cue(Wish.MUTE, 1.5))


@pytest.mark.parametrize("trouble", [REFUSED, ev.BudgetChanged("the day")])
def test_a_text_that_nobody_would_speak_is_refused(trouble: Event) -> None:
    made = online()
    feed(made, trouble)
    assert kinds(feed(made, ev.Say("dinner"))) == [do.Warn]


@pytest.mark.parametrize(
    "event",
    [
        ev.TimerFired(OUTAGE_TIMER),
        REFUSED,
        ev.BudgetChanged("the day"),
        ev.Cue(Wish.HANG_UP, 1.0),
    ],
)
def test_a_text_that_waits_too_long_is_never_spoken(event: Event) -> None:
    made = asleep()
    feed(made, ev.Say("dinner"))
    assert UNSPOKEN in feed(made, event)
    assert do.Say not in kinds(feed(made, ev.BudgetChanged(), press(2.0), release(2.1), UP))


def test_no_reply_from_before_a_sleep_is_heard_after_it() -> None:
    made = online(rules=SLEEPY)
    feed(made, ev.ReplyStarted("r1"), ev.TimerFired(IDLE_TIMER), ev.Say("dinner"), UP)
    assert do.Play not in kinds(feed(made, audio("r1", "i1")))


def test_a_text_that_is_refused_cuts_no_reply() -> None:
    made = speaking()
    feed(made, ev.BudgetChanged("the day"))
    assert kinds(feed(made, ev.Say("dinner"))) == [do.Warn]
