from __future__ import annotations

from pi_voice.core.utterance import Utterance
from pi_voice.frames import WIRE
from tests.histories import FRAME, frame


def test_what_was_taken_is_not_taken_twice() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0), frame(1.02)])
    assert said.take_unsent() == FRAME * 2
    said.hear([frame(1.04)])
    assert said.take_unsent() == FRAME
    assert said.take_unsent() == b""


def test_the_whole_of_it_can_be_taken_again_for_another_session() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0), frame(1.02)])
    said.take_unsent()
    said.lose()
    assert not said.is_whole
    assert said.take_whole() == FRAME * 2
    assert said.is_whole
    assert said.take_unsent() == b""


def test_sound_from_after_the_end_does_not_belong_to_it() -> None:
    said = Utterance(WIRE)
    said.close(1.01, tail_ms=20)
    said.hear([frame(1.0), frame(1.02), frame(1.04)])
    assert said.duration_ms == 40.0


def test_the_tail_does_not_count_as_held() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0)])
    said.close(1.01, tail_ms=100)
    said.hear([frame(1.02), frame(1.04)])
    assert said.held_ms == 20.0
    assert said.duration_ms == 60.0


def test_a_turn_that_goes_on_has_no_end() -> None:
    said = Utterance(WIRE)
    said.close(1.0, tail_ms=0)
    said.reopen()
    said.hear([frame(1.02)])
    assert said.duration_ms == said.held_ms == 20.0


def test_it_is_complete_when_a_frame_reaches_its_end() -> None:
    said = Utterance(WIRE)
    assert not said.is_complete((frame(1.0),))
    said.close(1.01, tail_ms=20)
    assert not said.is_complete(())
    assert not said.is_complete((frame(1.0),))
    assert said.is_complete((frame(1.0), frame(1.02)))


def test_nothing_of_it_is_kept_once_forgotten() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0)])
    said.forget()
    assert said.duration_ms == 0.0
    assert said.take_whole() == b""


def test_what_was_not_sent_yet_cannot_be_lost() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0)])
    said.lose()
    assert said.is_whole
    assert said.take_unsent() == FRAME


def test_it_knows_that_it_was_sent_again() -> None:
    said = Utterance(WIRE)
    said.hear([frame(1.0)])
    said.take_unsent()
    assert not said.sent_again
    said.take_whole()
    assert said.sent_again


def test_a_frame_that_begins_at_the_end_is_not_a_part_of_it() -> None:
    said = Utterance(WIRE)
    said.close(1.0, tail_ms=0)
    said.hear([frame(1.0)])
    assert said.duration_ms == said.held_ms == 0.0


def test_a_pre_roll_is_sent_and_does_not_count_as_held() -> None:
    said = Utterance(WIRE, [frame(0.9)])
    said.hear([frame(1.0)])
    assert said.take_unsent() == FRAME * 2
    assert said.held_ms == 20.0
