"""A sound on its way to the card: what is made before, and what is left."""

from __future__ import annotations

import numpy as np
import pytest

from pi_voice.audio.feed import Feed
from pi_voice.frames import WIRE


def counting(samples: int) -> bytes:
    return np.arange(1, samples + 1, dtype="<i2").tobytes()


def fed(samples: int) -> Feed:
    feed = Feed(WIRE.rate_hz, WIRE.rate_hz)
    feed.add(counting(samples))
    return feed


def test_what_was_made_follows_what_was_taken_and_counts_as_taken() -> None:
    feed = fed(1000)
    first = feed.take(100)
    feed.make(1.0)
    made = feed.take_made(200, 1) or b""
    rest = feed.take(700)
    whole = [*first, *np.frombuffer(made, "<i2"), *rest]
    assert whole == list(range(1, 1001))
    assert (feed.taken, feed.waiting) == (1000, 0)


def test_the_end_of_what_was_made_is_left_for_whoever_sees_the_end() -> None:
    feed = fed(1000)
    feed.take(100)
    feed.make(1.0)
    assert feed.take_made(899, 1)
    assert feed.take_made(1, 1) is None
    assert len(feed.take(10)) == 1


def test_nothing_is_made_unless_somebody_asks() -> None:
    assert fed(1000).take_made(10, 1) is None


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_what_is_made_is_as_loud_as_it_shall_be(gain: float) -> None:
    feed = fed(1000)
    feed.take(1)
    feed.make(gain)
    made = np.frombuffer(feed.take_made(100, 1) or b"", "<i2")
    assert np.array_equal(made, np.rint(np.arange(2, 102) * gain))


def test_half_a_sample_waits_for_its_other_half() -> None:
    feed, pcm = Feed(WIRE.rate_hz, WIRE.rate_hz), counting(3)
    feed.add(pcm[:3])
    feed.add(pcm[3:])
    assert feed.take(3).tolist() == [1, 2, 3]


def test_it_is_over_when_it_ended_and_all_of_it_was_taken() -> None:
    feed = fed(100)
    feed.ended = True
    assert len(feed.take(60)) == 60
    assert not feed.is_over
    assert len(feed.take(60)) == 40
    assert feed.is_over
