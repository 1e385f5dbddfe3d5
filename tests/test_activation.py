from __future__ import annotations

from pi_voice.core.activation import (
    Press,
    PushToTalk,
    Release,
    ServiceActivated,
    Toggle,
    VoiceActivated,
)
from pi_voice.core.events import Wish
from pi_voice.core.states import Turn
from tests.histories import frame

PRESS = Press(1.0)
RELEASE = Release(2.0)


def test_push_to_talk_opens_at_every_press_and_ends_at_the_release_of_its_turn() -> None:
    policy = PushToTalk()
    assert [policy.gate(PRESS, turn) for turn in Turn] == [Wish.TALK] * len(Turn)
    assert policy.gate(RELEASE, Turn.LISTENING) is Wish.DONE
    assert policy.gate(RELEASE, Turn.SPEAKING) is None


def test_push_to_talk_keeps_the_microphone_closed_unless_it_is_hot() -> None:
    assert not PushToTalk().keeps_open
    assert PushToTalk(hot=True).keeps_open


def test_toggle_talks_ends_and_interrupts_by_presses_alone() -> None:
    policy = Toggle()
    wishes = {turn: policy.gate(PRESS, turn) for turn in Turn}
    assert wishes[Turn.IDLE] is Wish.TALK
    assert wishes[Turn.LISTENING] is Wish.DONE
    assert wishes[Turn.THINKING] is wishes[Turn.SPEAKING] is Wish.INTERRUPT
    assert policy.gate(RELEASE, Turn.LISTENING) is None


def test_where_the_service_hears_only_a_press_counts_and_over_a_reply_it_interrupts() -> None:
    policy = ServiceActivated()
    wishes = {turn: policy.gate(PRESS, turn) for turn in Turn}
    assert wishes[Turn.IDLE] is Wish.TALK
    assert wishes[Turn.THINKING] is wishes[Turn.SPEAKING] is Wish.INTERRUPT
    assert policy.gate(frame(1.0), Turn.IDLE) is None
    assert policy.gate(RELEASE, Turn.LISTENING) is None


def test_voice_opens_when_speech_begins_and_ends_when_it_ends() -> None:
    policy = VoiceActivated()
    assert policy.gate(frame(1.0, speech=False), Turn.IDLE) is None
    assert policy.gate(frame(1.02), Turn.IDLE) is Wish.TALK
    assert policy.gate(frame(1.04), Turn.LISTENING) is None
    assert policy.gate(frame(1.06, speech=False), Turn.LISTENING) is Wish.DONE


def test_voice_needs_a_new_beginning_after_its_own_reply() -> None:
    policy = VoiceActivated()
    for _ in range(5):
        assert policy.gate(frame(1.0), Turn.SPEAKING) is None
    for _ in range(40):
        assert policy.gate(frame(2.0), Turn.IDLE) is None
    policy.gate(frame(3.0, speech=False), Turn.IDLE)
    assert policy.gate(frame(3.02), Turn.IDLE) is Wish.TALK


def test_who_talks_right_after_a_reply_is_heard_once_the_room_is_quiet() -> None:
    policy = VoiceActivated()
    policy.gate(frame(1.0, speech=False), Turn.SPEAKING)
    wishes = [policy.gate(frame(1.02), Turn.IDLE) for _ in range(VoiceActivated.DEAF_FRAMES + 2)]
    assert wishes == [None] * VoiceActivated.DEAF_FRAMES + [Wish.TALK, None]


def test_the_last_sound_of_a_reply_is_no_turn() -> None:
    policy = VoiceActivated()
    policy.gate(frame(1.0, speech=False), Turn.SPEAKING)
    policy.gate(frame(1.02), Turn.IDLE)
    assert {policy.gate(frame(1.04, speech=False), Turn.IDLE) for _ in range(20)} == {None}


def test_a_press_ends_a_reply_in_voice_mode() -> None:
    policy = VoiceActivated()
    assert policy.gate(PRESS, Turn.SPEAKING) is Wish.INTERRUPT
    assert policy.gate(PRESS, Turn.IDLE) is None


def test_speech_before_another_reply_is_no_beginning_after_it() -> None:
    policy = VoiceActivated()
    policy.gate(frame(1.0, speech=False), Turn.SPEAKING)
    policy.gate(frame(1.02), Turn.IDLE)
    policy.gate(frame(1.04), Turn.SPEAKING)
    assert {policy.gate(frame(1.06), Turn.IDLE) for _ in range(20)} == {None}
