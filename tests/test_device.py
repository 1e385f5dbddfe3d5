from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.activation import Activation, PushToTalk, Toggle, VoiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, Bindings
from pi_voice.core.conversation import OUTAGE_TIMER, REPLY_TIMER, TAIL_TIMER, TURN_TIMER, Rules
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


# Rules over random histories

REPLIES = st.sampled_from(["r1", "r2", "r3"])
ITEMS = st.sampled_from(["i1", "i2", "i3"])
TIMERS = st.sampled_from([TURN_TIMER, TAIL_TIMER, REPLY_TIMER, OUTAGE_TIMER])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(press()),
    st.just(release()),
    st.builds(heard, st.floats(0.5, 5.0), st.integers(1, 30), speech=st.booleans()),
    st.sampled_from([ev.MicOpened(), ev.MicClosed(), ev.MicLost("gone")]),
    st.builds(ev.Cue, st.sampled_from(Wish), st.just(1.0), st.booleans()),
    st.sampled_from([UP, DOWN, REFUSED, ev.AudioDropped(), ev.TurnRefused("no")]),
    st.builds(ev.ReplyStarted, REPLIES),
    st.builds(lambda r: audio(r, f"{r}/1"), REPLIES),
    st.builds(lambda r: ev.ReplyAudioEnded(r, f"{r}/1"), REPLIES),
    st.builds(ev.ReplyEnded, REPLIES, st.sampled_from(["completed", "failed", "cancelled"])),
    st.builds(lambda r, i: ev.PlaybackEnded(f"{r}/1", 10.0, interrupted=i), REPLIES, st.booleans()),
    st.builds(ev.TimerFired, TIMERS),
)
HISTORIES = st.lists(EVENTS, min_size=30, max_size=120)
Policy = Callable[[], Activation]


def push_to_talk() -> Activation:
    return PushToTalk()


def toggle() -> Activation:
    return Toggle()


def voice() -> Activation:
    return VoiceActivated()


ACTIVATIONS = st.sampled_from([push_to_talk, toggle, voice])


def run(activation: Policy, history: list[Event]) -> list[tuple[Event, list[Action]]]:
    made = device(activation())
    return [(event, made.handle(event)) for event in history]


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_muted_means_that_nothing_is_sent(activation: Policy, history: list[Event]) -> None:
    made = device(activation())
    for event in history:
        was_muted = made.muted
        actions = made.handle(event)
        if was_muted and made.muted:
            assert sent(actions) == b""
            assert do.OpenMic not in kinds(actions)


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_audio_is_sent_only_through_an_open_gate(activation: Policy, history: list[Event]) -> None:
    muted = True
    for _, actions in run(activation, history):
        for action in actions:
            if isinstance(action, do.GateLink):
                muted = action.muted
            if isinstance(action, do.SendAudio | do.SendTurn | do.CommitTurn):
                assert not muted


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_a_reply_that_was_cut_is_never_played_again(
    activation: Policy, history: list[Event]
) -> None:
    playing: set[str] = set()
    cut: set[str] = set()
    for event, actions in run(activation, history):
        for action in actions:
            if isinstance(action, do.StopPlayback):
                cut |= playing
                playing.clear()
            if isinstance(action, do.Play):
                assert isinstance(event, ev.ReplyAudio)
                assert event.reply_id not in cut
                playing.add(event.reply_id)


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_two_replies_never_play_into_each_other(activation: Policy, history: list[Event]) -> None:
    heard_now, over = "", set[str]()
    for event, actions in run(activation, history):
        if isinstance(event, ev.ReplyStarted):
            over.discard(event.reply_id)  # the random service reuses its few ids
        elif isinstance(event, ev.ReplyAudio) and do.Play in kinds(actions):
            assert event.reply_id not in over
            if event.reply_id != heard_now:
                over.add(heard_now)
                heard_now = event.reply_id


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_every_state_can_be_left(activation: Policy, history: list[Event]) -> None:
    made = device(activation())
    for event in history:
        made.handle(event)
    feed(made, *(ev.TimerFired(t) for t in (TURN_TIMER, TAIL_TIMER, REPLY_TIMER) * 2))
    assert turn(made) is Turn.IDLE
    feed(made, UNMUTE, UP, ev.MicOpened(), heard(9.0, 40, speech=False))
    feed(made, press(10.0), heard(10.1, 40), release(11.0), press(11.5), heard(11.0, 40))
    feed(made, heard(12.0, 40, speech=False))
    assert made.turn in (Turn.THINKING, Turn.LISTENING)


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_the_handle_is_wanted_only_when_somebody_may_be_heard(
    activation: Policy, history: list[Event]
) -> None:
    policy = activation()
    made, wanted, lost = device(policy), policy.keeps_open, False
    for event in history:
        if isinstance(event, ev.MicOpened | ev.MicLost):
            lost = isinstance(event, ev.MicLost)
        for action in made.handle(event):
            if isinstance(action, do.OpenMic | do.CloseMic):
                assert wanted is not isinstance(action, do.OpenMic)
                wanted = isinstance(action, do.OpenMic)
        in_turn = made.turn in (Turn.LISTENING, Turn.ENDING)
        assert wanted is (not made.muted and (in_turn or lost or policy.keeps_open))


@given(ACTIVATIONS, HISTORIES)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_a_waiting_state_always_has_a_timer(activation: Policy, history: list[Event]) -> None:
    timers = {OUTAGE_TIMER}
    made = device(activation())
    needs = {Turn.LISTENING: TURN_TIMER, Turn.ENDING: TAIL_TIMER}
    needs |= {Turn.THINKING: REPLY_TIMER, Turn.SPEAKING: REPLY_TIMER}
    for event in history:
        if isinstance(event, ev.TimerFired):
            if event.name not in timers:
                continue
            timers.discard(event.name)
        for action in made.handle(event):
            if isinstance(action, do.StartTimer):
                timers.add(action.name)
            if isinstance(action, do.StopTimer):
                timers.discard(action.name)
        assert turn(made) is Turn.IDLE or needs[made.turn] in timers


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
