"""The device whose turns the service finds, as lists of events and actions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action
from pi_voice.core.activation import ServiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, TALK, Bindings
from pi_voice.core.conversation import OUTAGE_TIMER, REPLY_TIMER, TURN_TIMER
from pi_voice.core.device import IDLE_TIMER, Device
from pi_voice.core.events import Event, LinkFault, Wish
from pi_voice.core.gestures import Gesture
from pi_voice.core.rules import Rules
from pi_voice.core.service_turns import ServiceTurns
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    FRAME,
    REFUSED,
    UP,
    audio,
    feed,
    heard,
    kinds,
    press,
    release,
    shown,
    sounds,
    timers,
    turn,
)

BEGUN, ENDED = ev.SpeechStarted(), ev.SpeechStopped()
QUESTION = (BEGUN, ENDED)
ANSWER = (ev.ReplyStarted("r1"), audio())
OVER = ev.PlaybackEnded("i1", 120.0, interrupted=True)
MUTE = ev.Cue(Wish.MUTE, 3.0, local=True)
UNMUTE = ev.Cue(Wish.UNMUTE, 4.0, local=True)
HANG_UP = ev.Cue(Wish.HANG_UP, 5.0, local=True)
SPENT = ev.BudgetChanged("the hour's 30 minutes of sound are used up")
SLEEPY = Rules(idle_hang_up_ms=600_000.0)
TAP_OR_LONG = Bindings({Gesture.TAP: Wish.TALK, Gesture.LONG: Wish.MUTE})


def started(rules: Rules | None = None, bindings: Bindings | None = None) -> Device:
    made = Device(ServiceActivated(), rules, bindings, ServiceTurns)
    feed(made, ev.Started(muted=False), ev.MicOpened())
    return made


def online(*events: Event, rules: Rules | None = None, bindings: Bindings | None = None) -> Device:
    made = started(rules, bindings)
    feed(made, UP, *events)
    return made


def streamed(actions: list[Action]) -> bytes:
    return b"".join(action.pcm for action in actions if isinstance(action, do.StreamAudio))


# The line


def test_everything_that_is_heard_goes_to_the_service_whoever_talks() -> None:
    made = online()
    talk = feed(made, heard(1.0, 3, speech=False), BEGUN, heard(1.1, 2), ENDED, heard(1.2, 2))
    reply = feed(made, *ANSWER, heard(1.3, 4))
    assert streamed(talk) == FRAME * 7
    assert streamed(reply) == FRAME * 4


def test_the_microphone_and_the_gate_open_at_the_start() -> None:
    made = Device(ServiceActivated(), conversation=ServiceTurns)
    actions = feed(made, ev.Started(muted=False))
    gates = [action.muted for action in actions if isinstance(action, do.GateLink)]
    assert gates == [True, False]
    assert do.OpenMic() in actions


def test_nothing_is_streamed_before_there_is_a_session() -> None:
    assert streamed(feed(started(), heard(1.0, 5))) == b""


# The service's turns


def test_the_light_follows_what_the_service_hears() -> None:
    made = online()
    actions = feed(made, *QUESTION, *ANSWER, ev.ReplyEnded("r1", "completed"))
    actions += feed(made, ev.PlaybackEnded("i1", 200, interrupted=False))
    assert shown(actions) == ["listening", "thinking", "speaking", "idle"]


def test_a_turn_of_the_service_is_neither_committed_nor_asked_for() -> None:
    actions = feed(online(), BEGUN, heard(1.0, 10), ENDED)
    assert not {do.SendTurn, do.CommitTurn, do.DiscardTurn, do.GateLink} & set(kinds(actions))


def test_the_speaker_is_opened_while_the_user_still_talks() -> None:
    assert do.PrepareSpeaker() in feed(online(), BEGUN)


def test_speech_over_a_reply_is_followed_by_silence_and_by_no_cancel_of_ours() -> None:
    made = online(*QUESTION, *ANSWER)
    actions = feed(made, BEGUN)
    assert kinds(actions)[0] is do.StopPlayback
    assert do.CancelReply not in kinds(actions)
    assert turn(made) is Turn.LISTENING


def test_a_reply_that_was_talked_over_is_truncated_at_what_was_heard() -> None:
    made = online(*QUESTION, *ANSWER, BEGUN)
    assert feed(made, OVER) == [do.TruncateReply("i1", 120.0)]


def test_late_sound_of_a_reply_that_was_talked_over_is_not_heard() -> None:
    made = online(*QUESTION, *ANSWER, BEGUN, ENDED)
    assert do.Play not in kinds(feed(made, audio(), ev.ReplyStarted("r2"), audio("r1", "i1b")))
    assert do.Play in kinds(feed(made, audio("r2", "i2")))


def test_speech_before_the_reply_began_takes_its_place() -> None:
    made = online(*QUESTION)
    assert do.CancelReply not in kinds(feed(made, BEGUN))
    assert turn(made) is Turn.LISTENING


def test_a_turn_that_is_never_answered_is_told() -> None:
    made = online()
    assert REPLY_TIMER in timers(feed(made, *QUESTION))
    actions = feed(made, ev.TimerFired(REPLY_TIMER))
    assert sounds(actions) == ["no_reply"]
    assert turn(made) is Turn.IDLE


def test_speech_that_never_ends_is_forgotten_by_both_sides() -> None:
    made = online(rules=Rules(longest_turn_ms=5000))
    assert timers(feed(made, BEGUN))[TURN_TIMER] == 5000
    actions = feed(made, ev.TimerFired(TURN_TIMER))
    assert sounds(actions) == ["too_long"]
    assert do.DiscardTurn() in actions
    assert turn(made) is Turn.IDLE


def test_an_end_without_a_beginning_is_no_turn() -> None:
    made = online()
    assert feed(made, ENDED) == []
    assert turn(made) is Turn.IDLE


# Hands


def test_a_press_over_a_reply_silences_it() -> None:
    made = online(*QUESTION, *ANSWER)
    assert kinds(feed(made, press()))[:2] == [do.StopPlayback, do.CancelReply]
    assert streamed(feed(made, heard(2.0))) == FRAME


def test_a_press_while_thinking_wants_no_reply() -> None:
    made = online(*QUESTION)
    assert kinds(feed(made, press()))[0] is do.CancelReply
    assert turn(made) is Turn.IDLE


def test_a_press_in_a_quiet_box_or_over_the_user_changes_nothing() -> None:
    made = online()
    assert kinds(feed(made, press(), release(), BEGUN)) == [do.PrepareSpeaker, do.Show]
    assert kinds(feed(made, press(5.0), release(6.0))) == []
    assert turn(made) is Turn.LISTENING


@pytest.mark.parametrize(
    ("trouble", "sound"), [(REFUSED, "key_refused"), (SPENT, "budget_spent")], ids=str
)
def test_a_press_tells_why_nobody_hears(trouble: Event, sound: str) -> None:
    assert sounds(feed(online(trouble), press())) == [sound]


def test_a_press_tells_that_the_microphone_is_gone() -> None:
    assert sounds(feed(online(ev.MicLost("unplugged")), press())) == ["no_microphone"]


# Mute


def test_mute_in_mid_word_shuts_everything_before_the_handle() -> None:
    made = online(BEGUN)
    assert kinds(feed(made, MUTE)) == [
        do.ForgetSound,
        do.DiscardTurn,
        do.GateLink,
        do.CloseMic,
        do.Show,
        do.Remember,
    ]
    assert streamed(feed(made, heard(4.0, 5))) == b""


def test_unmuting_opens_the_line_again() -> None:
    made = online(MUTE)
    actions = feed(made, UNMUTE)
    assert [action.muted for action in actions if isinstance(action, do.GateLink)] == [False]
    assert do.OpenMic() in actions
    assert streamed(feed(made, ev.MicOpened(), heard(5.0, 2))) == FRAME * 2


def test_a_box_that_fell_asleep_while_muted_hears_again_once_it_is_unmuted() -> None:
    made = online(MUTE, ev.TimerFired(IDLE_TIMER), rules=SLEEPY)
    assert do.WakeUp() in feed(made, UNMUTE)


def test_speech_that_crossed_with_mute_ends_the_reply_and_opens_nothing() -> None:
    made = online(*QUESTION, *ANSWER, MUTE)
    actions = feed(made, BEGUN)
    assert kinds(actions)[0] is do.StopPlayback
    assert do.CancelReply not in kinds(actions)
    assert turn(made) is Turn.IDLE


def test_muting_while_a_reply_is_heard_lets_it_finish() -> None:
    made = online(*QUESTION, *ANSWER)
    assert do.StopPlayback not in kinds(feed(made, MUTE))
    assert turn(made) is Turn.SPEAKING


def test_muting_takes_back_a_question_that_is_not_answered_yet() -> None:
    made = online(*QUESTION)
    assert do.CancelReply in kinds(feed(made, MUTE))


# Sleep


def test_the_line_and_the_microphone_are_closed_when_nobody_talks_for_long() -> None:
    made = online(rules=SLEEPY)
    actions = feed(made, ev.TimerFired(IDLE_TIMER))
    assert kinds(actions) == [do.HangUp, do.GateLink, do.CloseMic, do.Show]
    assert shown(actions) == ["asleep"]
    assert streamed(feed(made, heard(9.0, 5))) == b""


@pytest.mark.parametrize("waking", [press(9.0), ev.Cue(Wish.TALK, 9.0), ev.Say("dinner")], ids=str)
def test_a_press_or_a_text_to_say_wakes_the_box(waking: Event) -> None:
    made = online(HANG_UP, ev.MicClosed())
    actions = feed(made, waking)
    assert [kind for kind in kinds(actions) if kind is not do.Show] == [
        do.WakeUp,
        do.GateLink,
        do.OpenMic,
    ]
    assert shown(actions) == ["starting"]
    feed(made, ev.MicOpened(), UP)
    assert streamed(feed(made, heard(9.0, 5))) == FRAME * 5


def test_a_press_that_may_mean_something_else_wakes_only_when_it_is_certain() -> None:
    made = online(HANG_UP, bindings=TAP_OR_LONG)
    assert kinds(feed(made, press(9.0))) == []
    assert do.WakeUp() in feed(made, release(9.1))


def test_a_long_press_mutes_a_sleeping_box_without_waking_it() -> None:
    made = online(HANG_UP, bindings=TAP_OR_LONG)
    actions = feed(made, press(9.0), ev.TimerFired("talk.limit"), release(11.0))
    assert made.muted
    assert not {do.WakeUp, do.OpenMic} & set(kinds(actions))


def test_hanging_up_in_mid_word_leaves_nothing_behind() -> None:
    made = online(BEGUN)
    actions = feed(made, HANG_UP)
    assert do.HangUp() in actions
    assert turn(made) is Turn.IDLE
    assert feed(made, UP, ENDED, heard(9.0)) == []


def test_a_full_session_is_followed_by_another_and_the_microphone_stays_open() -> None:
    actions = feed(online(), ev.SessionFull())
    assert kinds(actions) == [do.HangUp, do.WakeUp, do.Show]


def test_speech_that_a_full_session_still_heard_begins_no_turn() -> None:
    assert turn(online(ev.SessionFull(), BEGUN)) is Turn.IDLE


def test_a_full_session_does_not_wake_a_sleeping_box() -> None:
    assert feed(online(HANG_UP), ev.SessionFull()) == []


def test_a_box_that_was_woken_by_others_tells_its_losses_whatever_a_press_may_have_meant() -> None:
    made = online(HANG_UP, bindings=TAP_OR_LONG)
    feed(made, press(9.0), ev.Say("dinner"), ev.MicOpened(), UP, BEGUN)
    assert sounds(feed(made, SPENT)) == ["budget_spent"]


# Losses


def test_a_link_that_breaks_in_mid_sentence_is_shown_and_told_at_once() -> None:
    made = online(BEGUN, heard(1.0, 5))
    actions = feed(made, DOWN)
    assert shown(actions) == ["starting"]
    assert sounds(actions) == ["no_reply"]
    assert streamed(feed(made, heard(2.0, 5))) == b""
    assert kinds(feed(made, ev.LinkUp("s2"), heard(3.0, 5))) == [do.Show, do.StreamAudio]


def test_a_reply_that_was_awaited_when_the_link_broke_is_told_and_not_asked_again() -> None:
    made = online(*QUESTION)
    assert sounds(feed(made, DOWN)) == ["no_reply"]
    assert not {do.SendTurn, do.CommitTurn} & set(kinds(feed(made, ev.LinkUp("s2"))))


def test_a_link_that_is_refused_in_mid_sentence_says_why_once() -> None:
    assert sounds(feed(online(BEGUN), REFUSED)) == ["key_refused"]


def test_a_reply_that_the_outage_cut_is_heard_as_far_as_it_came() -> None:
    made = online(*QUESTION, *ANSWER)
    assert do.EndItem("i1") in feed(made, DOWN)
    assert turn(made) is Turn.SPEAKING


def test_a_long_outage_closes_the_microphone_until_there_is_a_session() -> None:
    made = online(DOWN)
    actions = feed(made, ev.TimerFired(OUTAGE_TIMER))
    assert shown(actions) == ["no_network"]
    assert do.CloseMic() in actions
    assert do.OpenMic() in feed(made, ev.LinkUp("s2"))


def test_a_lost_microphone_takes_half_a_sentence_back() -> None:
    actions = feed(online(BEGUN), ev.MicLost("unplugged"))
    assert do.DiscardTurn() in actions
    assert sounds(actions) == ["no_microphone"]
    assert shown(actions) == ["no_microphone"]


# Budget


def test_a_spent_budget_stops_the_stream_and_closes_the_microphone() -> None:
    made = online()
    actions = feed(made, SPENT)
    assert kinds(actions) == [do.Warn, do.GateLink, do.CloseMic, do.Show]
    assert shown(actions) == ["budget_spent"]
    assert streamed(feed(made, heard(2.0, 5))) == b""
    assert do.OpenMic() in feed(made, ev.BudgetChanged())


def test_a_microphone_that_is_looked_for_is_not_streamed_once_the_budget_is_spent() -> None:
    assert streamed(feed(online(ev.MicLost("gone"), SPENT), heard(2.0, 5))) == b""


def test_a_budget_that_ends_in_mid_sentence_is_told() -> None:
    assert sounds(feed(online(BEGUN), SPENT)) == ["budget_spent"]


def test_the_last_reply_that_was_paid_for_is_heard() -> None:
    made = online(*QUESTION, SPENT)
    assert do.Play in kinds(feed(made, *ANSWER))


# What holds in every moment

EVENTS: tuple[Event, ...] = (
    *(heard(1.0, n) for n in (1, 3)),
    *(BEGUN, ENDED) * 3,
    *(UP, DOWN, UP, REFUSED, ev.LinkDown(LinkFault.SERVICE, "busy")),
    *(ev.ReplyStarted("r1"), ev.ReplyStarted("r2"), audio(), audio("r2", "i2")) * 2,
    *(ev.ReplyEnded("r1", "completed"), ev.ReplyEnded("r2", "failed"), ev.TurnRefused("no")),
    *(OVER, ev.PlaybackEnded("i2", 200.0, interrupted=False)),
    *(MUTE, UNMUTE, HANG_UP, SPENT, ev.BudgetChanged(), ev.SessionFull(), ev.AudioDropped()),
    *(ev.Cue(wish, 7.0) for wish in Wish),
    *(ev.ButtonEdge(to, 1.0, name) for name in (TALK, MUTE_BUTTON) for to in (True, False)),
    *(ev.ButtonEdge(to, 1.0, MUTE_SWITCH) for to in (True, False)),
    *(ev.TimerFired(name) for name in (OUTAGE_TIMER, REPLY_TIMER, TURN_TIMER, IDLE_TIMER)),
    *(
        ev.TimerFired(f"{name}.{kind}")
        for name in (TALK, MUTE_BUTTON)
        for kind in ("rest", "limit")
    ),
    *(ev.MicOpened(), ev.MicClosed(), ev.MicLost("gone"), ev.Say("dinner"), ev.Remembered()),
)
BOXES: dict[str, Callable[[], Device]] = {
    "plain": lambda: Device(ServiceActivated(), SLEEPY, None, ServiceTurns),
    "tap or long": lambda: Device(ServiceActivated(), SLEEPY, TAP_OR_LONG, ServiceTurns),
}


HISTORIES = st.lists(st.sampled_from(EVENTS), min_size=30, max_size=80)
MANY = settings(deadline=None, max_examples=150, derandomize=True)
each_box = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)


@each_box
@given(history=HISTORIES)
@MANY
def test_sound_leaves_only_through_an_open_gate_and_only_into_a_session(
    box: Callable[[], Device], history: list[Event]
) -> None:
    made = box()
    closed, asleep, spent, up = False, False, False, False
    for event in (ev.Started(muted=False), *history):
        if isinstance(event, ev.LinkUp | ev.LinkDown):
            up = isinstance(event, ev.LinkUp)
        if isinstance(event, ev.BudgetChanged):
            spent = bool(event.reason)
        for action in made.handle(event):
            if isinstance(action, do.GateLink):
                closed = action.muted
            elif isinstance(action, do.HangUp | do.WakeUp):
                asleep, up = isinstance(action, do.HangUp), False
            assert not isinstance(action, do.StreamAudio) or (up and not closed)
            assert not isinstance(action, do.SendAudio | do.SendTurn | do.CommitTurn)
        assert closed or not (made.muted or asleep or spent)
        assert turn(made) is not Turn.ENDING
        assert turn(made) is not Turn.LISTENING or not closed


@each_box
@given(history=HISTORIES)
@MANY
def test_no_event_leaves_anything_for_the_next_one_to_decide(
    box: Callable[[], Device], history: list[Event]
) -> None:
    made = box()
    for event in (ev.Started(muted=False), *history):
        made.handle(event)
        assert made.handle(ev.TimerFired("of nobody")) == []


@each_box
@given(history=HISTORIES)
@MANY
def test_a_reply_that_was_cut_is_never_played_again(
    box: Callable[[], Device], history: list[Event]
) -> None:
    made = box()
    playing, cut = set[str](), set[str]()
    for event in (ev.Started(muted=False), *history):
        for action in made.handle(event):
            if isinstance(action, do.StopPlayback):
                cut |= playing
                playing.clear()
            elif isinstance(action, do.Play):
                assert action.item_id not in cut
                playing.add(action.item_id)
        if isinstance(event, ev.PlaybackEnded):
            playing.discard(event.item_id)
            cut.discard(event.item_id)


@each_box
@given(history=HISTORIES)
@MANY
def test_after_any_history_the_box_can_be_talked_to(
    box: Callable[[], Device], history: list[Event]
) -> None:
    made = box()
    feed(made, ev.Started(muted=False), *history)
    feed(made, *(ev.TimerFired(name) for name in (TURN_TIMER, REPLY_TIMER) * 2))
    assert turn(made) is Turn.IDLE
    feed(made, ev.ButtonEdge(False, 1e5, MUTE_SWITCH), ev.TimerFired("mute_switch.rest"), UNMUTE)
    feed(made, ev.BudgetChanged(), ev.Cue(Wish.TALK, 1e6, local=True), UP, ev.MicOpened())
    assert streamed(feed(made, heard(1e6, 2))) == FRAME * 2
    feed(made, BEGUN)
    assert turn(made) is Turn.LISTENING
