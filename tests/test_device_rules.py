"""What holds in every moment of every history: random histories, whose clock moves forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.activation import PushToTalk, Toggle, VoiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, TALK, Bindings
from pi_voice.core.conversation import OUTAGE_TIMER, REPLY_TIMER, TAIL_TIMER, TURN_TIMER, USER
from pi_voice.core.device import IDLE_TIMER, Device
from pi_voice.core.events import Event, Wish
from pi_voice.core.failures import Failure
from pi_voice.core.gestures import Gesture
from pi_voice.core.rules import Rules
from pi_voice.core.states import Turn
from tests.histories import (
    DOWN,
    REFUSED,
    UP,
    audio,
    feed,
    heard,
    kinds,
    press,
    release,
    sent,
    sounds,
    turn,
)

HOLD_OR_TAP = Bindings(
    {Gesture.HOLD: Wish.TALK, Gesture.TAP: Wish.INTERRUPT, Gesture.DOUBLE: Wish.MUTE}
)
TAP_OR_LONG = Bindings({Gesture.TAP: Wish.TALK, Gesture.LONG: Wish.MUTE})
KEEPS_OPEN = ("hot", "hot with taps", "voice", "voice over replies")
WITH_TAPS = {
    "push to talk with taps": lambda: Device(PushToTalk(), bindings=HOLD_OR_TAP),
    "hot with taps": lambda: Device(PushToTalk(hot=True), bindings=HOLD_OR_TAP),
    "toggle with taps": lambda: Device(Toggle(), bindings=TAP_OR_LONG),
}
DEVICES: dict[str, Callable[[], Device]] = WITH_TAPS | {
    "push to talk": lambda: Device(PushToTalk()),
    "hot": lambda: Device(PushToTalk(hot=True)),
    "toggle": lambda: Device(Toggle()),
    "voice": lambda: Device(VoiceActivated()),
    "voice over replies": lambda: Device(VoiceActivated(over_replies=True)),
    "falls asleep": lambda: Device(PushToTalk(), Rules(idle_hang_up_ms=1000.0)),
}

# Histories: single events, and short scenes so that most of them hold whole conversations

EVENT_S = 0.13  # from one event to the next: a press and a release are a tap
NUMBER_BYTES = 2  # every frame is filled with its own number
NEW, LAST, OLD, NEXT = "new", "last", "old", "next"  # replies, seen from where the history is
LIMIT = ev.TimerFired("talk.limit")
SPEECH, SILENCE = heard(0.0, 6), heard(0.0, 6, speech=False)
ENDED = ev.ReplyEnded(LAST, "completed")
HEARD = ev.PlaybackEnded(LAST, 10.0, interrupted=False)


class Scene(tuple[Event, ...]):
    """Events that follow each other; tells of a failure what a person wants to read."""

    __slots__ = ()

    def __repr__(self) -> str:
        return " · ".join(map(told, self))


def told(event: Event) -> str:
    if isinstance(event, ev.MicHeard):
        return f"heard({len(event.frames)}, speech={event.frames[0].speech})"
    if isinstance(event, ev.ReplyAudio):
        return f"audio({event.reply_id!r})"
    return repr(event)


HELD = (release(), press(), ev.MicOpened(), SPEECH, LIMIT, SPEECH, release(), SPEECH, SILENCE)
TAP = (release(), press(), release())
TAPPED = (*TAP, ev.MicOpened(), SPEECH, *TAP, SILENCE, SILENCE)
LOSSY = (*HELD[:5], DOWN, SPEECH, UP, SPEECH, release(), SPEECH)
OUTAGE = (DOWN, UP)
SPOKEN = (ev.MicOpened(), SILENCE, SILENCE, SPEECH, SPEECH, SILENCE, SILENCE)
ANSWER = (ev.ReplyStarted(NEW), audio(LAST), ev.ReplyAudioEnded(LAST, LAST), ENDED, HEARD)
BEGINNING = (ev.ReplyStarted(NEW), audio(LAST), audio(LAST))
OVER = (*BEGINNING, *TAP)
FREED = (
    ev.ButtonEdge(pressed=False, at_s=0.0, button=MUTE_SWITCH),
    ev.Cue(Wish.UNMUTE, 0.0, local=True),
    ev.BudgetChanged(),
    release(),
    UP,
)
TIMERS = (
    *(TURN_TIMER, TAIL_TIMER, REPLY_TIMER, OUTAGE_TIMER),
    *("talk.limit", "talk.rest", "talk.again", "mute.rest", "mute_switch.rest", IDLE_TIMER),
)
BOTH = (True, False)
SINGLE: tuple[Event, ...] = (
    *(ev.ButtonEdge(to, 0.0, name) for name in (TALK, MUTE_BUTTON, MUTE_SWITCH) for to in BOTH),
    *(heard(0.0, n, speech=speech) for n in (1, 3, 5, 6) for speech in BOTH),
    *(ev.Cue(wish, 0.0, local) for wish in Wish for local in BOTH),
    *(ev.MicOpened(), ev.MicClosed(), ev.MicLost("gone"), ev.SpeakerLost("gone")),
    *(ev.SpeakerOpened(), ev.NetworkUp(), ev.ClockSet(), ev.Used(), ev.Remembered()),
    *(ev.BudgetChanged("the day"), ev.BudgetChanged(), ev.Say("hello")),
    *(UP, UP, DOWN, DOWN, REFUSED, ev.AudioDropped(), ev.TurnRefused("no")),
    ev.ReplyStarted(NEW),
    *(audio(reply) for reply in (LAST, OLD, NEXT)),
    *(ev.ReplyAudioEnded(reply, reply) for reply in (LAST, OLD)),
    *(ev.ReplyEnded(r, status) for r in (LAST, OLD) for status in ("completed", "failed")),
    *(ev.PlaybackEnded(r, 10.0, interrupted=cut) for r in (LAST, OLD) for cut in BOTH),
    *map(ev.TimerFired, TIMERS),
)
BEFORE_A_REFUSAL = (
    Pattern.KEY_REFUSED,
    Pattern.MUTED,
    Pattern.NO_MICROPHONE,
    Pattern.NO_SPEAKER,
    Pattern.SPEAKING,
    Pattern.BUDGET_SPENT,
)
REFUSAL = (REFUSED, ev.TimerFired(OUTAGE_TIMER))
SPENT = (*HELD, ev.BudgetChanged("the day"), *OUTAGE)
SLEPT = (ev.Cue(Wish.HANG_UP, 0.0), ev.Say("hello"), *HELD)
OFTEN: list[tuple[Event, ...]] = [HELD, HELD, TAPPED, TAPPED, SPOKEN]
OFTEN += [LOSSY, OUTAGE, ANSWER, BEGINNING, OVER, OVER, FREED, FREED]
SELDOM = [REFUSAL, SPENT, SLEPT]
SCENES = [Scene([event]) for event in SINGLE] + [Scene(events) for events in SELDOM] * 2
SCENES += [Scene(events) for events in OFTEN] * 8
OF_A_SESSION = (ev.ReplyStarted, ev.ReplyAudio, ev.ReplyAudioEnded, ev.ReplyEnded, ev.TurnRefused)


def clocked(scenes: Iterable[Scene]) -> list[Event]:
    """The events of all scenes, one after the other, with times, frames and replies of their own.

    What cannot be is left out: a link that is up does not come up again, one that is down tells
    nothing of a reply, and a microphone that is lost does not hear.
    """
    history: list[Event] = [UP]
    reply, frames, is_up, is_lost = 0, 0, True, False
    for event in (event for scene in scenes for event in scene):
        at_s = 10.0 + EVENT_S * len(history)
        if isinstance(event, ev.LinkUp if is_up else OF_A_SESSION):
            continue
        if isinstance(event, ev.MicHeard) and is_lost:
            continue
        if isinstance(event, ev.LinkUp | ev.LinkDown):
            is_up = isinstance(event, ev.LinkUp)
        elif isinstance(event, ev.MicOpened | ev.MicLost):
            is_lost = isinstance(event, ev.MicLost)
        elif isinstance(event, ev.ReplyStarted):
            reply += 1
        elif isinstance(event, ev.MicHeard):
            frames += len(event.frames)
        history.append(placed(event, at_s, reply, frames))
    return history


def placed(event: Event, at_s: float, reply: int, frames: int) -> Event:
    """One event at its place: at this time, about this reply, ending with this frame."""
    replies = {NEW: reply, LAST: reply, OLD: reply - 1, NEXT: reply + 1}
    if isinstance(event, ev.ButtonEdge | ev.Cue):
        return replace(event, at_s=at_s)
    if isinstance(event, ev.MicHeard):
        ages = range(len(event.frames), 0, -1)
        return ev.MicHeard(
            tuple(
                replace(frame, at_s=at_s - age * 0.02, pcm=numbered(frames - age))
                for frame, age in zip(event.frames, ages, strict=True)
            )
        )
    if isinstance(event, ev.ReplyStarted | ev.ReplyEnded):
        return replace(event, reply_id=f"r{replies[event.reply_id]}")
    if isinstance(event, ev.ReplyAudio | ev.ReplyAudioEnded):
        name = f"r{replies[event.reply_id]}"
        return replace(event, reply_id=name, item_id=f"{name}/1")
    if isinstance(event, ev.PlaybackEnded):
        return replace(event, item_id=f"r{replies[event.item_id]}/1")
    return event


def numbered(number: int) -> bytes:
    return number.to_bytes(NUMBER_BYTES, "little") * 480


def numbers(pcm: bytes) -> list[int]:
    """The numbers of the frames that this sound is made of."""
    frames = range(0, len(pcm), 960)
    return [int.from_bytes(pcm[at : at + NUMBER_BYTES], "little") for at in frames]


HISTORIES = st.lists(st.sampled_from(SCENES), min_size=30, max_size=60)
MANY = settings(deadline=None, max_examples=20, derandomize=True)
BY_HAND = {name: made for name, made in DEVICES.items() if "voice" not in name}
TROUBLES = {*Failure} - {Failure.MUTED, Failure.SAFE_MODE}
SPENDING = (do.SendAudio, do.SendTurn, do.CommitTurn, do.Say)
each_device = pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of a device: what happened, what it decided, and how it was before and after."""

    event: Event
    actions: list[Action]
    before: Turn
    after: Turn
    was_muted: bool
    muted: bool


def started(device: Callable[[], Device]) -> Device:
    made = device()
    made.handle(ev.Started(muted=False))
    return made


def moments(device: Callable[[], Device], scenes: list[Scene]) -> Iterator[Moment]:
    made = started(device)
    for event in clocked(scenes):
        before, was_muted = made.turn, made.muted
        actions = made.handle(event)
        yield Moment(event, actions, before, made.turn, was_muted, made.muted)


def opens_gate(actions: list[Action]) -> bool:
    return do.GateLink(muted=False) in actions


@pytest.mark.parametrize("name", DEVICES)
def test_most_histories_hold_whole_conversations(name: str) -> None:
    reached: Counter[object] = Counter()

    @given(HISTORIES)
    @MANY
    def count(scenes: list[Scene]) -> None:
        steps = list(moments(DEVICES[name], scenes))
        decided = {type(action) for step in steps for action in step.actions}
        reached.update({step.after for step in steps} | decided | {"histories"})

    count()
    often: set[object] = set(Turn) if "voice" not in name else {*Turn} - {Turn.ENDING}
    often |= {do.CommitTurn, do.CancelReply, do.StopPlayback, do.Play, do.EndItem}
    assert [fact for fact in often if reached[fact] < reached["histories"] / 4] == []


# The rules


@each_device
@given(scenes=HISTORIES)
@MANY
def test_muted_means_that_nothing_is_heard_or_sent(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    for step in moments(device, scenes):
        if step.was_muted and step.muted:
            assert sent(step.actions) == b""
            assert not {do.OpenMic, do.CommitTurn} & set(kinds(step.actions))


@each_device
@given(scenes=HISTORIES)
@MANY
def test_the_gate_is_open_only_in_a_turn_and_sound_goes_only_through_it(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    closed = True
    for step in moments(device, scenes):
        for action in step.actions:
            if isinstance(action, do.GateLink):
                closed = action.muted
            if isinstance(action, do.SendAudio | do.SendTurn | do.CommitTurn):
                assert not closed
        assert closed or step.after in USER


@each_device
@given(scenes=HISTORIES)
@MANY
def test_no_event_leaves_anything_for_the_next_one_to_decide(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    made = started(device)
    for event in clocked(scenes):
        made.handle(event)
        assert made.handle(ev.TimerFired("of nobody")) == []


@pytest.mark.parametrize("device", WITH_TAPS.values(), ids=WITH_TAPS)
@given(scenes=HISTORIES)
@MANY
def test_a_press_that_may_become_a_tap_lets_nothing_out(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    uncertain = False
    for step in moments(device, scenes):
        opened_by_hand = isinstance(step.event, ev.ButtonEdge) and step.event.pressed
        if step.after is Turn.LISTENING and step.before not in USER:
            uncertain = opened_by_hand
        if isinstance(step.event, ev.TimerFired | ev.ButtonEdge) and not opened_by_hand:
            uncertain = False
        if uncertain and step.after in USER:
            assert sent(step.actions) == b""
            assert not opens_gate(step.actions)


@each_device
@given(scenes=HISTORIES)
@MANY
def test_what_is_committed_was_heard_in_one_piece(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    buffer: list[int] = []
    has_gap = False
    for step in moments(device, scenes):
        if isinstance(step.event, ev.LinkUp | ev.LinkDown):
            buffer, has_gap = [], False
        if isinstance(step.event, ev.AudioDropped):
            has_gap = bool(buffer)
        for action in step.actions:
            if isinstance(action, do.SendAudio | do.SendTurn):
                buffer += numbers(action.pcm)
            elif isinstance(action, do.CommitTurn):
                assert not has_gap
                assert len(buffer) >= 5  # 100 ms: the service refuses less
                assert buffer == list(range(buffer[0], buffer[0] + len(buffer)))
            if isinstance(action, do.CommitTurn | do.DiscardTurn):
                buffer, has_gap = [], False
        assert step.after in USER or not buffer


@each_device
@given(scenes=HISTORIES)
@MANY
def test_nothing_is_sent_while_there_is_no_session(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    is_up = False
    for step in moments(device, scenes):
        if isinstance(step.event, ev.LinkUp | ev.LinkDown):
            is_up = isinstance(step.event, ev.LinkUp)
        sends = {do.SendAudio, do.SendTurn, do.CommitTurn} & set(kinds(step.actions))
        assert is_up or not sends


@each_device
@given(scenes=HISTORIES)
@MANY
def test_a_reply_that_was_cut_is_never_played_again(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    playing, cut = set[str](), set[str]()
    for step in moments(device, scenes):
        for action in step.actions:
            if isinstance(action, do.StopPlayback):
                cut |= playing
                playing.clear()
            if isinstance(action, do.Play):
                assert action.item_id not in cut
                playing.add(action.item_id)
        if isinstance(step.event, ev.PlaybackEnded):
            playing.discard(step.event.item_id)


@each_device
@given(scenes=HISTORIES)
@MANY
def test_two_replies_never_play_into_each_other(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    last, over = "", set[str]()
    for step in moments(device, scenes):
        for action in step.actions:
            if isinstance(action, do.Play) and action.item_id != last:
                assert action.item_id not in over
                over.add(last)
                last = action.item_id


@each_device
@given(scenes=HISTORIES)
@MANY
def test_a_reply_is_over_when_the_last_of_it_was_heard(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    playing, promised = set[str](), set[str]()
    made = started(device)
    for event in (
        *clocked(scenes),
        ev.LinkDown(ev.LinkFault.NETWORK, "the service owes nothing now"),
    ):
        if isinstance(event, ev.PlaybackEnded) and event.item_id not in playing:
            continue
        for action in made.handle(event):
            if isinstance(action, do.Play):
                playing.add(action.item_id)
            elif isinstance(action, do.EndItem):
                promised.add(action.item_id)
            elif isinstance(action, do.StopPlayback):
                playing.clear()
        if isinstance(event, ev.PlaybackEnded):
            playing.discard(event.item_id)
        assert made.turn is not Turn.IDLE or not playing
    assert playing <= promised
    feed(made, *(ev.PlaybackEnded(item, 10.0, interrupted=False) for item in playing))
    assert made.turn is not Turn.SPEAKING


@each_device
@given(scenes=HISTORIES)
@MANY
def test_a_waiting_state_has_its_timer_and_no_other(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    made, running = started(device), set[str]()
    needs = {Turn.IDLE: "", Turn.LISTENING: TURN_TIMER, Turn.ENDING: TAIL_TIMER}
    needs |= {Turn.THINKING: REPLY_TIMER, Turn.SPEAKING: REPLY_TIMER}
    for event in clocked(scenes):
        if isinstance(event, ev.TimerFired):
            if event.name in needs.values() and event.name not in running:
                continue
            running.discard(event.name)
        for action in made.handle(event):
            if isinstance(action, do.StartTimer):
                running.add(action.name)
            elif isinstance(action, do.StopTimer):
                running.discard(action.name)
        assert running & set(needs.values()) == {needs[made.turn]} - {""}


@each_device
@given(scenes=HISTORIES)
@MANY
def test_after_any_history_the_box_can_be_talked_to(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    made = started(device)
    feed(made, *clocked(scenes))
    feed(made, *(ev.TimerFired(t) for t in (TURN_TIMER, TAIL_TIMER, REPLY_TIMER) * 2))
    assert turn(made) is Turn.IDLE
    feed(made, *FREED, ev.TimerFired("mute_switch.rest"), ev.Cue(Wish.TALK, 1e6, local=True))
    assert made.turn is Turn.LISTENING


@pytest.mark.parametrize("name", DEVICES)
@given(scenes=HISTORIES)
@MANY
def test_the_handle_is_wanted_only_when_somebody_may_be_heard(
    name: str, scenes: list[Scene]
) -> None:
    wanted, lost = name in KEEPS_OPEN, False
    for step in moments(DEVICES[name], scenes):
        if isinstance(step.event, ev.MicOpened | ev.MicLost):
            lost = isinstance(step.event, ev.MicLost)
        for action in step.actions:
            if isinstance(action, do.OpenMic | do.CloseMic):
                assert wanted is not isinstance(action, do.OpenMic)
                wanted = isinstance(action, do.OpenMic)
        in_use = step.after in USER or lost or name in KEEPS_OPEN
        assert wanted is (not step.muted and in_use)


@each_device
@given(scenes=HISTORIES)
@MANY
def test_a_refusal_is_shown_until_the_link_tells_otherwise(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    refused = asleep = False
    light = Pattern.STARTING
    for step in moments(device, scenes):
        if isinstance(step.event, ev.LinkUp | ev.LinkDown):
            refused = step.event == REFUSED
        for action in step.actions:
            if isinstance(action, do.HangUp | do.WakeUp):
                asleep = isinstance(action, do.HangUp)
        refused = refused and not asleep
        light = next((a.pattern for a in step.actions if isinstance(a, do.Show)), light)
        if refused:
            assert light in BEFORE_A_REFUSAL
        else:
            assert light is not Pattern.KEY_REFUSED


@each_device
@given(scenes=HISTORIES)
@MANY
def test_a_sleeping_box_sends_nothing_and_is_woken_once(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    asleep = False
    for step in moments(device, scenes):
        for action in step.actions:
            if isinstance(action, do.HangUp | do.WakeUp):
                assert asleep is isinstance(action, do.WakeUp)
                asleep = isinstance(action, do.HangUp)
            if isinstance(action, SPENDING):
                assert not asleep


@each_device
@given(scenes=HISTORIES)
@MANY
def test_nothing_is_sent_once_the_budget_is_spent(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    spent = False
    for step in moments(device, scenes):
        if isinstance(step.event, ev.BudgetChanged):
            spent = bool(step.event.reason)
        assert not spent or not set(SPENDING) & set(kinds(step.actions))


@each_device
@given(scenes=HISTORIES)
@MANY
def test_that_it_is_muted_is_told_by_the_disk_once_it_is_kept(
    device: Callable[[], Device], scenes: list[Scene]
) -> None:
    made, owed = started(device), 0
    for event in clocked(scenes):
        actions = made.handle(event)
        if isinstance(event, ev.Remembered):
            owed = max(0, owed - 1)
            assert sounds(actions) in ([], ["muted"] if made.muted and not owed else [])
        owed += kinds(actions).count(do.Remember)
        assert made.mute.is_kept is (owed == 0)


@pytest.mark.parametrize("device", BY_HAND.values(), ids=BY_HAND)
@given(scenes=HISTORIES)
@MANY
def test_a_press_has_one_trouble_at_most(device: Callable[[], Device], scenes: list[Scene]) -> None:
    told: list[str] = []
    for step in moments(device, scenes):
        if isinstance(step.event, ev.Cue) or (
            isinstance(step.event, ev.ButtonEdge) and step.event.pressed
        ):
            told = []
        told += [sound for sound in sounds(step.actions) if sound in TROUBLES]
        assert len(told) <= 1
