"""What waits to be sent: audio may be dropped, oldest first, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pi_voice.transport.outbox import Outbox

FRAME = b"a frame"


def outbox(*, audio_s: float = 2.0, audio_bytes: int = 1000) -> Outbox:
    return Outbox(audio_s=audio_s, audio_bytes=audio_bytes)


def emptied(box: Outbox) -> list[bytes]:
    taken = []
    while (waiting := box.take()) is not None:
        taken.append(waiting[0])
    return taken


def test_messages_come_out_in_the_order_in_which_they_went_in() -> None:
    box = outbox()
    box.put(b"append", 20.0, 0.0)
    box.put(b"commit", 0.0, 0.0)
    box.put(b"create", 0.0, 0.0)
    assert box.audio_ms == 20.0
    assert emptied(box) == [b"append", b"commit", b"create"]
    assert box.audio_ms == 0.0


def test_sound_that_lags_two_seconds_behind_is_dropped_oldest_first() -> None:
    box = outbox()
    for at in range(6):
        box.put(b"%d" % at, 500.0, at * 0.5)
    assert emptied(box) == [b"1", b"2", b"3", b"4", b"5"]
    assert box.dropped_audio_ms == 500.0


def test_sound_that_came_all_at_once_is_kept_however_long_it_plays() -> None:
    box = outbox()
    for _ in range(100):
        box.put(FRAME, 100.0, 5.0)
    assert box.audio_ms == 10_000.0
    assert box.dropped_audio_ms == 0.0


def test_what_was_said_last_can_be_forgotten_and_nothing_before() -> None:
    box = outbox()
    for text, audio_ms in ((b"1", 20.0), (b"commit", 0.0), (b"2", 20.0), (b"3", 20.0)):
        box.put(text, audio_ms, 0.0)
    box.forget(40.0)
    box.put(b"clear", 0.0, 0.0)
    assert (box.audio_ms, box.dropped_audio_ms) == (20.0, 40.0)
    assert emptied(box) == [b"1", b"commit", b"clear"]
    box.forget(1000.0)
    assert box.take() is None


def test_durations_that_no_float_holds_forget_no_more_than_was_said() -> None:
    box, ms = outbox(), 0.1
    total_ms = 0.0
    for text in (b"before", *[b"after"] * 3):
        box.put(text, ms, 0.0)
    for _ in range(3):
        total_ms += ms
    assert total_ms - ms - ms - ms > 0
    box.forget(total_ms)
    assert emptied(box) == [b"before"]


def test_sound_is_bounded_in_memory() -> None:
    box = outbox(audio_bytes=len(FRAME) * 3)
    for _ in range(10):
        box.put(FRAME, 20.0, 0.0)
    assert emptied(box) == [FRAME] * 3
    assert box.dropped_audio_ms == 140.0


def test_the_newest_sound_is_kept_even_if_it_is_too_large() -> None:
    box = outbox(audio_bytes=3)
    box.put(FRAME, 20.0, 0.0)
    assert emptied(box) == [FRAME]


def test_sound_that_was_taken_makes_room() -> None:
    box = outbox(audio_bytes=len(FRAME) * 3)
    for _ in range(100):
        box.put(FRAME, 20.0, 0.0)
        box.put(FRAME, 20.0, 0.0)
        assert emptied(box) == [FRAME] * 2


def test_what_is_no_sound_is_never_dropped() -> None:
    box = outbox(audio_bytes=0)
    for at in range(500):
        box.put(b"commit", 0.0, at)
        box.put(FRAME, 20.0, at)
    assert emptied(box).count(b"commit") == 500


def test_what_is_forgotten_at_the_end_counts_as_dropped() -> None:
    box = outbox()
    box.put(FRAME, 20.0, 0.0)
    box.put(b"commit", 0.0, 0.0)
    box.clear()
    assert (emptied(box), box.dropped_audio_ms, box.audio_ms) == ([], 20.0, 0.0)


@given(
    st.lists(
        st.one_of(
            st.none(), st.tuples(st.sampled_from([0.0, 20.0]), st.floats(0, 3), st.integers(1, 90))
        ),
        min_size=30,
    )
)
def test_every_ms_of_sound_is_waiting_or_taken_or_counted_as_dropped(
    history: list[tuple[float, float, int] | None],
) -> None:
    box = outbox(audio_bytes=300)
    now_s = put_ms = taken_ms = 0.0
    for step in history:
        if step is None:
            taken_ms += (box.take() or (b"", 0.0))[1]
            continue
        audio_ms, passed_s, size = step
        now_s += passed_s
        put_ms += audio_ms
        box.put(b"x" * size, audio_ms, now_s)
    assert put_ms == box.audio_ms + taken_ms + box.dropped_audio_ms
