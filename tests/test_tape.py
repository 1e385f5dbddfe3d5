from __future__ import annotations

import tracemalloc
from array import array

import pytest

from pi_voice.sim.card import SampleClock
from pi_voice.sim.tape import Tape

CLOCK = SampleClock(origin_s=100.0, rate_hz=1000)
END_S = 200.0


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def tape(*blocks: tuple[int, bytes], keep_s: float | None = None) -> Tape:
    made = Tape(CLOCK, keep_s)
    for first, block in blocks:
        made.add(first, block)
    return made


def test_an_empty_tape_holds_nothing() -> None:
    empty = tape()
    assert empty.stream(END_S) == b""
    assert empty.samples(0, 10) is None
    assert empty.loud_from(0, END_S) is None
    assert empty.loud_until(0, END_S) is None


def test_blocks_that_follow_each_other_are_one_stream() -> None:
    made = tape((10, pcm(1, 2)), (12, pcm(3, 4)))
    assert made.stream(END_S) == pcm(1, 2, 3, 4)
    assert made.begins_s == 100.010
    assert made.end == 14


def test_between_blocks_there_is_silence() -> None:
    assert tape((10, pcm(1)), (13, pcm(2))).stream(END_S) == pcm(1, 0, 0, 2)


def test_the_stream_ends_at_the_moment_asked_for() -> None:
    made = tape((10, pcm(1, 2)), (12, pcm(3, 4)))
    assert made.stream(100.013) == pcm(1, 2, 3)
    assert made.stream(100.010) == b""


def test_what_would_have_left_after_a_cut_is_gone() -> None:
    made = tape((10, pcm(1, 2)), (12, pcm(3, 4)))
    made.cut(100.011)
    assert made.stream(END_S) == pcm(1)
    assert made.samples(9, 4) == array("h", [0, 1, 0, 0])


def test_samples_can_be_taken_from_anywhere() -> None:
    made = tape((10, pcm(1, 2, 3)), (13, pcm(0, 0, 0)), (20, pcm(4, 5, 6)))
    assert made.samples(9, 3) == array("h", [0, 1, 2])
    assert made.samples(11, 10) == array("h", [2, 3, 0, 0, 0, 0, 0, 0, 0, 4])
    assert made.samples(21, 4) == array("h", [5, 6, 0, 0])
    assert made.samples(13, 7) is None
    assert made.samples(23, 7) is None


@pytest.mark.parametrize(
    ("at_ms", "until_ms", "first_ms", "last_ms"),
    [
        (0, 100, 11, 22),  # everything
        (11, 22, 11, 22),  # exactly the loud samples
        (12, 100, 20, 22),  # the first loud block is over
        (0, 21, 11, 21),  # cut in the middle of a loud block
        (12, 20, None, None),  # between the loud blocks
        (22, 100, None, None),  # afterwards
    ],
)
def test_the_loud_part_is_found_to_the_sample(
    at_ms: int, until_ms: int, first_ms: int | None, last_ms: int | None
) -> None:
    made = tape((10, pcm(0, 256)), (12, pcm(0, 0)), (20, pcm(-1, 1, 0)))
    found = made.loud_from(100 + at_ms / 1000, 100 + until_ms / 1000)
    ended = made.loud_until(100 + at_ms / 1000, 100 + until_ms / 1000)
    assert found == (first_ms and pytest.approx(100 + first_ms / 1000))
    assert ended == (last_ms and pytest.approx(100 + last_ms / 1000))


def test_old_blocks_are_forgotten_when_asked_to() -> None:
    made = tape(*((first, pcm(first, first)) for first in range(0, 1000, 2)), keep_s=0.010)
    assert made.stream(END_S) == b"".join(pcm(n, n) for n in range(988, 1000, 2))


def test_long_silence_costs_next_to_nothing() -> None:
    tracemalloc.start()
    try:
        made = tape(*((n * 960, bytes(1920)) for n in range(10_000)))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
    assert made.end == 9_600_000
