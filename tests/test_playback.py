"""Playback: order, cushion, fades, and what was heard to the sample."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pi_voice.audio.playback import Playback
from pi_voice.core.events import PlaybackEnded, PlaybackFull, PlaybackReport, PlaybackStarted
from pi_voice.frames import WIRE

FADE_MS = 5
CARDS_HZ = [16_000, 24_000, 44_100, 48_000]
Sound = NDArray[np.int16]


class Room:
    """A card that pulls, an ear that remembers, and a clock that follows the samples."""

    def __init__(
        self, device_hz: int = 24_000, *, delay_ms: float = 40.0, cushion_ms: float = 120.0
    ) -> None:
        self.playback = Playback(wire=WIRE, device_rate_hz=device_hz, cushion_ms=cushion_ms)
        self.device_hz = device_hz
        self.delay_ms = delay_ms
        self.pulled = 0
        self.blocks: list[bytes] = []
        self.reports: list[PlaybackReport] = []

    @property
    def now_s(self) -> float:
        return self.pulled / self.device_hz

    def pull(self, samples: int) -> Sound:
        block = self.playback.pull(samples, now_s=self.now_s, delay_ms=self.delay_ms)
        assert len(block) == 2 * samples
        self.pulled += samples
        self.blocks.append(block)
        self.reports += self.playback.reports()
        return np.frombuffer(block, "<i2")

    def pull_ms(self, ms: float, step_ms: float = 20) -> Sound:
        for _ in range(round(ms / step_ms)):
            self.pull(round(step_ms * self.device_hz / 1000))
        return self.heard

    def drain(self) -> Sound:
        while not self.playback.is_idle:
            self.pull(self.device_hz // 50)
        self.reports += self.playback.reports()
        return self.heard

    @property
    def heard(self) -> Sound:
        return np.frombuffer(b"".join(self.blocks), "<i2")

    @property
    def ended(self) -> list[PlaybackEnded]:
        return [report for report in self.reports if isinstance(report, PlaybackEnded)]

    @property
    def started(self) -> list[PlaybackStarted]:
        return [report for report in self.reports if isinstance(report, PlaybackStarted)]


def counting(ms: float) -> bytes:
    """Counts from 10,000 up, so that no sample is silence and no neighbours are equal."""
    return (10_000 + np.arange(round(ms * 24)) % 10_000).astype("<i2").tobytes()


def steady(ms: float, level: int = 10_000) -> bytes:
    return np.full(round(ms * 24), level, "<i2").tobytes()


def sine(start: int, samples: int, rate_hz: int) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = 16_000 * np.sin(
        2 * np.pi * 997 * (start + np.arange(samples)) / rate_hz
    )
    return wave


def sine_pieces(total: int, seed: int) -> Iterator[bytes]:
    """A sine at the rate of the wire, cut at random."""
    random = np.random.default_rng(seed)
    at = 0
    while at < total:
        size = min(int(random.choice([1, 100, 480, 2400, 4801])), total - at)
        yield np.rint(sine(at, size, 24_000)).astype("<i2").tobytes()
        at += size


def clicks(sound: Sound) -> int:
    return int(np.abs(np.diff(sound.astype(int))).max())


# -- every sample, in place


@pytest.mark.parametrize("device_hz", CARDS_HZ)
@pytest.mark.parametrize("minutes", [0.5, pytest.param(10, marks=pytest.mark.long)])
def test_every_sample_of_a_long_reply_is_heard_once_and_in_place(
    device_hz: int, minutes: float
) -> None:
    room = Room(device_hz)
    random = np.random.default_rng(5)
    pieces = sine_pieces(round(minutes * 60 * 24_000), seed=3)
    edge = device_hz // 100  # the filter rings where the sine begins out of nothing
    while True:
        while room.playback.queued_ms < 300:
            piece = next(pieces, b"")
            if not piece:
                assert room.pulled > (minutes * 60 - 1) * device_hz
                return
            room.playback.play("one", piece)
        begin = room.pulled
        heard = room.pull(int(random.choice([1, 64, 333, 1024, device_hz // 50])))
        wrong = np.abs(heard - sine(begin, len(heard), device_hz))
        assert wrong[max(0, edge - begin) :].max(initial=0) <= 3
        room.blocks.clear()


@pytest.mark.parametrize("device_hz", CARDS_HZ)
def test_the_last_samples_of_an_item_come_out_before_the_next_begins(device_hz: int) -> None:
    room = Room(device_hz)
    for item_id, level in (("one", 10_000), ("two", -10_000)):
        room.playback.play(item_id, steady(200, level))
        room.playback.end_item(item_id)
    heard = room.drain()
    count = device_hz // 5
    edge = device_hz // 500  # the filter rings where the level jumps
    assert (np.abs(heard[edge : count - edge] - 10_000) <= 1).all()
    assert (np.abs(heard[count + edge : 2 * count - edge] + 10_000) <= 1).all()
    assert (heard[count - edge : count] > 2000).all()
    assert (heard[count : count + edge] < -2000).all()
    assert not heard[2 * count :].any()


def test_at_the_rate_of_the_wire_nothing_is_touched() -> None:
    room = Room(24_000)
    room.playback.play("one", counting(700))
    room.playback.end_item("one")
    assert room.drain().tobytes().startswith(counting(700))


def test_a_sample_cut_in_two_by_the_network_is_put_together() -> None:
    room = Room(24_000)
    pcm = counting(200)
    for at in range(0, len(pcm), 777):
        room.playback.play("one", pcm[at : at + 777])
    room.playback.end_item("one")
    assert room.drain().tobytes().startswith(pcm)


# -- when it starts, and what it reports


def test_a_reply_waits_for_its_cushion() -> None:
    room = Room(cushion_ms=120)
    room.playback.play("one", steady(100))
    assert not room.pull_ms(100).any()
    room.playback.play("one", steady(20))
    assert room.pull_ms(20)[-1] > 0


def test_a_short_reply_that_is_complete_does_not_wait() -> None:
    room = Room(cushion_ms=120)
    room.playback.play("one", steady(40))
    room.playback.end_item("one")
    assert room.pull_ms(20).all()


def test_the_start_is_when_the_first_sample_leaves_the_speaker() -> None:
    room = Room(48_000, delay_ms=37.5)
    room.pull_ms(100)
    room.playback.play("one", steady(50))
    room.playback.end_item("one")
    room.playback.play("two", steady(200))
    room.pull_ms(200)
    assert [report.item_id for report in room.started] == ["one", "two"]
    assert room.started[0].at_s == pytest.approx(0.1375)
    assert room.started[1].at_s == pytest.approx(0.1875)


@pytest.mark.parametrize("device_hz", CARDS_HZ)
def test_the_end_is_told_once_the_last_sample_was_heard(device_hz: int) -> None:
    room = Room(device_hz, delay_ms=90)
    room.playback.play("one", steady(200))
    room.playback.end_item("one")
    room.pull_ms(280)
    assert room.ended == []
    assert not room.playback.is_idle
    room.pull_ms(40)
    assert room.ended == [PlaybackEnded("one", 200.0, False)]
    assert room.playback.is_idle


def test_an_item_without_sound_ends_after_nothing() -> None:
    room = Room()
    room.playback.end_item("one")
    room.drain()
    assert room.reports == [PlaybackEnded("one", 0.0, False)]


def test_what_waits_is_counted_in_ms() -> None:
    room = Room(48_000)
    room.playback.play("one", steady(300))
    room.playback.play("two", steady(50))
    assert room.playback.queued_ms == 350
    room.pull_ms(100)
    assert room.playback.queued_ms == 250


def test_a_late_piece_of_an_ended_item_is_ignored() -> None:
    room = Room()
    room.playback.play("one", steady(40))
    room.playback.end_item("one")
    room.playback.play("one", steady(40))
    room.drain()
    room.playback.play("one", steady(40))
    room.playback.end_item("one")
    assert room.playback.is_idle
    assert room.ended == [PlaybackEnded("one", 40.0, False)]


# -- stopping


@pytest.mark.parametrize("device_hz", CARDS_HZ)
def test_a_stop_fades_for_5_ms_and_then_there_is_silence(device_hz: int) -> None:
    room = Room(device_hz)
    room.playback.play("one", steady(500))
    before = room.pull_ms(100)
    room.playback.stop()
    after = room.pull_ms(40)[len(before) :]
    fade = device_hz * FADE_MS // 1000
    assert (np.diff(after[:fade].astype(int)) < 0).all()
    assert not after[fade:].any()
    assert clicks(room.heard[len(before) // 2 :]) <= 10_000 / fade * 1.5


@pytest.mark.parametrize("device_hz", CARDS_HZ)
def test_a_stop_tells_what_was_handed_out(device_hz: int) -> None:
    room = Room(device_hz)
    room.playback.play("one", steady(500))
    room.playback.play("two", steady(500))
    room.pull_ms(100)
    room.playback.stop()
    room.pull_ms(20)
    exact_ms = 100 + device_hz * FADE_MS // 1000 * 1000 / device_hz
    assert [report.item_id for report in room.ended] == ["one", "two"]
    assert all(report.interrupted for report in room.ended)
    assert room.ended[0].played_ms == pytest.approx(exact_ms, abs=1 / 24)
    assert room.ended[1].played_ms == 0


def test_a_stop_never_tells_more_than_was_received() -> None:
    room = Room(44_100)
    room.playback.play("one", steady(123))
    room.pull_ms(200)
    room.playback.stop()
    room.pull_ms(20)
    assert room.ended[0].interrupted
    assert 118 <= room.ended[0].played_ms <= 123


@pytest.mark.parametrize("device_hz", CARDS_HZ)
@pytest.mark.parametrize("samples", [1, 101, 479, 2402])
def test_an_item_heard_to_its_end_was_heard_as_long_as_it_is(device_hz: int, samples: int) -> None:
    room = Room(device_hz)
    room.playback.play("one", steady(samples / 24))
    room.playback.end_item("one")
    room.drain()
    assert room.ended == [PlaybackEnded("one", samples / 24, False)]


def test_what_is_already_on_its_way_to_the_ear_is_heard_to_its_end() -> None:
    room = Room(delay_ms=100)
    room.playback.play("one", steady(40))
    room.playback.end_item("one")
    room.pull_ms(40)
    room.playback.stop()
    room.drain()
    assert room.ended == [PlaybackEnded("one", 40.0, False)]


def test_what_was_cut_never_comes_back() -> None:
    room = Room()
    room.playback.play("one", steady(300))
    room.pull_ms(100)
    room.playback.stop()
    room.pull_ms(20)
    room.playback.play("one", steady(300))
    room.playback.end_item("one")
    assert room.playback.is_idle
    assert not room.pull_ms(100)[-2400:].any()


def test_the_memory_of_what_was_cut_is_bounded() -> None:
    room = Room()
    for number in range(1000):
        room.playback.play(str(number), steady(1))
        room.playback.stop()
        room.playback.reports()
    room.playback.play("999", steady(500))
    assert room.playback.is_idle
    assert len(room.playback._over) <= 256


def test_a_new_reply_begins_after_the_fade_of_the_old_one() -> None:
    room = Room()
    room.playback.play("one", steady(300))
    heard = len(room.pull_ms(100))
    room.playback.stop()
    room.playback.play("two", steady(300, -10_000))
    after = room.pull_ms(20)[heard:]
    fade = 24 * FADE_MS
    assert (after[:fade] > 0).all()
    assert (after[fade:] == -10_000).all()


def test_stopping_in_silence_makes_no_sound() -> None:
    room = Room()
    room.playback.stop()
    room.playback.play("one", steady(50))
    room.playback.stop()
    assert room.playback.is_idle
    assert not room.pull_ms(100).any()


# -- a network that is late


def test_a_gap_is_faded_filled_with_silence_and_not_counted_as_heard() -> None:
    room = Room(48_000)
    room.playback.play("one", steady(150))
    room.pull_ms(600)
    room.playback.play("one", steady(250))
    room.playback.end_item("one")
    heard = room.drain()
    assert room.playback.underruns == 1
    assert np.count_nonzero(heard) == pytest.approx(400 * 48, abs=48)
    assert clicks(heard[48 : -48 * 200]) <= 10_000 / (48 * FADE_MS) * 2
    assert room.ended == [PlaybackEnded("one", 400.0, False)]


def wait_for_sound(room: Room, item_id: str) -> float:
    """Feed 10 ms at a time; how many of them until there is sound."""
    for fed_ms in range(10, 2000, 10):
        room.playback.play(item_id, steady(10))
        if room.pull_ms(10, step_ms=10)[-1]:
            return fed_ms
    raise AssertionError("no sound")


def run_dry(room: Room) -> None:
    while room.playback.queued_ms > 5:
        room.pull_ms(20)
    room.pull_ms(40)


def test_after_a_gap_the_cushion_grows_up_to_half_a_second() -> None:
    room = Room(cushion_ms=120)
    room.pull_ms(100_000, step_ms=1000)
    waits = []
    for _ in range(5):
        waits.append(wait_for_sound(room, "one"))
        run_dry(room)
    assert (
        waits
        == [120, pytest.approx(200, abs=10), pytest.approx(400, abs=10)]
        + [pytest.approx(500, abs=10)] * 2
    )


def test_half_a_minute_without_a_gap_shrinks_the_cushion_again() -> None:
    room = Room(cushion_ms=120)
    for _ in range(3):
        wait_for_sound(room, "one")
        run_dry(room)
    room.playback.stop()
    room.pull_ms(31_000, step_ms=1000)
    assert wait_for_sound(room, "two") == 120


def test_running_dry_at_the_end_of_a_reply_is_no_underrun() -> None:
    room = Room()
    room.playback.play("one", steady(150))
    room.pull_ms(400)
    room.playback.end_item("one")
    room.drain()
    assert room.playback.underruns == 0
    assert room.ended == [PlaybackEnded("one", 150.0, False)]


def test_a_cushion_set_longer_than_any_gap_is_kept() -> None:
    room = Room(cushion_ms=800)
    assert wait_for_sound(room, "one") == 800
    run_dry(room)
    assert wait_for_sound(room, "one") == pytest.approx(800, abs=10)


# -- sounds and volume


def test_a_sound_is_mixed_in_without_moving_the_reply() -> None:
    room = Room()
    room.playback.play("one", counting(400))
    room.playback.end_item("one")
    room.pull_ms(100)
    room.playback.play_sound(steady(50, 3000))
    heard = room.drain().astype(int)[: 400 * 24]
    heard[100 * 24 : 150 * 24] -= 3000
    assert heard.astype("<i2").tobytes() == counting(400)
    assert room.ended == [PlaybackEnded("one", 400.0, False)]


@pytest.mark.parametrize("device_hz", CARDS_HZ)
def test_a_sound_needs_no_reply_and_reports_nothing(device_hz: int) -> None:
    room = Room(device_hz)
    room.playback.play_sound(steady(50, 3000))
    assert np.count_nonzero(room.drain()) == pytest.approx(device_hz / 20, abs=2)
    assert room.reports == []


def test_too_much_at_once_saturates() -> None:
    room = Room()
    room.playback.play("one", steady(200, 30_000))
    room.playback.play_sound(steady(100, 30_000))
    assert room.pull_ms(100).max() == 32_767
    assert room.heard.min() > 0


def test_a_stop_cuts_the_sounds_of_before_and_not_those_of_after() -> None:
    room = Room()
    room.playback.play_sound(steady(400, 3000))
    heard = len(room.pull_ms(20))
    room.playback.stop()
    room.playback.play_sound(steady(40, -3000))
    after = room.drain()[heard:]
    assert (after[: 24 * FADE_MS] > 0).all()
    assert (after[24 * FADE_MS : 24 * 45] == -3000).all()
    assert not after[24 * 45 :].any()


def test_a_sound_that_was_not_heard_yet_is_dropped_by_a_stop() -> None:
    room = Room()
    room.playback.play_sound(steady(40, 3000))
    room.playback.stop()
    assert room.playback.is_idle
    assert not room.pull_ms(40).any()


def test_the_fade_is_the_same_for_tiny_blocks() -> None:
    rooms = [Room(), Room()]
    for room, samples in zip(rooms, (480, 1), strict=True):
        room.playback.play("one", steady(300))
        room.pull_ms(100)
        room.playback.stop()
        for _ in range(480 // samples):
            room.pull(samples)
    assert np.array_equal(rooms[0].heard, rooms[1].heard)


def test_the_volume_changes_without_a_click() -> None:
    room = Room()
    room.playback.play("one", steady(1000))
    room.pull_ms(100)
    for volume, level in ((0.5, 5000), (0.0, 0), (1.0, 10_000)):
        room.playback.volume = volume
        assert room.pull_ms(20)[-1] == level
    assert clicks(room.heard[1:]) <= 10_000 / (24 * FADE_MS) * 1.1


def test_a_volume_set_in_silence_holds_from_the_first_sample() -> None:
    room = Room()
    room.playback.volume = 0.25
    room.pull_ms(20)
    room.playback.play("one", steady(200))
    assert (room.pull_ms(20)[-480:] == 2500).all()


# -- rules that hold whatever happens

ITEMS = 4
Step = tuple[str, int, int]
steps = st.one_of(
    st.tuples(st.just("play"), st.integers(0, ITEMS - 1), st.integers(0, 5000)),
    st.tuples(st.just("end"), st.integers(0, ITEMS - 1), st.just(0)),
    st.tuples(st.just("pull"), st.integers(0, 3000), st.just(0)),
    st.tuples(st.just("pull"), st.sampled_from([1, 50, 480]), st.just(0)),
    st.tuples(st.just("stop"), st.just(0), st.just(0)),
)


class Ledger:
    """What should be heard, kept without knowing how playback works."""

    def __init__(self) -> None:
        self.room = Room()
        self.received: dict[str, int] = {}
        self.order: list[str] = []
        self.closed: set[str] = set()

    def step(self, kind: str, number: int, samples: int) -> None:
        playback, item_id = self.room.playback, str(number)
        if kind == "pull":
            self.room.pull(number)
        elif kind == "stop":
            playback.stop()
            self.closed.update(self.order)
        elif kind == "end":
            playback.end_item(item_id)
            self._open(item_id)
            self.closed.add(item_id)
        else:
            playback.play(item_id, signal(item_id, self.received.get(item_id, 0), samples))
            if samples and item_id not in self.closed:
                self._open(item_id)
                self.received[item_id] += samples

    def _open(self, item_id: str) -> None:
        if item_id not in self.order and item_id not in self.closed:
            self.order.append(item_id)
            self.received[item_id] = 0

    def finish(self) -> None:
        for item_id in self.order:
            self.room.playback.end_item(item_id)
        self.room.drain()


def signal(item_id: str, start: int, samples: int) -> bytes:
    """Never silence, different for every item and place."""
    return (
        (10_000 + (int(item_id) * 2501 + start + np.arange(samples)) % 10_000)
        .astype("<i2")
        .tobytes()
    )


def expected(ledger: Ledger) -> NDArray[np.float64]:
    """All that was heard according to the reports, in order."""
    played = {report.item_id: round(report.played_ms * 24) for report in ledger.room.ended}
    pcm = b"".join(signal(item_id, 0, played[item_id]) for item_id in ledger.order)
    return np.frombuffer(pcm, "<i2").astype(float)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(steps, min_size=30, max_size=60))
def test_what_was_heard_is_what_was_reported_item_after_item(history: list[Step]) -> None:
    ledger = Ledger()
    for step in history:
        ledger.step(*step)
    ledger.finish()
    heard = ledger.room.heard
    sounding = heard[heard != 0].astype(float)
    ideal = expected(ledger)
    assert len(sounding) == len(ideal)
    # every sample is its own, whole or inside one of the fades that there were
    fades = 2 * (ledger.room.playback.underruns + ITEMS) + history.count(("stop", 0, 0))
    assert (sounding <= ideal).all()
    assert np.count_nonzero(sounding < ideal) <= fades * 24 * FADE_MS


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(steps, min_size=30, max_size=60))
def test_every_item_ends_once_and_never_beyond_what_was_received(history: list[Step]) -> None:
    ledger = Ledger()
    for step in history:
        ledger.step(*step)
    ledger.finish()
    ended = [report.item_id for report in ledger.room.ended]
    assert sorted(ended) == sorted(ledger.order)
    for report in ledger.room.ended:
        received_ms = ledger.received[report.item_id] / 24
        assert report.played_ms <= received_ms + 1e-9
        assert report.interrupted or report.played_ms == pytest.approx(received_ms)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(steps, min_size=30, max_size=60))
def test_an_item_starts_at_most_once_and_before_it_ends(history: list[Step]) -> None:
    ledger = Ledger()
    for step in history:
        ledger.step(*step)
    ledger.finish()
    started = [report.item_id for report in ledger.room.started]
    assert len(set(started)) == len(started)
    order = [(report.item_id, isinstance(report, PlaybackEnded)) for report in ledger.room.reports]
    for item_id in started:
        assert order.index((item_id, False)) < order.index((item_id, True))


def test_the_sound_of_a_whole_conversation_is_the_same_for_any_pulling() -> None:
    rooms = [Room(48_000), Room(48_000)]
    sizes = [repeat(960), chain.from_iterable(repeat([1, 959, 500, 460]))]
    for room, pulls in zip(rooms, sizes, strict=True):
        for item_id in ("one", "two"):
            room.playback.play(item_id, b"".join(sine_pieces(12_000, seed=1)))
            room.playback.end_item(item_id)
        while not room.playback.is_idle:
            room.pull(next(pulls))
    count = 48_000
    difference = rooms[0].heard[:count].astype(int) - rooms[1].heard[:count]
    assert np.abs(difference).max() <= 1


def test_the_far_end_is_told_what_the_card_gets_and_nothing_while_idle() -> None:
    told: list[tuple[bytes, int]] = []
    playback = Playback(
        wire=WIRE,
        device_rate_hz=24_000,
        far_end=lambda pcm, rate_hz: told.append((pcm, rate_hz)),
    )
    playback.volume = 0.5
    playback.pull(480, now_s=0.0, delay_ms=0.0)
    assert told == []
    playback.play_sound(np.full(480, 1000, "<i2").tobytes())
    block = playback.pull(480, now_s=0.02, delay_ms=0.0)
    assert told == [(block, 24_000)]
    assert any(block)


@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
def test_what_was_made_before_sounds_as_what_is_made_at_once(
    rate_hz: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = [Room(rate_hz), Room(rate_hz)]
    volumes = {40: 0.5, 90: 1.0, 91: 0.25}
    for room in rooms:
        for number, piece in enumerate(sine_pieces(4_000, seed=1)):
            room.playback.play("one" if number < 10 else "two", piece)
        room.playback.end_item("one")
        for count in range(130):
            room.playback.volume = volumes.get(count, room.playback.volume)
            if count == 60:
                room.playback.play_sound(counting(30))
            room.pull(rate_hz // 50)
        room.playback.stop()
        room.pull(rate_hz // 50)
        monkeypatch.setattr(Playback, "_made_before", lambda *_: None)
    assert np.array_equal(rooms[0].heard, rooms[1].heard)
    assert rooms[0].reports == rooms[1].reports


def test_two_minutes_of_waiting_sound_are_told_once() -> None:
    playback = Playback(wire=WIRE, device_rate_hz=24_000)
    for _ in range(125):
        playback.play("endless", counting(1000))
    assert playback.reports() == [PlaybackFull("endless")]
