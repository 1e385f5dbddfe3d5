from __future__ import annotations

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Pattern
from pi_voice.core.activation import PushToTalk, Toggle, VoiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, Bindings
from pi_voice.core.conversation import Rules
from pi_voice.core.device import Device
from pi_voice.core.events import Event, Wish
from pi_voice.core.gestures import Gesture
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
    assert kinds(actions) == [do.DiscardTurn, do.GateLink, do.CloseMic, do.Show, do.PlaySound]
    assert turn(made) is Turn.IDLE


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
    assert shown(actions) == ["fault"]
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
    assert said == ["ready", "no_network", "refused", "no_microphone", "muted", "muted"]


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
