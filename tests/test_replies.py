from __future__ import annotations

from pi_voice.core.replies import REMEMBERED, Replies


def playing(reply_id: str = "r1", item_id: str = "i1") -> Replies:
    replies = Replies()
    replies.ask()
    replies.begin(reply_id)
    replies.add(item_id, 200.0)
    return replies


def test_a_reply_is_over_when_it_ended_and_its_items_were_heard() -> None:
    replies = playing()
    assert not replies.is_silent
    assert replies.end() == ["i1"]
    assert not replies.is_silent
    replies.item_ended("i1")
    assert replies.is_silent


def test_sound_may_come_before_the_news_that_the_reply_began() -> None:
    replies = Replies()
    replies.ask()
    assert replies.admits("r1")
    assert replies.current == "r1"


def test_a_cut_reply_and_its_items_are_never_admitted_again() -> None:
    replies = playing()
    replies.cut()
    replies.ask()
    assert not replies.admits("r1")
    assert not replies.begin("r1")
    assert not replies.add("i1", 20.0)


def test_a_cut_item_may_be_named_again_once_the_speaker_is_done_with_it() -> None:
    replies = playing()
    replies.cut()
    replies.item_ended("i1")
    replies.ask()
    replies.begin("r2")
    assert replies.add("i1", 20.0)


def test_a_reply_that_another_replaced_is_not_admitted_any_more() -> None:
    replies = playing()
    replies.begin("r2")
    assert not replies.admits("r1")
    assert not replies.begin("r1")


def test_nothing_is_added_to_a_complete_item() -> None:
    replies = playing()
    assert replies.close_item("i1")
    assert not replies.close_item("i1")
    assert not replies.add("i1", 20.0)
    assert replies.received_ms == 200.0


def test_only_the_newest_cut_replies_are_remembered() -> None:
    replies = Replies()
    for n in range(REMEMBERED + 1):
        replies.refuse(f"r{n}")
    assert replies.begin("r0")
    assert not replies.begin(f"r{REMEMBERED}")


def test_a_reply_runs_from_the_question_to_its_end() -> None:
    replies = Replies()
    assert not replies.is_running
    replies.ask()
    assert replies.is_running
    replies.begin("r1")
    replies.end()
    assert not replies.is_running


def test_an_item_plays_until_the_speaker_is_done_with_it_or_it_was_cut() -> None:
    replies = playing()
    assert replies.plays("i1")
    replies.item_ended("i1")
    assert not replies.plays("i1")
    replies.add("i2", 20.0)
    replies.cut()
    assert not replies.plays("i2")


def test_a_reply_that_follows_while_another_is_heard_adds_to_what_was_received() -> None:
    replies = playing()
    replies.end()
    replies.begin("r2")
    replies.add("i2", 20.0)
    assert replies.received_ms == 220.0


def test_a_reply_that_follows_silence_begins_to_count_anew() -> None:
    replies = playing()
    replies.item_ended("i1")
    replies.end()
    replies.begin("r2")
    replies.add("i2", 20.0)
    assert replies.received_ms == 20.0


def test_late_sound_of_a_finished_reply_is_no_answer_to_the_next_question() -> None:
    replies = playing()
    replies.end()
    replies.item_ended("i1")
    replies.ask()
    assert not replies.admits("r1")
    assert replies.admits("r2")
