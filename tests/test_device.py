from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Pattern
from pi_voice.core.activation import PushToTalk, Toggle, VoiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, Bindings
from pi_voice.core.conversation import OUTAGE_TIMER
from pi_voice.core.device import COMPLAINT_TIMER, IDLE_TIMER, Device
from pi_voice.core.events import Event, Wish
from pi_voice.core.gestures import Gesture
from pi_voice.core.rules import Rules
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    FRAME,
    QUESTION,
    REFUSED,
    UP,
    audio,
    device,
    feed,
    frame,
    heard,
    kinds,
    online,
    press,
    release,
    sent,
    shown,
    sounds,
    speaking,
    thinking,
    timers,
    turn,
)

MUTE = ev.Cue(Wish.MUTE, 3.0, local=True)
UNMUTE = ev.Cue(Wish.UNMUTE, 4.0, local=True)


def test_the_light_tells_the_whole_story_of_a_turn() -> None:
    actions = Device(PushToTalk()).handle(ev.Started(muted=False))
    made = device()
    actions += feed(made, UP, *QUESTION, ev.MicClosed(), ev.ReplyStarted("r1"), audio())
    actions += feed(made, ev.ReplyEnded("r1", "completed"))
    actions += feed(made, ev.PlaybackEnded("i1", 200, interrupted=False))
    assert shown(actions) == [
        "starting",
        "idle",
        "opening",
        "listening",
        "thinking",
        "speaking",
        "idle",
    ]


def test_mute_closes_the_microphone_and_drops_what_was_said() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    actions = feed(made, MUTE)
    assert kinds(actions) == [
        do.ForgetSound,
        do.DiscardTurn,
        do.GateLink,
        do.CloseMic,
        do.Show,
        do.Remember,
    ]
    assert turn(made) is Turn.IDLE


def test_the_box_says_that_it_is_muted_once_it_would_stay_so_over_a_power_cut() -> None:
    made = online()
    assert sounds(feed(made, MUTE)) == []
    assert sounds(feed(made, ev.Remembered())) == ["muted"]
    assert sounds(feed(made, ev.Remembered())) == []


def test_what_was_remembered_while_it_is_no_longer_muted_is_not_said() -> None:
    made = online()
    feed(made, MUTE)
    unmute = ev.Cue(Wish.UNMUTE, 2.0, local=True)
    assert sounds(feed(made, unmute, ev.Remembered(), ev.Remembered())) == ["unmuted"]


def test_muting_and_unmuting_are_remembered_each_once() -> None:
    made = online()
    unmute = ev.Cue(Wish.UNMUTE, 2.0, local=True)
    actions = feed(made, MUTE, MUTE, unmute, unmute)
    assert [a.muted for a in actions if isinstance(a, do.Remember)] == [True, False]


def test_a_press_while_muted_only_says_that_it_is_muted() -> None:
    made = online()
    feed(made, MUTE)
    actions = feed(made, press(5.0), heard(5.1, 50), release(6.0), heard(6.0, 20))
    assert kinds(actions) == [do.PlaySound]
    assert sounds(actions) == ["muted"]


def test_mute_survives_a_restart_and_a_new_session() -> None:
    made = Device(VoiceActivated())
    actions = feed(made, ev.Started(muted=True), UP, DOWN, ev.LinkUp("s2"))
    assert do.OpenMic not in kinds(actions)
    assert shown(actions) == ["muted"]


def test_only_hands_at_the_box_unmute() -> None:
    made = online(VoiceActivated())
    feed(made, MUTE)
    assert feed(made, ev.Cue(Wish.UNMUTE, 5.0)) == []
    assert do.OpenMic in kinds(feed(made, UNMUTE))


def test_others_may_unmute_where_the_owner_allows_it() -> None:
    made = online(rules=Rules(remote_unmute=True))
    feed(made, MUTE, ev.Cue(Wish.UNMUTE, 5.0))
    assert not made.muted


def test_muting_while_a_reply_is_heard_lets_it_finish() -> None:
    made = speaking()
    assert do.StopPlayback not in kinds(feed(made, MUTE))
    assert turn(made) is Turn.SPEAKING


def test_a_question_is_not_asked_again_for_somebody_who_muted_since() -> None:
    made = thinking()
    actions = feed(made, MUTE, DOWN, ev.LinkUp("s2"))
    assert sent(actions) == b""
    assert turn(made) is Turn.IDLE


def test_a_lost_microphone_ends_the_turn_and_shows_it_until_it_is_back() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 50))
    actions = feed(made, ev.MicLost("unplugged"), ev.MicClosed())
    assert do.DiscardTurn in kinds(actions)
    assert sounds(actions) == ["no_microphone"]
    assert shown(actions) == ["no_microphone"]
    assert shown(feed(made, release(4.0), press(5.0), ev.MicOpened())) == ["opening", "listening"]


def test_voice_sends_the_pre_roll_and_ends_with_the_speech() -> None:
    made = online(VoiceActivated())
    feed(made, ev.MicOpened(), heard(1.0, 30, speech=False))
    actions = feed(made, heard(1.6, 40), heard(2.4, 4, speech=False))
    assert sent(actions) == FRAME * (15 + 40 + 1)
    assert do.CommitTurn in kinds(actions)
    assert do.CloseMic not in kinds(actions)


def test_voice_does_not_hear_its_own_reply() -> None:
    made = online(VoiceActivated())
    feed(made, ev.MicOpened(), heard(1.0, 40), heard(1.8, 2, speech=False))
    feed(made, ev.ReplyStarted("r1"), audio())
    actions = feed(made, heard(3.0, 40), ev.ReplyEnded("r1", "completed"))
    actions += feed(made, ev.PlaybackEnded("i1", 200, interrupted=False), heard(4.0, 10))
    assert sent(actions) == b""
    assert turn(made) is Turn.IDLE


def test_voice_may_interrupt_where_the_speaker_is_not_heard() -> None:
    made = online(VoiceActivated(over_replies=True))
    feed(made, ev.MicOpened(), heard(1.0, 40), heard(1.8, 2, speech=False))
    feed(made, ev.ReplyStarted("r1"), audio())
    assert kinds(feed(made, heard(3.0, 1)))[0] is do.StopPlayback


def test_who_talks_to_an_offline_box_is_told_so_once_and_not_at_every_word() -> None:
    made = device(VoiceActivated())
    feed(made, DOWN, ev.TimerFired(OUTAGE_TIMER), ev.MicOpened())
    words = [heard(at_s, 3, speech=at_s % 2 == 0) for at_s in range(10, 20)]
    assert sounds(feed(made, *words)) == ["no_network"]
    assert sounds(feed(made, ev.TimerFired(COMPLAINT_TIMER), *words)) == ["no_network"]


def test_toggle_talks_at_the_first_press_and_asks_at_the_second() -> None:
    made = online(Toggle())
    feed(made, press(1.0), ev.MicOpened(), release(1.1), heard(1.05, 50))
    assert turn(made) is Turn.LISTENING
    feed(made, press(2.0), release(2.1), heard(2.05, 10))
    assert turn(made) is Turn.THINKING
    assert kinds(feed(made, press(3.0)))[0] is do.CancelReply


def test_a_hot_microphone_gives_what_was_said_before_the_press() -> None:
    made = online(PushToTalk(hot=True))
    actions = feed(made, ev.MicOpened(), heard(0.5, 25), press(1.0), heard(1.0, 10))
    assert sent(actions) == FRAME * (15 + 10)


def test_nothing_from_before_the_handle_was_open_belongs_to_a_turn() -> None:
    made = online(PushToTalk(hot=True))
    actions = feed(made, ev.MicLost("gone"), heard(0.5, 1), ev.MicOpened(), press(1.0))
    assert sent(actions + feed(made, heard(1.0, 10))) == FRAME * 10


def test_a_closed_microphone_is_asked_for_once_and_given_back_once() -> None:
    actions = kinds(feed(online(), *QUESTION, ev.MicClosed()))
    assert actions.count(do.OpenMic) == actions.count(do.CloseMic) == 1


TAPS = Bindings({Gesture.HOLD: Wish.TALK, Gesture.TAP: Wish.SAY_STATUS})
HOLD_LIMIT = ev.TimerFired("talk.limit")


def with_taps() -> Device:
    made = Device(PushToTalk(), bindings=TAPS)
    feed(made, ev.Started(muted=False), UP)
    return made


def test_a_tap_is_captured_but_nothing_of_it_is_sent() -> None:
    made = with_taps()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 4), release(1.12))
    actions += feed(made, heard(1.13, 10))
    assert sent(actions) == b""
    assert do.GateLink(muted=False) not in actions
    assert sounds(actions) == ["ready"]
    assert turn(made) is Turn.IDLE


def test_a_press_that_outlives_the_tap_sends_all_of_it() -> None:
    made = with_taps()
    early = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 8))
    actions = feed(made, HOLD_LIMIT, heard(1.21, 40), release(2.0), heard(2.01, 12))
    assert sent(early) == b""
    assert sent(actions) == FRAME * (8 + 40 + 7)
    assert do.CommitTurn in kinds(actions)


def test_a_tap_over_a_reply_silences_it_at_once() -> None:
    made = with_taps()
    feed(made, press(1.0), HOLD_LIMIT, ev.MicOpened(), heard(1.05, 50), release(2.0))
    feed(made, heard(2.05, 10), ev.ReplyStarted("r1"), audio())
    assert kinds(feed(made, press(5.0)))[:2] == [do.StopPlayback, do.CancelReply]


def test_toggle_with_more_gestures_waits_for_the_tap() -> None:
    wishes = {Gesture.TAP: Wish.TALK, Gesture.LONG: Wish.MUTE}
    made = Device(Toggle(), bindings=Bindings(wishes))
    feed(made, ev.Started(muted=False), UP)
    early = feed(made, press(1.0), ev.MicOpened(), heard(1.0, 5))
    assert sent(early) == b""
    assert sent(feed(made, release(1.1), heard(1.1, 40))) == FRAME * 45
    feed(made, press(2.0), release(2.1), heard(1.9, 30))
    assert turn(made) is Turn.THINKING


def test_a_long_press_mutes_and_another_unmutes() -> None:
    wishes = {Gesture.TAP: Wish.TALK, Gesture.LONG: Wish.MUTE}
    made = Device(Toggle(), bindings=Bindings(wishes))
    feed(made, ev.Started(muted=False), UP, press(1.0), ev.MicOpened(), heard(1.0, 50))
    actions = feed(made, HOLD_LIMIT)
    assert made.muted
    assert sent(actions) == b""
    feed(made, release(3.0), press(4.0), HOLD_LIMIT)
    assert not made.muted


def test_a_mute_button_mutes_and_unmutes() -> None:
    made = online()
    feed(made, ev.ButtonEdge(pressed=True, at_s=1.0, button=MUTE_BUTTON))
    assert made.muted
    feed(made, ev.ButtonEdge(pressed=False, at_s=2.0, button=MUTE_BUTTON))
    feed(made, ev.ButtonEdge(pressed=True, at_s=3.0, button=MUTE_BUTTON))
    assert not made.muted


def test_nothing_unmutes_while_the_switch_is_closed() -> None:
    made = online(rules=Rules(remote_unmute=True))
    feed(made, ev.ButtonEdge(pressed=True, at_s=1.0, button=MUTE_SWITCH, found=True))
    assert sounds(feed(made, UNMUTE)) == ["muted"]
    assert made.muted
    feed(made, ev.ButtonEdge(pressed=False, at_s=5.0, button=MUTE_SWITCH))
    assert not made.muted


def test_a_button_that_is_down_at_the_start_is_told_and_does_not_talk() -> None:
    made = online()
    actions = feed(made, ev.ButtonEdge(pressed=True, at_s=0.5, found=True))
    assert actions[0] == do.Warn("button 'talk' is held down; it counts once it is let go")
    assert turn(made) is Turn.IDLE


def test_a_bouncing_press_is_one_turn() -> None:
    made = online()
    bounces = [ev.ButtonEdge(pressed=n % 2 == 0, at_s=1.0 + n / 1000) for n in range(9)]
    actions = feed(made, *bounces, ev.MicOpened(), heard(1.05, 50), release(2.0))
    assert kinds(actions).count(do.OpenMic) == 1
    assert turn(made) is Turn.ENDING


def test_hanging_up_ends_the_turn_whoever_talks() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.0, 50))
    assert do.DiscardTurn in kinds(feed(made, ev.Cue(Wish.HANG_UP, 2.0)))
    assert turn(made) is Turn.IDLE


def test_the_box_says_what_keeps_it_from_answering() -> None:
    made = online()
    ask = ev.Cue(Wish.SAY_STATUS, 1.0)
    said = sounds(feed(made, ask, DOWN, ask, REFUSED, ask, ev.MicLost("gone"), ask, MUTE, ask))
    assert said == ["ready", "no_network", "key_refused", "no_microphone", "muted"]


def test_a_box_in_safe_mode_says_so_when_asked_and_talks() -> None:
    made = Device(PushToTalk(), Rules(safe_mode=True))
    ask = ev.Cue(Wish.SAY_STATUS, 1.0)
    assert sounds(feed(made, ev.Started(muted=False), UP, ask, REFUSED, ask)) == [
        "safe_mode",
        "key_refused",
    ]
    assert do.OpenMic in kinds(feed(made, UP, press(2.0)))


# Mute


def test_mute_ends_a_question_that_waits_for_the_link_at_once() -> None:
    made = thinking()
    feed(made, DOWN, MUTE)
    assert turn(made) is Turn.IDLE


def test_mute_takes_back_a_question_that_is_being_sent_again() -> None:
    made = thinking()
    feed(made, ev.MicClosed(), DOWN, ev.LinkUp("s2"))
    assert do.CancelReply in kinds(feed(made, MUTE))


def test_a_muted_box_can_still_be_silenced_from_outside() -> None:
    made = speaking()
    assert do.StopPlayback() in feed(made, MUTE, ev.Cue(Wish.INTERRUPT, 5.0))


def test_nobody_opens_a_turn_on_a_muted_box() -> None:
    made = online()
    feed(made, MUTE)
    assert feed(made, ev.Cue(Wish.TALK, 5.0, local=True)) == []
    assert turn(made) is Turn.IDLE


def test_opening_the_switch_does_not_take_back_what_the_button_asked_for() -> None:
    made = online()
    feed(made, MUTE, ev.ButtonEdge(pressed=True, at_s=2.0, button=MUTE_SWITCH))
    feed(made, ev.ButtonEdge(pressed=False, at_s=5.0, button=MUTE_SWITCH))
    assert made.muted


def test_a_switch_that_is_closed_at_the_start_never_lets_the_microphone_open() -> None:
    made = Device(VoiceActivated(), bindings=Bindings(has_switch=True))
    found = ev.ButtonEdge(pressed=True, at_s=0.1, button=MUTE_SWITCH, found=True)
    assert do.OpenMic not in kinds(feed(made, ev.Started(muted=False), found))


def test_a_switch_that_is_open_at_the_start_lets_the_microphone_open() -> None:
    made = Device(VoiceActivated(), bindings=Bindings(has_switch=True))
    found = ev.ButtonEdge(pressed=False, at_s=0.1, button=MUTE_SWITCH, found=True)
    assert do.OpenMic not in kinds(feed(made, ev.Started(muted=False)))
    assert do.OpenMic in kinds(feed(made, found))


def test_the_gate_is_closed_from_the_first_step() -> None:
    assert Device(PushToTalk()).handle(ev.Started(muted=False))[0] == do.GateLink(muted=True)


# A press that may become another gesture


def test_what_was_held_back_is_sent_in_the_step_that_makes_it_certain() -> None:
    made = with_taps()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 8))
    assert sent(feed(made, HOLD_LIMIT)) == FRAME * 8


def test_a_turn_that_never_became_certain_is_not_asked() -> None:
    made = with_taps()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 30))
    actions += feed(made, ev.Cue(Wish.DONE, 1.65), heard(1.65, 10))
    assert do.CommitTurn not in kinds(actions)


def test_the_service_hears_nothing_of_a_tap() -> None:
    made = with_taps()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 4), release(1.12))
    assert not {do.DiscardTurn, do.GateLink} & set(kinds(actions))


def test_a_new_session_gets_nothing_of_a_press_that_may_be_a_tap() -> None:
    made = with_taps()
    actions = feed(made, press(1.0), ev.MicOpened(), heard(1.05, 4), DOWN, ev.LinkUp("s2"))
    assert sent(actions) == b""


def test_a_press_that_outlives_the_tap_and_an_outage_sends_all_of_it() -> None:
    made = with_taps()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 4), DOWN, ev.LinkUp("s2"))
    assert sent(feed(made, HOLD_LIMIT, heard(1.21, 40))) == FRAME * 44


def test_a_second_hold_during_the_tail_continues_the_turn() -> None:
    made = with_taps()
    feed(made, press(1.0), ev.MicOpened(), HOLD_LIMIT, heard(1.05, 50), release(2.0))
    actions = feed(made, press(2.1), heard(2.05, 20), HOLD_LIMIT, heard(2.45, 20))
    actions += feed(made, release(3.0), heard(2.9, 20))
    assert kinds(actions).count(do.CommitTurn) == 1


def toggle_with(gesture: Gesture, wish: Wish) -> Device:
    """A device whose tap talks, and whose other gesture means something else."""
    wishes = {Gesture.TAP: Wish.TALK, gesture: wish}
    made = Device(Toggle(), bindings=Bindings(wishes))
    feed(made, ev.Started(muted=False), UP)
    return made


def test_a_long_press_at_the_end_of_a_toggled_turn_mutes_and_asks_nothing() -> None:
    made = toggle_with(Gesture.LONG, Wish.MUTE)
    feed(made, press(1.0), ev.MicOpened(), release(1.1), heard(1.1, 40))
    actions = feed(made, press(2.0), heard(1.9, 20), HOLD_LIMIT)
    assert do.CommitTurn not in kinds(actions)
    assert made.muted


def test_a_double_tap_that_means_something_else_leaves_no_turn_behind() -> None:
    made = toggle_with(Gesture.DOUBLE, Wish.SAY_STATUS)
    feed(made, press(1.0), ev.MicOpened(), release(1.1), press(1.2))
    assert sounds(feed(made, release(1.3))) == ["ready"]
    assert turn(made) is Turn.IDLE


# The microphone


def hot() -> Device:
    """A device that heard half a second before anybody pressed."""
    made = online(PushToTalk(hot=True))
    feed(made, ev.MicOpened(), heard(0.5, 25))
    return made


def test_a_tap_on_a_hot_box_is_no_turn() -> None:
    actions = feed(hot(), press(1.0), heard(1.0, 2), release(1.04), heard(1.04, 15))
    assert do.CommitTurn not in kinds(actions)


@pytest.mark.parametrize("between", [(MUTE, UNMUTE), (ev.MicClosed(),), (ev.MicLost("gone"),)])
def test_nothing_from_before_the_microphone_was_closed_belongs_to_a_turn(
    between: tuple[Event, ...],
) -> None:
    assert sent(feed(hot(), *between, press(9.0))) == b""


def test_a_pre_roll_belongs_to_one_turn_only() -> None:
    made = hot()
    feed(made, press(1.0), ev.Cue(Wish.HANG_UP, 1.1))
    assert sent(feed(made, release(1.2), press(1.5))) == b""


def test_a_press_on_a_hot_box_without_a_microphone_says_so() -> None:
    made = hot()
    feed(made, ev.MicLost("gone"))
    assert sounds(feed(made, press(1.0))) == ["no_microphone"]


def test_a_lost_microphone_is_looked_for_between_turns_too() -> None:
    made = online()
    actions = feed(made, press(1.0), ev.MicLost("gone"), ev.MicClosed(), release(2.0))
    handle = [kind for kind in kinds(actions) if kind in (do.OpenMic, do.CloseMic)]
    assert handle[-1] is do.OpenMic


# Altogether


def test_the_same_history_always_gives_the_same_actions() -> None:
    history: list[Event] = [UP, *QUESTION, ev.ReplyStarted("r1"), audio(), press(6.0), MUTE]
    assert feed(device(), *history) == feed(device(), *history)


def test_frames_that_come_after_the_release_stamp_and_tail_are_not_sent() -> None:
    made = online()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 20), release(1.2))
    late = ev.MicHeard((frame(1.33), frame(1.36, pcm=b"\xff\xff" * 480)))
    assert b"\xff\xff" not in sent(feed(made, late))


def test_every_pattern_of_a_turn_is_one_that_a_light_can_show() -> None:
    assert set(shown(feed(speaking(), press(6.0), MUTE))) <= {p.value for p in Pattern}


# One press, one answer


def test_a_press_without_service_and_microphone_has_one_reason() -> None:
    made = hot()
    feed(made, ev.MicLost("gone"), REFUSED)
    assert sounds(feed(made, press(1.0), release(2.0))) == ["key_refused"]


def test_a_microphone_that_stays_away_is_told_once_for_a_press() -> None:
    made = hot()
    feed(made, ev.MicLost("gone"))
    assert sounds(feed(made, press(1.0), ev.MicLost("busy"), release(2.0))) == ["no_microphone"]


def test_a_tap_on_a_box_without_microphone_is_answered_like_any_tap() -> None:
    made = with_taps()
    feed(made, press(1.0), HOLD_LIMIT, ev.MicLost("gone"), release(2.0))
    assert sounds(feed(made, press(3.0), release(3.1))) == ["no_microphone"]
    assert sounds(feed(made, press(4.0), HOLD_LIMIT, release(5.0))) == ["no_microphone"]


def test_a_microphone_that_goes_before_the_press_is_certain_is_told_once_and_only_then() -> None:
    made = with_taps()
    assert sounds(feed(made, press(1.0), ev.MicLost("gone"))) == []
    assert sounds(feed(made, HOLD_LIMIT, release(2.0))) == ["no_microphone"]


@pytest.mark.parametrize("news", [REFUSED, ev.BudgetChanged("the day")])
def test_a_press_that_becomes_a_question_too_late_is_told_once_why(news: Event) -> None:
    made = with_taps()
    actions = feed(made, press(1.0), news, HOLD_LIMIT, release(2.0))
    assert len(sounds(actions)) == 1


@pytest.mark.parametrize("trouble", [REFUSED, ev.BudgetChanged("the day")])
def test_a_press_in_trouble_is_answered_once_whatever_it_becomes(trouble: Event) -> None:
    made = with_taps()
    feed(made, trouble)
    tapped = sounds(feed(made, press(1.0), release(1.1)))
    held = sounds(feed(made, press(3.0), HOLD_LIMIT, release(4.0)))
    assert len(tapped) == len(held) == 1


def test_what_is_certain_goes_through_the_gate() -> None:
    made = with_taps()
    feed(made, press(1.0), ev.MicOpened(), heard(1.05, 8))
    assert kinds(feed(made, HOLD_LIMIT))[:2] == [do.GateLink, do.SendAudio]


def test_a_tap_in_the_moment_of_a_refusal_is_only_a_tap() -> None:
    made = with_taps()
    assert sounds(feed(made, press(1.0), REFUSED, release(1.1))) == ["key_refused"]


def test_a_tap_on_a_muted_box_is_answered_once() -> None:
    made = with_taps()
    feed(made, MUTE)
    assert sounds(feed(made, press(5.0), release(5.1))) == ["muted"]
    assert sounds(feed(made, press(6.0), HOLD_LIMIT, release(7.0))) == ["muted"]


def test_the_gesture_that_unmutes_does_not_say_muted_first() -> None:
    wishes = {Gesture.TAP: Wish.TALK, Gesture.LONG: Wish.MUTE}
    made = Device(Toggle(), bindings=Bindings(wishes))
    feed(made, ev.Started(muted=True), UP)
    assert sounds(feed(made, press(4.0), HOLD_LIMIT, release(6.0))) == ["unmuted"]


def test_a_tap_that_wakes_the_box_does_not_complain_of_its_sleep() -> None:
    made = Device(PushToTalk(), Rules(idle_hang_up_ms=1000.0), TAPS)
    feed(made, ev.Started(muted=False), UP, ev.TimerFired(IDLE_TIMER))
    actions = feed(made, press(1.0), release(1.1))
    assert kinds(actions).count(do.WakeUp) == 1
    assert sounds(actions) == ["ready"]


def test_what_was_only_a_tap_leaves_the_next_turn_alone() -> None:
    made = with_taps()
    feed(made, press(1.0), ev.MicOpened(), release(1.1), ev.MicClosed())
    actions = feed(made, ev.Cue(Wish.TALK, 3.0, local=True), ev.MicOpened(), heard(3.1, 10))
    assert sent(actions) == FRAME * 10


# Altogether with the speaker, the switch and the timers


def test_a_missing_speaker_is_told_when_asked_and_over_with_the_first_sound() -> None:
    made = online()
    ask = ev.Cue(Wish.SAY_STATUS, 1.0)
    assert sounds(feed(made, ev.SpeakerLost("gone"), ask)) == ["no_speaker"]
    assert sounds(feed(made, ev.PlaybackStarted("i1", 2.0), ask)) == ["ready"]


def test_the_button_asks_for_nothing_while_the_switch_mutes() -> None:
    made = online()
    feed(made, ev.ButtonEdge(pressed=True, at_s=2.0, button=MUTE_SWITCH))
    assert sounds(feed(made, ev.ButtonEdge(pressed=True, at_s=3.0, button=MUTE_BUTTON))) == [
        "muted"
    ]
    feed(made, ev.ButtonEdge(pressed=False, at_s=5.0, button=MUTE_SWITCH))
    assert not made.muted


def test_a_complaint_is_not_repeated_for_half_a_minute() -> None:
    made = online(VoiceActivated())
    feed(made, REFUSED, ev.MicOpened())
    assert timers(feed(made, heard(1.0, 3)))[COMPLAINT_TIMER] == 30_000.0


def test_a_muted_box_can_be_hung_up_from_outside() -> None:
    made = online()
    assert do.HangUp() in feed(made, MUTE, ev.Cue(Wish.HANG_UP, 5.0))


def test_the_wait_for_sleep_ends_with_the_conversation() -> None:
    made = online(rules=Rules(idle_hang_up_ms=1000.0))
    assert do.StopTimer(IDLE_TIMER) in feed(made, press(1.0))


def test_what_the_disk_still_owes_is_not_said_before_it_is_kept() -> None:
    made = device()
    feed(made, UP, MUTE, ev.Remembered(), UNMUTE, MUTE)
    assert made.muted
    assert sounds(feed(made, ev.Remembered())) == []
    assert not made.mute.is_kept
    assert sounds(feed(made, ev.Remembered())) == ["muted"]
