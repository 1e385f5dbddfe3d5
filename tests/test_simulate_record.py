"""What a simulation notes down."""

from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.events import Event
from pi_voice.simulate_record import Heard, Record, Spell

DOWN = ev.LinkDown(ev.LinkFault.NETWORK, "the connection to the service broke")


def online(record: Record, at_s: float = 0.0) -> Record:
    record(ev.LinkUp("s"), [], at_s)
    return record


def spell(began_s: float, ended_s: float | None, part: str = "link") -> Spell:
    return Spell("link_reset", part, began_s, 10.0, ended_s)


@pytest.mark.parametrize(
    ("from_s", "to_s", "excused"),
    [(0, 99, False), (0, 100, True), (105, 106, True), (119, 200, True), (121, 200, False)],
)
def test_a_fault_excuses_what_happens_during_it_and_shortly_after(
    from_s: float, to_s: float, excused: bool
) -> None:
    assert spell(100.0, 110.0).excuses(from_s, to_s) is excused


def test_a_fault_that_lasts_excuses_all_that_follows() -> None:
    assert spell(100.0, None).excuses(5000.0, 5001.0)


def test_only_a_fault_of_the_part_excuses() -> None:
    record = Record()
    record.strikes(spell(1.0, 2.0, part="speaker"))
    assert record.excuse(0.0, 5.0) == "link_reset"
    assert record.excuse(0.0, 5.0, ("link", "service")) == ""


def test_a_link_that_goes_down_without_a_reason_is_a_problem() -> None:
    record = online(Record())
    record(DOWN, [], 50.0)
    assert "nobody cut it" in str(record.problem)
    assert not record.online


def test_a_link_that_was_cut_may_go_down() -> None:
    record = online(Record())
    record.strikes(spell(40.0, 41.0))
    record(DOWN, [], 50.0)
    assert record.problem is None
    assert record.downs.total() == 1


def test_a_session_may_end_of_old_age() -> None:
    record = online(Record())
    record(ev.LinkDown(ev.LinkFault.NETWORK, "the session was near its maximum age"), [], 50.0)
    assert record.problem is None


def test_news_of_a_link_that_is_down_are_no_second_loss() -> None:
    record = Record()
    record(DOWN, [], 50.0)
    assert record.problem is None
    assert not record.downs


def test_bad_news_are_told_apart_from_other_sounds() -> None:
    record = Record()
    record(ev.Remembered(), [do.PlaySound(Sound.MUTED)], 1.0)
    record(ev.TimerFired("reply"), [do.PlaySound(Sound.NO_REPLY)], 2.0)
    assert record.told_since(0.0) is Sound.NO_REPLY
    assert record.told_since(3.0) is None


def test_what_was_cut_short_was_not_heard_to_its_end() -> None:
    record = Record()
    record(ev.PlaybackEnded("one", 500.0, interrupted=True), [], 1.0)
    record(ev.PlaybackStarted("two", 1.5), [], 1.6)
    record(ev.PlaybackEnded("two", 700.0, interrupted=False), [], 2.0)
    assert record.heard_whole(0.0) == [Heard(2.0, "two", 1.5, 700.0, interrupted=False)]
    assert record.heard_whole(2.1) == []


def test_the_first_problem_stays_and_is_the_last_step() -> None:
    record = Record()
    record.fail("this")
    record.fail("that")
    assert str(record.problem) == "this"
    assert record.steps[-1].endswith("!! this")


def test_the_digest_depends_on_every_event_decision_and_time() -> None:
    stories: list[tuple[Event, list[Action], float]] = [
        (ev.MicOpened(), [do.ShowMic(is_open=True)], 1.0),
        (ev.MicOpened(), [do.ShowMic(is_open=True)], 1.1),
        (ev.MicOpened(), [do.ShowMic(is_open=False)], 1.0),
        (ev.MicClosed(), [do.ShowMic(is_open=True)], 1.0),
        (ev.ReplyAudio("r", "i", b"one"), [], 1.0),
        (ev.ReplyAudio("r", "i", b"two"), [], 1.0),
    ]
    digests = set()
    for event, actions, at_s in stories:
        record = Record()
        record(event, actions, at_s)
        digests.add(record.digest)
    assert len(digests) == len(stories)
