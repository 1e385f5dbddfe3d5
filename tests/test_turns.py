from __future__ import annotations

from pi_voice.core import events as ev
from pi_voice.core.activation import ServiceActivated, VoiceActivated
from pi_voice.core.conversation import OUTAGE_TIMER
from pi_voice.core.device import Device
from pi_voice.core.events import Event
from pi_voice.core.service_turns import ServiceTurns
from pi_voice.turns import KEPT, TurnLog
from tests.histories import DOWN, QUESTION, UP, audio, heard, online, press, release

REPLY = (ev.ReplyStarted("r1"), audio(ms=400), ev.PlaybackStarted("i1", 3.5))


def watch(log: TurnLog, made: Device, *events: Event, now_s: float = 9.0) -> None:
    for event in events:
        log(event, made.handle(event), now_s)


def test_a_turn_is_timed_from_its_press_to_its_first_sound() -> None:
    log, made = TurnLog(), online()
    watch(log, made, *QUESTION, now_s=2.2)
    watch(log, made, *REPLY)
    (turn,) = log.turns
    assert (turn.began_s, turn.first_sent_s, turn.committed_s) == (1.0, 2.2, 2.2)
    assert turn.first_heard_s == 3.5
    assert turn.sent_ms == 55 * 20.0
    assert turn.received_ms == 400.0


def test_an_interrupted_reply_is_told_with_what_was_heard() -> None:
    log, made = TurnLog(), online()
    watch(log, made, *QUESTION, *REPLY, press(4.0))
    watch(log, made, ev.PlaybackEnded("i1", 140.0, interrupted=True))
    (turn,) = log.turns
    assert turn.interrupted_s == 4.0
    assert turn.truncated_at_ms == turn.heard_ms == 140.0


def test_a_reply_that_was_heard_to_its_end_is_not_truncated() -> None:
    log, made = TurnLog(), online()
    watch(log, made, *QUESTION, *REPLY, ev.ReplyEnded("r1", "completed"))
    watch(log, made, ev.PlaybackEnded("i1", 400.0, interrupted=False))
    assert log.turns[0].heard_ms == 400.0
    assert log.turns[0].truncated_at_ms is None


def test_a_press_too_short_to_be_a_turn_is_not_kept() -> None:
    log, made = TurnLog(), online()
    watch(log, made, press(1.0), ev.MicOpened(), heard(1.0, 2), release(1.05), heard(1.04, 10))
    assert not log.turns


def test_a_turn_that_the_service_found_lasts_from_its_word_to_its_word() -> None:
    log = TurnLog()
    made = Device(ServiceActivated(), conversation=ServiceTurns)
    watch(log, made, ev.Started(muted=False), ev.MicOpened(), UP, heard(1.0, 50), now_s=1.0)
    watch(log, made, ev.SpeechStarted(), heard(2.0, 30), now_s=2.0)
    watch(log, made, ev.SpeechStopped(), *REPLY, ev.SpeechStarted(), now_s=3.0)
    watch(log, made, ev.PlaybackEnded("i1", 140.0, interrupted=True))
    (turn,) = log.turns
    assert (turn.began_s, turn.committed_s, turn.first_heard_s) == (2.0, 3.0, 3.5)
    assert turn.sent_ms == 600.0
    assert turn.truncated_at_ms == 140.0
    assert turn.interrupted_s == 3.0


def test_only_the_newest_turns_are_kept() -> None:
    log, made = TurnLog(), online()
    for number in range(KEPT + 5):
        at_s = 10.0 * number
        watch(log, made, press(at_s), ev.MicOpened(), heard(at_s, 50), release(at_s + 1))
        watch(log, made, heard(at_s + 1, 10), ev.TurnRefused("no"))
    assert len(log.turns) == KEPT


def test_a_press_that_was_too_short_does_not_begin_the_turn_after_it() -> None:
    log, made = TurnLog(), online()
    watch(log, made, press(1.0), ev.MicOpened(), heard(1.0, 2), release(1.05), heard(1.04, 10))
    watch(log, made, press(11.0), ev.MicOpened(), heard(11.05, 50), release(12.0), heard(12.05, 10))
    assert [turn.began_s for turn in log.turns] == [11.0]


def test_a_turn_that_an_outage_ended_does_not_begin_the_turn_after_it() -> None:
    log, made = TurnLog(), online()
    watch(log, made, press(1.0), ev.MicOpened(), heard(1.05, 50), DOWN, release(2.0))
    watch(log, made, heard(2.05, 10), ev.TimerFired(OUTAGE_TIMER), UP)
    watch(log, made, press(61.0), ev.MicOpened(), heard(61.05, 50), release(62.0), heard(62.05, 10))
    assert [turn.began_s for turn in log.turns] == [61.0]


def test_a_question_that_is_asked_again_is_one_turn() -> None:
    log, made = TurnLog(), online()
    watch(log, made, *QUESTION, DOWN, ev.LinkUp("s2"), ev.ReplyStarted("r1"), audio())
    assert len(log.turns) == 1


def test_a_reply_of_two_items_is_timed_by_the_first_and_summed() -> None:
    log, made = TurnLog(), online()
    watch(log, made, *QUESTION, ev.ReplyStarted("r1"), audio("r1", "i1"), audio("r1", "i2"))
    watch(log, made, ev.PlaybackStarted("i1", 3.0), ev.PlaybackStarted("i2", 4.0), press(5.0))
    watch(log, made, ev.PlaybackEnded("i1", 200, interrupted=True))
    watch(log, made, ev.PlaybackEnded("i2", 50, interrupted=True))
    (turn,) = log.turns
    assert (turn.first_heard_s, turn.truncated_at_ms) == (3.0, 250)


def test_the_first_sound_is_timed_once() -> None:
    log, made = TurnLog(), online()
    watch(log, made, press(1.0), ev.MicOpened(), heard(1.05, 2), now_s=1.1)
    watch(log, made, heard(1.1, 45), release(2.0), heard(2.0, 10), now_s=2.2)
    assert log.turns[0].first_sent_s == 1.1


def test_a_hands_free_turn_begins_with_its_speech() -> None:
    log, made = TurnLog(), online(VoiceActivated())
    watch(log, made, ev.MicOpened(), heard(1.0, 40), heard(1.8, 2, speech=False))
    assert log.turns[0].began_s == 1.0
