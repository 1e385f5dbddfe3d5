"""What is kept away, for how long, and how much of it at most."""

from __future__ import annotations

import pytest

from pi_voice.transport.cut_replies import MOST_CUT, CutReplies


def cut(*names: str | None) -> CutReplies:
    replies = CutReplies()
    for name in names:
        replies.add(name)
    return replies


def test_a_reply_that_ended_is_still_kept_away_because_its_sound_may_come_late() -> None:
    replies = cut("r1")
    replies.ended("r1")
    assert "r1" in replies


@pytest.mark.parametrize("ended", [True, False])
def test_a_name_is_free_again_only_for_a_reply_after_the_one_that_was_cut(ended: bool) -> None:
    replies = cut("r1")
    if ended:
        replies.ended("r1")
    replies.began("r1")
    assert ("r1" in replies) is not ended


def test_a_reply_without_a_name_is_not_the_next_one_without_a_name() -> None:
    replies = cut(None)
    replies.began(None)
    assert None in replies
    replies.ended(None)
    assert None not in replies


def test_the_end_of_another_reply_cuts_nothing() -> None:
    replies = cut("r1")
    replies.ended("r2")
    replies.ended(None)
    assert list(replies) == ["r1"]


def test_months_of_interruptions_stay_small_and_the_newest_count() -> None:
    replies = cut(*(f"r{number}" for number in range(3 * MOST_CUT)))
    assert len(replies) == MOST_CUT
    assert f"r{3 * MOST_CUT - 1}" in replies
