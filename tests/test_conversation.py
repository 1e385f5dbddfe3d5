from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.activation import PushToTalk
from pi_voice.core.conversation import OUTAGE_TIMER, REPLY_TIMER, TAIL_TIMER, TURN_TIMER
from pi_voice.core.device import IDLE_TIMER, Device
from pi_voice.core.events import Event, Wish
from pi_voice.core.rules import Rules
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    QUESTION,
    REFUSED,
    SLEEPY,
    UP,
    asleep,
    audio,
    device,
    feed,
    heard,
    kinds,
    online,
    press,
    release,
    shown,
    sounds,
    speaking,
    thinking,
    timers,
    turn,
)


def test_no_timer_runs_longer_than_its_state() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    assert do.StopTimer(TURN_TIMER) in feed(made, release(2.0))
    assert do.StopTimer(TAIL_TIMER) in feed(made, heard(2.05, 10))
    feed(made, ev.ReplyStarted("r1"), audio(), ev.ReplyEnded("r1", "completed"))
    heard_out = feed(made, ev.PlaybackEnded("i1", 200, interrupted=False))
    assert do.StopTimer(REPLY_TIMER) in heard_out


def test_a_press_over_a_reply_silences_it_before_the_service_hears_of_it() -> None:
    actions = feed(speaking(), press(5.0))
    assert kinds(actions)[:3] == [do.StopPlayback, do.CancelReply, do.GateLink]


def test_a_cut_reply_is_truncated_at_what_was_heard() -> None:
    made = speaking()
    actions = feed(made, press(5.0), ev.PlaybackEnded("i1", 140.0, interrupted=True))
    assert do.TruncateReply("i1", 140.0) in actions


def test_sound_of_a_cut_reply_never_comes_back() -> None:
    made = speaking()
    feed(made, press(5.0))
    late = feed(made, audio(), ev.ReplyAudioEnded("r1", "i1"), ev.ReplyEnded("r1", "cancelled"))
    feed(made, ev.MicOpened(), heard(5.1, 30), release(5.7), heard(5.7, 20))
    late += feed(made, audio(), ev.ReplyStarted("r1"), audio())
    assert do.Play not in kinds(late)


def test_a_reply_whose_sound_was_all_received_needs_no_cancel() -> None:
    made = speaking()
    feed(made, ev.ReplyAudioEnded("r1", "i1"), ev.ReplyEnded("r1", "completed"))
    actions = kinds(feed(made, press(5.0)))
    assert do.StopPlayback in actions
    assert do.CancelReply not in actions


def test_a_press_while_thinking_cancels_the_reply_that_was_asked_for() -> None:
    actions = kinds(feed(thinking(), press(5.0)))
    assert do.CancelReply in actions
    assert do.StopPlayback not in actions


def test_the_turn_is_over_when_the_reply_was_heard_not_when_it_was_sent() -> None:
    made = speaking()
    feed(made, ev.ReplyAudioEnded("r1", "i1"), ev.ReplyEnded("r1", "completed"))
    assert turn(made) is Turn.SPEAKING
    actions = feed(made, ev.PlaybackEnded("i1", 200.0, interrupted=False))
    assert actions[0] == do.ReportHeard("i1", 200.0)
    assert turn(made) is Turn.IDLE


def test_a_reply_without_a_last_word_about_its_item_is_still_heard_to_its_end() -> None:
    made = speaking()
    assert do.EndItem("i1") in feed(made, ev.ReplyEnded("r1", "completed"))


def test_a_reply_that_begins_while_the_user_talks_is_cancelled() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened())
    actions = feed(made, ev.ReplyStarted("stray"), audio("stray"))
    assert kinds(actions) == [do.CancelReply]


def test_a_second_reply_may_follow_while_the_first_is_still_heard() -> None:
    made = speaking()
    feed(made, ev.ReplyEnded("r1", "completed"), ev.ReplyStarted("r2"))
    assert do.Play in kinds(feed(made, audio("r2", "i2")))
    feed(made, ev.ReplyEnded("r2", "completed"), ev.PlaybackEnded("i1", 200, interrupted=False))
    assert turn(made) is Turn.SPEAKING
    feed(made, ev.PlaybackEnded("i2", 200, interrupted=False))
    assert turn(made) is Turn.IDLE


def test_a_reply_that_failed_says_so() -> None:
    assert sounds(feed(thinking(), ev.ReplyStarted("r1"), ev.ReplyEnded("r1", "failed"))) == [
        "no_reply"
    ]


def test_a_service_that_never_answers_is_given_up() -> None:
    made = thinking()
    actions = feed(made, ev.TimerFired(REPLY_TIMER))
    assert kinds(actions)[0] is do.CancelReply
    assert sounds(actions) == ["no_reply"]
    assert turn(made) is Turn.IDLE


def test_a_reply_that_the_outage_cut_is_heard_as_far_as_it_came() -> None:
    made = speaking()
    assert do.EndItem("i1") in feed(made, DOWN)
    feed(made, ev.PlaybackEnded("i1", 200.0, interrupted=False))
    assert turn(made) is Turn.IDLE


def test_a_press_while_offline_says_so_at_once() -> None:
    made = device()
    feed(made, DOWN, ev.TimerFired(OUTAGE_TIMER))
    actions = feed(made, press(9.0))
    assert sounds(actions) == ["no_network"]
    assert do.OpenMic not in kinds(actions)


def test_a_press_with_a_refused_key_says_so_at_once() -> None:
    made = device()
    assert shown(feed(made, REFUSED)) == ["key_refused"]
    assert sounds(feed(made, press(9.0))) == ["key_refused"]


def test_a_turn_that_the_service_refuses_is_dropped() -> None:
    made = thinking()
    assert sounds(feed(made, ev.TurnRefused("buffer too small"))) == ["no_reply"]
    assert turn(made) is Turn.IDLE


@pytest.mark.parametrize("fault", [f for f in ev.LinkFault if f not in ("network", "service")])
def test_a_fault_that_only_the_owner_can_mend_ends_the_turn_at_once(fault: ev.LinkFault) -> None:
    made = thinking()
    feed(made, DOWN, ev.LinkDown(fault, "why"))
    assert turn(made) is Turn.IDLE


def test_of_a_reply_that_does_not_end_only_what_waits_is_heard() -> None:
    made = speaking()
    actions = feed(made, ev.PlaybackFull("i1"), audio())
    assert kinds(actions) == [do.CancelReply, do.EndItem, do.Warn]
    feed(made, ev.PlaybackEnded("i1", 120_000, interrupted=False))
    assert turn(made) is Turn.IDLE


# The link


def test_an_outage_is_timed_from_the_loss_to_the_next_session() -> None:
    made = device()
    assert do.StopTimer(OUTAGE_TIMER) in feed(made, UP)
    assert OUTAGE_TIMER in timers(feed(made, DOWN))
    assert do.StopTimer(OUTAGE_TIMER) in feed(made, ev.LinkUp("s2"))


def test_a_box_waits_for_its_first_session_as_long_as_for_any_other() -> None:
    assert OUTAGE_TIMER in timers(Device(PushToTalk()).handle(ev.Started(muted=False)))


def test_an_outage_that_is_over_ends_no_turn() -> None:
    made = thinking()
    feed(made, ev.TimerFired(OUTAGE_TIMER))
    assert turn(made) is Turn.THINKING


def test_a_press_while_offline_silences_what_still_plays() -> None:
    made = speaking()
    feed(made, DOWN, ev.TimerFired(OUTAGE_TIMER))
    assert do.StopPlayback() in feed(made, press(9.0))
    assert turn(made) is Turn.IDLE


@pytest.mark.parametrize("before", [(), (UP, DOWN)])
def test_a_refused_key_stays_shown_however_long_it_lasts(before: tuple[Event, ...]) -> None:
    made = device()
    feed(made, *before, REFUSED)
    actions = feed(made, ev.TimerFired(OUTAGE_TIMER), press(9.0))
    assert shown(actions) == []
    assert sounds(actions) == ["key_refused"]


def test_a_key_that_is_refused_in_mid_turn_is_told_at_once() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20))
    assert sounds(feed(made, REFUSED)) == ["key_refused"]


def test_a_box_that_was_refused_and_is_now_without_network_says_so() -> None:
    made = device()
    feed(made, REFUSED, DOWN)
    assert sounds(feed(made, press(9.0))) == ["no_network"]


def test_a_used_up_quota_has_its_own_sound() -> None:
    made = device()
    feed(made, ev.LinkDown(ev.LinkFault.QUOTA, "nothing left"))
    assert sounds(feed(made, press(9.0))) == ["quota_spent"]


def test_a_reply_of_which_all_that_came_was_heard_ends_with_the_link() -> None:
    made = speaking()
    feed(made, ev.ReplyAudioEnded("r1", "i1"), ev.PlaybackEnded("i1", 200, interrupted=False))
    assert turn(made) is Turn.SPEAKING
    feed(made, DOWN)
    assert turn(made) is Turn.IDLE


def test_a_late_refusal_does_not_end_the_next_turn() -> None:
    made = online()
    feed(made, press(1.0))
    assert feed(made, ev.TurnRefused("late")) == []
    assert turn(made) is Turn.LISTENING


def test_a_late_refusal_does_not_end_a_reply() -> None:
    made = speaking()
    assert feed(made, ev.TurnRefused("late")) == []
    assert turn(made) is Turn.SPEAKING


# The reply


def test_a_reply_that_began_while_the_user_talked_is_not_heard_as_the_answer() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), ev.ReplyStarted("stray"), heard(1.05, 50))
    feed(made, release(2.0), heard(2.05, 10))
    assert do.Play not in kinds(feed(made, audio("stray")))


def test_no_item_of_a_cut_reply_is_heard_as_the_next_answer() -> None:
    made = speaking()
    feed(made, press(5.0), ev.MicOpened(), heard(5.05, 30), release(5.7), heard(5.65, 20))
    assert turn(made) is Turn.THINKING
    assert do.Play not in kinds(feed(made, audio("r1", "i2")))


def test_a_reply_without_sound_waits_for_the_one_that_follows() -> None:
    made = thinking()
    feed(made, ev.ReplyStarted("r1"), ev.ReplyEnded("r1", "completed"))
    assert turn(made) is Turn.THINKING
    assert do.Play in kinds(feed(made, ev.ReplyStarted("r2"), audio("r2", "i2")))


def test_a_long_reply_has_time_to_be_heard() -> None:
    made = thinking()
    feed(made, ev.ReplyStarted("r1"))
    assert timers(feed(made, audio(ms=60_000)))[REPLY_TIMER] == 60_000 + Rules().reply_timeout_ms


def test_a_second_reply_does_not_shorten_the_time_of_the_first() -> None:
    made = thinking()
    feed(made, ev.ReplyStarted("r1"), audio("r1", "i1", 30_000), ev.ReplyAudioEnded("r1", "i1"))
    feed(made, ev.ReplyEnded("r1", "completed"), ev.ReplyStarted("r2"))
    assert timers(feed(made, audio("r2", "i2", 1_000)))[REPLY_TIMER] >= 30_000 + 1_000


def test_a_reply_that_replaces_another_ends_the_items_of_the_first() -> None:
    assert do.EndItem("i1") in feed(speaking(), ev.ReplyStarted("r2"))


def test_a_reply_that_the_speaker_lost_is_not_played_on_from_its_middle() -> None:
    made = speaking()
    feed(made, ev.PlaybackEnded("i1", 50, interrupted=True))
    late = feed(made, audio("r1", "i1"), ev.ReplyEnded("r1", "completed"))
    assert do.Play not in kinds(late)
    assert turn(made) is Turn.IDLE


# Sleep, budget, and what others let the box say


def test_the_line_is_closed_when_nobody_talks_for_long() -> None:
    made = device(rules=SLEEPY)
    assert timers(feed(made, UP))[IDLE_TIMER] == 60_000.0
    actions = feed(made, ev.TimerFired(IDLE_TIMER))
    assert kinds(actions) == [do.HangUp, do.Show]
    assert shown(actions) == ["asleep"]


def test_a_conversation_starts_the_wait_for_silence_again() -> None:
    made = online(rules=SLEEPY)
    assert do.StopTimer(IDLE_TIMER) in feed(made, press(1.0))
    feed(made, ev.MicOpened(), heard(1.05, 50), release(2.0), heard(2.05, 10))
    feed(made, ev.ReplyStarted("r1"), audio(), ev.ReplyEnded("r1", "completed"))
    ended = feed(made, ev.PlaybackEnded("i1", 200.0, interrupted=False))
    assert timers(ended) == {IDLE_TIMER: 60_000.0}


def test_a_box_that_may_not_sleep_never_does() -> None:
    made = device()
    assert IDLE_TIMER not in timers(feed(made, UP, *QUESTION))


def test_a_box_that_cannot_be_woken_says_so() -> None:
    made = asleep()
    assert OUTAGE_TIMER in timers(feed(made, *QUESTION))
    assert sounds(feed(made, DOWN, ev.TimerFired(OUTAGE_TIMER))) == ["no_network"]
    assert turn(made) is Turn.IDLE


def test_news_of_the_link_do_not_wake_a_sleeping_box() -> None:
    made = asleep()
    assert kinds(feed(made, UP, DOWN, REFUSED)) == []
    assert kinds(feed(made, ev.ReplyStarted("r9"), audio("r9"))) == [do.CancelReply]


def test_a_spent_budget_refuses_the_turn_with_its_own_words() -> None:
    made = online()
    feed(made, ev.BudgetChanged("the day's 120 minutes are used up"))
    actions = feed(made, press(1.0))
    assert kinds(actions) == [do.PlaySound]
    assert sounds(actions) == ["budget_spent"]


def test_a_budget_that_ends_in_mid_turn_ends_the_turn() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    actions = feed(made, ev.BudgetChanged("the hour's 30 minutes are used up"))
    assert do.DiscardTurn in kinds(actions)
    assert sounds(actions) == ["budget_spent"]


def test_the_last_reply_that_was_paid_for_is_heard() -> None:
    made = speaking()
    actions = feed(made, ev.BudgetChanged("the day's 2.00 USD are used up"))
    assert do.StopPlayback not in kinds(actions)
    assert turn(made) is Turn.SPEAKING


def test_a_new_day_gives_new_turns() -> None:
    made = online()
    feed(made, ev.BudgetChanged("the day"), ev.BudgetChanged())
    feed(made, press(1.0))
    assert turn(made) is Turn.LISTENING


@pytest.mark.parametrize("change", [ev.NetworkUp(), ev.ClockSet()])
def test_a_change_around_the_box_hurries_the_link(change: Event) -> None:
    assert kinds(feed(device(), change)) == [do.RetryLink]


def test_a_lost_speaker_is_shown_until_it_is_back() -> None:
    made = online()
    assert shown(feed(made, ev.SpeakerLost("unplugged"))) == ["no_speaker"]
    assert shown(feed(made, ev.SpeakerOpened())) == ["idle"]


def test_a_box_in_a_short_outage_can_hang_up_and_forgets_the_outage() -> None:
    made = online()
    actions = feed(made, DOWN, ev.Cue(Wish.HANG_UP, 1.0))
    assert do.HangUp() in actions
    assert actions.index(do.StopTimer(OUTAGE_TIMER)) < actions.index(do.HangUp())


def test_a_box_whose_service_is_away_does_not_hide_that_behind_sleep() -> None:
    made = online()
    actions = feed(made, REFUSED, ev.Cue(Wish.HANG_UP, 1.0))
    assert do.HangUp not in kinds(actions)
    assert sounds(feed(made, press(2.0))) == ["key_refused"]


def test_the_reason_of_a_spent_budget_is_logged() -> None:
    assert do.Warn("the day is over") in feed(online(), ev.BudgetChanged("the day is over"))


def test_a_question_that_was_paid_for_is_answered() -> None:
    made = thinking()
    assert kinds(feed(made, ev.BudgetChanged("the day"))) == [do.Warn]
    assert turn(made) is Turn.THINKING
