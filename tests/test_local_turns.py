from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.conversation import OUTAGE_TIMER, REPLY_TIMER, TAIL_TIMER, TURN_TIMER
from pi_voice.core.events import Event
from pi_voice.core.rules import Rules
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    FRAME,
    QUESTION,
    UP,
    asleep,
    device,
    feed,
    heard,
    kinds,
    online,
    press,
    release,
    sent,
    sounds,
    speaking,
    thinking,
    timers,
    turn,
)


def test_a_held_button_sends_what_is_heard_and_asks_for_a_reply_at_the_release() -> None:
    actions = feed(online(), *QUESTION)
    assert sent(actions) == FRAME * (50 + 5)  # 1.05 to 2.05 s, then the tail up to 2.15 s
    assert kinds(actions)[-4:] == [do.CommitTurn, do.GateLink, do.CloseMic, do.Show]


def test_capture_goes_on_for_the_tail_and_no_longer() -> None:
    made = online(rules=Rules(tail_ms=100))
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50), release(2.05))
    assert sent(feed(made, heard(2.05, 10))) == FRAME * 5


def test_the_gate_on_the_wire_is_open_only_while_the_user_talks() -> None:
    actions = feed(online(), *QUESTION)
    gates = [a.muted for a in actions if isinstance(a, do.GateLink)]
    order = kinds(actions)
    assert gates == [False, True]
    assert order.index(do.GateLink) < order.index(do.SendAudio)
    assert order.index(do.CommitTurn) < len(order) - 1 - order[::-1].index(do.GateLink)


def test_a_press_of_less_than_100_ms_of_sound_is_no_turn() -> None:
    made = online()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.03, 2), release(1.09), heard(1.07, 12))
    assert do.CommitTurn not in kinds(actions)
    assert do.DiscardTurn in kinds(actions)
    assert turn(made) is Turn.IDLE


def test_a_press_again_during_the_tail_continues_the_same_turn() -> None:
    made = online()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20), release(1.45), press(1.5))
    actions += feed(made, heard(1.45, 20), release(1.85), heard(1.85, 10))
    assert turn(made) is Turn.THINKING
    assert sent(actions) == FRAME * (20 + 20 + 8)
    assert kinds(actions).count(do.CommitTurn) == 1


def test_a_turn_that_went_on_after_a_short_release_is_sent_again_as_one() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20), release(1.45), press(1.5))
    feed(made, heard(1.45, 10), DOWN)
    assert sent(feed(made, ev.LinkUp("s2"))) == FRAME * 30


def test_100_ms_of_sound_are_a_turn() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.0, 5), release(1.1))
    assert do.CommitTurn in kinds(feed(made, heard(1.1, 12)))


def test_the_speaker_is_opened_while_the_user_still_talks() -> None:
    assert do.PrepareSpeaker() in feed(online(), press(1.0))


def test_the_limits_of_listening_and_of_the_tail_run_from_their_beginning() -> None:
    made = online()
    assert timers(feed(made, press(1.0)))[TURN_TIMER] == 60_000
    assert timers(feed(made, release(2.0)))[TAIL_TIMER] == 150 + 500


def test_what_was_said_before_a_short_release_counts_for_the_longest_turn() -> None:
    made = online(rules=Rules(longest_turn_ms=5_000))
    feed(made, press(1.0), ev.MicOpened())
    left_ms = []
    for at_s in (1.0, 1.3, 1.6):  # a contact that flickers: 200 ms down, 100 ms up
        feed(made, heard(at_s, 10), release(at_s + 0.2), heard(at_s + 0.2, 5))
        left_ms.append(timers(feed(made, press(at_s + 0.3)))[TURN_TIMER])
    assert left_ms == [4_800, 4_600, 4_400]


def test_a_question_in_a_short_outage_is_sent_whole_to_the_next_session() -> None:
    made = online()
    before = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20), DOWN, heard(1.45, 20))
    after = feed(made, ev.LinkUp("s2"), heard(1.85, 10), release(2.05), heard(2.05, 10))
    assert sent(before) == FRAME * 20
    assert sent(after) == FRAME * (20 + 20 + 10 + 8)
    assert do.CommitTurn in kinds(after)


def test_a_question_that_was_complete_is_asked_again_after_a_short_outage() -> None:
    made = thinking()
    actions = feed(made, ev.MicClosed(), DOWN, ev.LinkUp("s2"))
    assert [k for k in kinds(actions) if k is not do.Show] == [
        do.ShowMic,
        do.GateLink,
        do.SendTurn,
        do.CommitTurn,
        do.GateLink,
    ]
    assert sent(actions) == FRAME * 55


def test_a_question_is_not_asked_twice_once_its_reply_is_heard() -> None:
    made = speaking()
    actions = feed(made, DOWN, ev.LinkUp("s2"))
    assert sent(actions) == b""


def test_a_long_outage_is_told_to_the_user_and_nothing_is_sent_in_half() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20), DOWN)
    actions = feed(made, ev.TimerFired(OUTAGE_TIMER), heard(6.0, 5), release(7.0), UP)
    assert sounds(actions) == ["no_network"]
    assert sent(actions) == b""
    assert do.CommitTurn not in kinds(actions)


def test_speech_before_the_first_session_is_kept_for_it() -> None:
    made = device()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    assert sent(feed(made, UP)) == FRAME * 50


def test_a_turn_of_which_the_uplink_lost_a_part_is_sent_again_as_a_whole() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 40), ev.AudioDropped())
    actions = feed(made, heard(1.85, 10), release(2.05), heard(2.05, 10))
    assert kinds(actions)[:3] == [do.DiscardTurn, do.SendTurn, do.CommitTurn]
    assert sent(actions) == FRAME * 58


def test_a_turn_that_lost_a_part_after_its_commit_is_asked_again() -> None:
    made = thinking()
    actions = feed(made, ev.AudioDropped())
    assert kinds(actions) == [do.CancelReply, do.GateLink, do.SendTurn, do.CommitTurn, do.GateLink]
    assert sent(actions) == FRAME * 55


def test_the_longest_turn_is_ended_and_asked() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    actions = feed(made, ev.TimerFired(TURN_TIMER))
    assert sounds(actions) == ["too_long"]
    assert do.CommitTurn in kinds(actions)
    assert turn(made) is Turn.THINKING


def test_a_microphone_that_falls_silent_after_the_release_does_not_hold_the_turn() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50), release(2.0))
    assert do.CommitTurn in kinds(feed(made, ev.TimerFired(TAIL_TIMER)))


def test_a_question_that_is_asked_again_has_its_whole_time() -> None:
    made = thinking()
    assert REPLY_TIMER in timers(feed(made, DOWN, ev.LinkUp("s2")))


def test_a_question_that_is_asked_again_has_the_time_of_its_upload() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 2500), release(51.0), heard(51.05, 10))
    assert timers(feed(made, DOWN, ev.LinkUp("s2")))[REPLY_TIMER] >= 50_000 + 10_000


def test_a_press_cancels_a_question_that_was_asked_again() -> None:
    made = thinking()
    feed(made, ev.ReplyStarted("r1"), DOWN, ev.LinkUp("s2"))
    assert do.CancelReply() in feed(made, press(5.0))


def test_what_was_lost_is_not_sent_into_an_outage() -> None:
    made = thinking()
    feed(made, DOWN)
    assert kinds(feed(made, ev.AudioDropped())) == []


def test_what_is_said_to_a_sleeping_box_is_heard_whole() -> None:
    made = asleep()
    actions = feed(made, *QUESTION[:3])
    assert kinds(actions)[0] is do.WakeUp
    assert sent(actions) == b""
    assert sent(feed(made, UP)) == FRAME * 50


@pytest.mark.parametrize("again", [(DOWN, ev.LinkUp("s2")), (ev.AudioDropped(),)])
def test_a_question_is_not_sent_again_once_the_budget_is_spent(again: tuple[Event, ...]) -> None:
    made = thinking()
    actions = feed(made, ev.BudgetChanged("the day"), *again)
    assert sent(actions) == b""
    assert sounds(actions) == ["budget_spent"]
    assert turn(made) is Turn.IDLE
