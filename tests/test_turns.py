from __future__ import annotations

from pi_voice.core import events as ev
from pi_voice.core.device import Device
from pi_voice.core.events import Event
from pi_voice.turns import KEPT, TurnLog
from tests.histories import QUESTION, audio, heard, online, press, release

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


def test_only_the_newest_turns_are_kept() -> None:
    log, made = TurnLog(), online()
    for number in range(KEPT + 5):
        at_s = 10.0 * number
        watch(log, made, press(at_s), ev.MicOpened(), heard(at_s, 50), release(at_s + 1))
        watch(log, made, heard(at_s + 1, 10), ev.TurnRefused("no"))
    assert len(log.turns) == KEPT
