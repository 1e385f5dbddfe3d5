from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pi_voice.audio.playback import Playback
from pi_voice.core.events import (
    PlaybackEnded,
    PlaybackReport,
    PlaybackStarted,
    SpeakerEvent,
    SpeakerLost,
    SpeakerOpened,
)
from pi_voice.frames import WIRE
from pi_voice.ports import Speaker
from pi_voice.sim.speaker import SimSpeaker
from tests.until import until

RATE_HZ = 48_000
BLOCK = 960
GONE = SpeakerLost("simulated speaker not found. Plug it in")


class Queue:
    """The smallest thing that can be played: one item after the other, cut without a fade.

    Attributes:
        pulls: The times that came with each pull: now, and when its first sample is heard.
    """

    def __init__(self) -> None:
        self.pulls: list[tuple[float, float]] = []
        self._waiting = bytearray()
        self._item: str | None = None
        self._reports: list[PlaybackReport] = []

    @property
    def is_idle(self) -> bool:
        return self._item is None

    def play(self, item_id: str, pcm: bytes) -> None:
        self._item = item_id
        self._waiting += pcm

    def end_item(self, item_id: str) -> None:
        self._end(interrupted=False)

    def stop(self) -> None:
        self._end(interrupted=True)
        self._waiting.clear()

    def play_sound(self, pcm: bytes) -> None:
        self._waiting += pcm

    def pull(self, samples: int, *, now_s: float, delay_ms: float) -> bytes:
        self.pulls.append((now_s, now_s + delay_ms / 1000))
        block = bytes(self._waiting[: 2 * samples])
        del self._waiting[: 2 * samples]
        return block.ljust(2 * samples, b"\0")

    def reports(self) -> list[PlaybackReport]:
        reports, self._reports = self._reports, []
        return reports

    def _end(self, *, interrupted: bool) -> None:
        if self._item is not None:
            self._reports.append(PlaybackEnded(self._item, 0.0, interrupted))
            self._item = None


class Listener:
    def __init__(self) -> None:
        self.events: list[SpeakerEvent] = []
        self.openings_s: list[float] = []

    async def listen(self, speaker: Speaker) -> None:
        async for event in speaker.events():
            if isinstance(event, SpeakerOpened):
                self.openings_s.append(now_s())
            else:
                self.events.append(event)


@asynccontextmanager
async def heard(speaker: SimSpeaker, *, opened: bool = True) -> AsyncIterator[Listener]:
    listener = Listener()
    async with speaker:
        listening = asyncio.ensure_future(listener.listen(speaker))
        try:
            if opened:
                speaker.prepare()
                await until(lambda: speaker.is_open)
            yield listener
        finally:
            listening.cancel()


def counting(samples: int) -> bytes:
    """Samples that are never zero and differ from their neighbours."""
    return array("h", (1 + number * 7919 % 30_000 for number in range(samples))).tobytes()


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.virtual
async def test_a_card_is_opened_only_when_something_is_to_be_heard() -> None:
    queue = Queue()
    speaker = SimSpeaker(queue)
    async with heard(speaker, opened=False):
        await asyncio.sleep(60)
        assert queue.pulls == []
        assert (speaker.heard, speaker.is_open) == (b"", False)
        assert speaker.loud_from(0) is None
        assert speaker.loud_until(0) is None


@pytest.mark.virtual
async def test_a_sound_that_is_switched_off_wakes_no_card() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker, opened=False):
        speaker.play_sound(b"")
        await asyncio.sleep(1)
        assert not speaker.is_open


@pytest.mark.virtual
@pytest.mark.parametrize("how", ["prepare", "play", "play_sound"])
async def test_opening_takes_its_time(how: str) -> None:
    queue = Queue()
    speaker = SimSpeaker(queue, open_delay_ms=30)
    async with heard(speaker, opened=False):
        asked_s = now_s()
        arguments = {"prepare": (), "play": ("a", counting(5)), "play_sound": (counting(5),)}
        getattr(speaker, how)(*arguments[how])
        await until(lambda: queue.pulls)
        assert queue.pulls[0][0] == pytest.approx(asked_s + 0.030, abs=1e-4)


@pytest.mark.virtual
@pytest.mark.parametrize(("block_ms", "buffer_ms"), [(20, 40), (10, 20), (40, 80)])
async def test_blocks_are_pulled_one_by_one_when_the_device_buffer_has_room(
    block_ms: float, buffer_ms: float
) -> None:
    queue = Queue()
    speaker = SimSpeaker(queue, block_ms=block_ms, buffer_ms=buffer_ms, drift_ppm=300)
    async with heard(speaker):
        await asyncio.sleep(10)
    slower = 1 + 300e-6
    began_s = queue.pulls[0][0]
    times = [began_s + n * block_ms / 1000 / slower for n in range(len(queue.pulls))]
    assert [pulled_s for pulled_s, _ in queue.pulls] == pytest.approx(times, abs=1e-9)
    rest_s = (buffer_ms - block_ms) / 1000 / slower
    assert [heard_s - pulled_s for pulled_s, heard_s in queue.pulls] == pytest.approx(
        [rest_s] * len(times), abs=1e-9
    )
    assert len(times) == pytest.approx(10_000 / block_ms, abs=2)


@pytest.mark.virtual
@pytest.mark.parametrize("drift_ppm", [0.0, 200.0, -200.0])
async def test_two_minutes_leave_the_card_sample_by_sample(drift_ppm: float) -> None:
    speaker = SimSpeaker(Queue(), drift_ppm=drift_ppm)
    sent = counting(RATE_HZ) * 120
    async with heard(speaker):
        speaker.play("a", sent)
        await asyncio.sleep(121)
        first = speaker.loud_from(0)
        last = speaker.loud_until(0)
        assert first is not None
        assert last is not None
        assert last - first == pytest.approx(120 / (1 + drift_ppm / 1e6), abs=1e-4)
        assert speaker.heard.strip(b"\0") == sent.strip(b"\0")


@pytest.mark.virtual
async def test_only_what_left_the_card_until_now_was_heard() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker):
        speaker.play("a", counting(RATE_HZ))
        played_s = now_s()
        await asyncio.sleep(0.5)
        first = speaker.loud_from(0)
        assert first is not None
        assert 0.0199 <= first - played_s <= 0.0401
        assert speaker.loud_until(0) == pytest.approx(now_s(), abs=1 / RATE_HZ)
        ends_s = speaker.heard_from_s + len(speaker.heard) / 2 / RATE_HZ
        assert ends_s == pytest.approx(now_s(), abs=1 / RATE_HZ)


@pytest.mark.virtual
async def test_after_a_stop_only_the_device_buffer_is_still_heard() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker) as listener:
        for _ in range(50):
            speaker.play("a", counting(RATE_HZ))
            await asyncio.sleep(0.5037)
            stopped_s = now_s()
            speaker.stop()
            await asyncio.sleep(0.2)
            silent_s = speaker.loud_until(stopped_s)
            assert silent_s is not None
            assert 0.020 <= silent_s - stopped_s <= 0.0401
    assert listener.events == [PlaybackEnded("a", 0.0, True)] * 50


@pytest.mark.virtual
async def test_it_plays_through_the_real_playback_and_tells_what_was_heard() -> None:
    speaker = SimSpeaker(Playback(wire=WIRE, device_rate_hz=RATE_HZ))
    async with heard(speaker) as listener:
        speaker.play("a", counting(24_000))
        speaker.end_item("a")
        await asyncio.sleep(2)
        started, ended = listener.events
    assert ended == PlaybackEnded("a", 1000.0, False)
    assert isinstance(started, PlaybackStarted)
    assert started.at_s == pytest.approx(speaker.loud_from(0), abs=0.001)


@pytest.mark.virtual
async def test_a_silent_card_is_closed_after_a_while_and_opened_again() -> None:
    queue = Queue()
    speaker = SimSpeaker(queue, idle_close_s=30)
    async with heard(speaker):
        speaker.play("a", counting(48_000))
        await asyncio.sleep(5)
        speaker.end_item("a")
        await asyncio.sleep(29)
        assert speaker.is_open
        await asyncio.sleep(2)
        assert not speaker.is_open
        before = len(queue.pulls)
        await asyncio.sleep(3600)
        assert len(queue.pulls) == before
        speaker.play("b", counting(480))
        await asyncio.sleep(1)
        assert speaker.is_open


@pytest.mark.virtual
async def test_an_item_that_waits_for_more_keeps_the_card_open() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker):
        speaker.play("a", counting(480))
        await asyncio.sleep(300)
        assert speaker.is_open


@pytest.mark.virtual
async def test_the_stream_is_silent_as_long_as_the_card_was_closed() -> None:
    speaker = SimSpeaker(Queue(), idle_close_s=1)
    async with heard(speaker):
        speaker.play_sound(counting(480))
        await asyncio.sleep(10)
        asked_s = now_s()
        speaker.play_sound(counting(480))
        await asyncio.sleep(1)
        again_s = speaker.loud_from(asked_s)
        assert again_s is not None
        samples = array("h", speaker.heard)
        place = round((again_s - speaker.heard_from_s) * RATE_HZ)
        assert samples[place : place + 480].tobytes() == counting(480)
        assert sum(map(bool, samples)) == 960


@pytest.mark.virtual
async def test_a_card_that_opens_the_moment_it_was_closed_does_not_play_two_blocks_at_once() -> (
    None
):
    speaker = SimSpeaker(Queue(), idle_close_s=1, open_delay_ms=0)
    async with heard(speaker):
        await until(lambda: not speaker.is_open)
        speaker.play_sound(counting(480))
        await asyncio.sleep(0.5)
        assert speaker.heard.strip(b"\0") == counting(480).strip(b"\0")


@pytest.mark.virtual
async def test_a_long_run_can_forget_what_was_heard_long_ago() -> None:
    speaker = SimSpeaker(Queue(), keep_s=2)
    async with heard(speaker):
        speaker.play("a", counting(RATE_HZ) * 60)
        await asyncio.sleep(30)
        assert len(speaker.heard) / 2 / RATE_HZ == pytest.approx(2, abs=0.1)
        assert speaker.heard in counting(RATE_HZ) * 4
        assert speaker.heard_from_s == pytest.approx(now_s() - 2, abs=0.1)


@pytest.mark.virtual
@pytest.mark.parametrize("fault", ["unplug", "stall"])
async def test_a_card_that_goes_is_silent_at_once_and_noticed_a_little_later(fault: str) -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker) as listener:
        speaker.play("a", counting(10 * RATE_HZ))
        await asyncio.sleep(1.003)
        gone_s = now_s()
        getattr(speaker, fault)()
        await asyncio.sleep(0.4)
        assert listener.events == []
        await asyncio.sleep(0.2)
        assert listener.events == [GONE, PlaybackEnded("a", 0.0, True)]
        assert speaker.loud_until(0) == pytest.approx(gone_s, abs=1 / RATE_HZ)


@pytest.mark.virtual
async def test_a_card_that_comes_back_plays_what_is_new() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker) as listener:
        speaker.play("a", counting(10 * RATE_HZ))
        await asyncio.sleep(1)
        speaker.unplug()
        await asyncio.sleep(60)
        assert listener.events.count(GONE) == 1
        back_s = now_s()
        speaker.plug_in()
        await until(lambda: speaker.is_open, within_s=3)
        assert speaker.loud_from(back_s) is None
        speaker.play("b", counting(RATE_HZ))
        await asyncio.sleep(2)
        assert speaker.loud_from(back_s) is not None


@pytest.mark.virtual
async def test_a_stalled_card_is_opened_again_without_help() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker) as listener:
        speaker.stall(handles=2)
        await asyncio.sleep(10)
        assert speaker.is_open
        assert listener.events == [GONE, GONE]
        speaker.play_sound(counting(480))
        await asyncio.sleep(0.1)
        assert speaker.loud_from(0) is not None


@pytest.mark.virtual
async def test_every_opening_is_told_once_the_card_takes_sound() -> None:
    speaker = SimSpeaker(Queue(), open_delay_ms=30)
    async with heard(speaker) as listener:
        await until(lambda: listener.openings_s)
        speaker.unplug()
        await until(lambda: listener.events == [GONE])
        await asyncio.sleep(60)
        assert len(listener.openings_s) == 1
        speaker.plug_in()
        await until(lambda: len(listener.openings_s) == 2)
        await asyncio.sleep(60)
        assert len(listener.openings_s) == 2


@pytest.mark.virtual
async def test_a_stall_that_ends_before_it_was_noticed_is_none() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker) as listener:
        speaker.play("a", counting(10 * RATE_HZ))
        await asyncio.sleep(1)
        speaker.stall()
        speaker.recover()
        await asyncio.sleep(5)
        assert listener.events == []


@pytest.mark.virtual
async def test_a_stall_that_ends_later_still_costs_the_handle_and_plays_nothing_of_the_past() -> (
    None
):
    queue = Queue()
    speaker = SimSpeaker(queue)
    async with heard(speaker) as listener:
        speaker.stall()
        await asyncio.sleep(0.1)
        before = len(queue.pulls)
        speaker.recover()
        speaker.play("a", counting(RATE_HZ))
        await asyncio.sleep(0.3)
        assert len(queue.pulls) == before
        await asyncio.sleep(5)
        assert listener.events == [GONE, PlaybackEnded("a", 0.0, True)]
        assert speaker.is_open


@pytest.mark.virtual
async def test_what_is_to_be_played_without_a_card_ends_unheard() -> None:
    speaker = SimSpeaker(Playback(wire=WIRE, device_rate_hz=RATE_HZ))
    speaker.unplug()
    async with heard(speaker, opened=False) as listener:
        speaker.play("a", counting(240_000))
        await asyncio.sleep(5)
        speaker.play("b", counting(240_000))
        await asyncio.sleep(5)
        assert listener.events == [
            GONE,
            PlaybackEnded("a", 0.0, True),
            PlaybackEnded("b", 0.0, True),
        ]
        assert speaker.heard == b""


@pytest.mark.virtual
async def test_an_item_that_was_on_its_way_to_the_ear_ends_when_the_card_goes() -> None:
    speaker = SimSpeaker(Playback(wire=WIRE, device_rate_hz=RATE_HZ))
    async with heard(speaker) as listener:
        speaker.play("a", counting(2_400))
        speaker.end_item("a")
        await until(lambda: listener.events)
        await asyncio.sleep(0.095)
        speaker.unplug()
        await asyncio.sleep(1)
        assert [type(event) for event in listener.events] == [
            PlaybackStarted,
            SpeakerLost,
            PlaybackEnded,
        ]


@pytest.mark.virtual
async def test_a_busy_card_is_named_with_who_holds_it_and_tried_again() -> None:
    speaker = SimSpeaker(Queue(), name="speaker 'hw:CARD=Device'")
    speaker.refuse()
    async with heard(speaker, opened=False) as listener:
        speaker.prepare()
        await asyncio.sleep(10)
        reason = "speaker 'hw:CARD=Device' is in use by pid 812 (pipewire)"
        assert listener.events == [SpeakerLost(f"{reason}. Stop it, or choose another card")]
        speaker.accept()
        await until(lambda: speaker.is_open, within_s=3)
        await asyncio.sleep(1)
        assert len(listener.events) == 1


@pytest.mark.virtual
async def test_stopping_without_a_card_is_reported_all_the_same() -> None:
    queue = Queue()
    speaker = SimSpeaker(queue)
    async with heard(speaker, opened=False) as listener:
        queue.play("a", counting(480))
        speaker.stop()
        await asyncio.sleep(1)
        assert listener.events == [PlaybackEnded("a", 0.0, True)]
        assert not speaker.is_open


@pytest.mark.virtual
async def test_a_playback_that_gives_the_wrong_length_is_found_out() -> None:
    class Short(Queue):
        def pull(self, samples: int, *, now_s: float, delay_ms: float) -> bytes:
            return bytes(2 * samples - 2)

    async def listen() -> None:
        async with SimSpeaker(Short()) as speaker:
            speaker.prepare()
            await Listener().listen(speaker)

    with pytest.raises(ValueError, match="asked for 960 samples, got 1918 bytes"):
        await listen()


def blocked(for_s: float) -> None:
    """Keep the loop busy."""
    time.sleep(for_s)


async def test_a_late_loop_in_real_time_loses_no_sample() -> None:
    queue = Queue()
    speaker = SimSpeaker(queue)
    sent = counting(RATE_HZ // 2)
    async with heard(speaker):
        speaker.play("a", sent)
        await asyncio.sleep(0.05)
        blocked(0.2)
        await until(lambda: len(speaker.heard.strip(b"\0")) >= len(sent) - 1)
        assert speaker.heard.strip(b"\0") == sent.strip(b"\0")


async def test_a_stop_by_a_late_loop_does_not_work_back_in_time() -> None:
    speaker = SimSpeaker(Queue())
    async with heard(speaker):
        speaker.play("a", counting(5 * RATE_HZ))
        await until(lambda: speaker.loud_from(0) is not None)
        blocked(0.2)
        stopped_s = now_s()
        speaker.stop()
        await asyncio.sleep(0.1)
        silent_s = speaker.loud_until(0)
        assert silent_s is not None
        assert silent_s >= stopped_s + 0.019  # what a card on time would have had in hand
