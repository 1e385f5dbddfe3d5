from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from pi_voice.core.events import MicClosed, MicEvent, MicLost, MicOpened
from pi_voice.frames import AudioBatch, AudioFormat
from pi_voice.ports import Microphone
from pi_voice.sim.card import RETRY_S
from pi_voice.sim.microphone import SimMicrophone, mix
from tests.until import until

GONE = MicLost("simulated microphone not found. Plug it in")


class Listener:
    """Everything a microphone reports, in order."""

    def __init__(self) -> None:
        self.all: list[AudioBatch | MicEvent] = []
        self.events: list[MicEvent] = []
        self.batches: list[AudioBatch] = []

    @property
    def pcm(self) -> bytes:
        return b"".join(batch.pcm for batch in self.batches)

    async def listen(self, microphone: Microphone) -> None:
        async for event in microphone.events():
            self.all.append(event)
            if isinstance(event, AudioBatch):
                self.batches.append(event)
            else:
                self.events.append(event)


@asynccontextmanager
async def heard(microphone: SimMicrophone, *, opened: bool = True) -> AsyncIterator[Listener]:
    listener = Listener()
    async with microphone:
        listening = asyncio.ensure_future(listener.listen(microphone))
        try:
            if opened:
                microphone.open()
                await until(lambda: listener.events)
            yield listener
        finally:
            listening.cancel()


def speech(samples: int, height: int = 20_000) -> bytes:
    """Samples that are never zero and differ from their neighbours."""
    return array("h", (1 + number * 7919 % height for number in range(samples))).tobytes()


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.virtual
async def test_a_closed_microphone_hears_nothing() -> None:
    async with heard(SimMicrophone(), opened=False) as listener:
        await asyncio.sleep(60)
    assert listener.all == []


@pytest.mark.virtual
async def test_opening_takes_its_time_and_is_reported_before_the_first_sound() -> None:
    microphone = SimMicrophone(open_delay_ms=30)
    async with heard(microphone, opened=False) as listener:
        asked_s = now_s()
        microphone.open()
        await until(lambda: len(listener.all) == 2)
        assert listener.events == [MicOpened()]
        assert listener.all[0] == MicOpened()
        assert listener.batches[0].at_s == pytest.approx(asked_s + 0.030, abs=1e-4)


@pytest.mark.virtual
async def test_nothing_is_heard_after_it_was_closed() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        await asyncio.sleep(1)
        microphone.close()
        before = len(listener.batches)
        await asyncio.sleep(60)
        assert listener.all[-1] == MicClosed()
        assert len(listener.batches) == before
        assert microphone.is_open is False


@pytest.mark.virtual
async def test_a_batch_that_is_full_in_the_moment_of_closing_is_not_delivered() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        await until(lambda: len(listener.batches) == 1)
        first = microphone.clock.count(listener.batches[0].at_s)
        closed_s = microphone.clock.time_s(first + 10 * 640)
        asyncio.get_running_loop().call_at(closed_s, microphone.close)
        await asyncio.sleep(5)
        assert listener.all[-1] == MicClosed()
        assert microphone.delivered == 9 * 640


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("rate_hz", "drift_ppm", "for_s"),
    [
        (8_000, 0.0, 60),
        (16_000, 0.0, 60),
        (24_000, 0.0, 60),
        (44_100, 200.0, 600),
        (48_000, -200.0, 600),
    ],
)
async def test_every_minute_has_exactly_the_samples_of_the_card_s_clock(
    rate_hz: int, drift_ppm: float, for_s: int
) -> None:
    microphone = SimMicrophone(format=AudioFormat(rate_hz), drift_ppm=drift_ppm, open_delay_ms=0)
    async with heard(microphone) as listener:
        await asyncio.sleep(for_s)
        batch = rate_hz // 25
        over = microphone.clock.count(listener.batches[-1].at_s) + batch
        assert microphone.delivered == over == len(listener.pcm) // 2
        assert over == pytest.approx(for_s * rate_hz * (1 + drift_ppm / 1e6), abs=batch)


@pytest.mark.virtual
async def test_batches_follow_each_other_without_a_gap_and_come_when_they_are_full() -> None:
    arrivals: list[float] = []
    microphone = SimMicrophone(format=AudioFormat(44_100), batch_ms=20, drift_ppm=-150)
    async with heard(microphone) as listener:
        for _ in range(500):
            await until(lambda: len(listener.batches) > len(arrivals))
            arrivals.append(now_s())
    lasts_s = 882 / (44_100 * (1 - 150e-6))
    begins = [batch.at_s for batch in listener.batches[:500]]
    assert begins == pytest.approx([begins[0] + n * lasts_s for n in range(500)], abs=1e-9)
    assert arrivals == pytest.approx([begin + lasts_s for begin in begins], abs=0.006)


@pytest.mark.virtual
@pytest.mark.parametrize("channels", [1, 2])
async def test_what_was_said_is_delivered_sample_by_sample(channels: int) -> None:
    microphone = SimMicrophone(format=AudioFormat(16_000, channels), noise_lsb=0)
    async with heard(microphone) as listener:
        await asyncio.sleep(0.5017)
        said = await microphone.say(speech(12_345), 16_000)
        await asyncio.sleep(0.1)
    for channel in range(channels):
        assert array("h", said.heard)[channel::channels] == array("h", said.pcm)
        everything = array("h", listener.pcm)[channel::channels]
        assert said.delivered_at is not None
        assert everything[said.delivered_at :][:12_345] == array("h", said.pcm)
        assert not any(everything[: said.delivered_at])
        assert not any(everything[said.delivered_at + 12_345 :])


@pytest.mark.virtual
async def test_an_utterance_lasts_as_long_as_its_samples() -> None:
    microphone = SimMicrophone()
    async with heard(microphone):
        asked_s = now_s()
        said = await microphone.say(speech(16_000), 16_000)
        assert now_s() == pytest.approx(said.ends_s) == pytest.approx(asked_s + 1, abs=1e-4)
        assert said.began_s == pytest.approx(asked_s, abs=1e-4)
        assert await said is said


@pytest.mark.virtual
async def test_an_utterance_was_heard_whole_only_if_the_handle_was_open_all_along() -> None:
    microphone = SimMicrophone()
    async with heard(microphone, opened=False):
        early = microphone.say(speech(16_000), 16_000)
        await asyncio.sleep(0.5)
        microphone.open()
        await early
        whole = await microphone.say(speech(16_000), 16_000)
        late = microphone.say(speech(16_000), 16_000)
        await asyncio.sleep(0.5)
        microphone.close()
        await late
    assert [said.heard_whole for said in (early, whole, late)] == [False, True, False]
    assert early.delivered_at == 0
    assert 0 < len(early.heard) < len(early.pcm)
    assert 0 < len(late.heard) < len(late.pcm)


@pytest.mark.virtual
async def test_what_was_said_to_a_closed_microphone_is_never_heard() -> None:
    microphone = SimMicrophone()
    async with heard(microphone, opened=False) as listener:
        said = await microphone.say(speech(16_000), 16_000)
        microphone.open()
        await asyncio.sleep(1)
    assert said.delivered_at is None
    assert max(map(abs, array("h", listener.pcm))) <= 3


@pytest.mark.virtual
async def test_two_who_talk_at_once_are_heard_together() -> None:
    microphone = SimMicrophone(noise_lsb=0)
    async with heard(microphone):
        one = microphone.say(speech(8_000, 1_000), 16_000)
        other = await microphone.say(speech(8_000, 999), 16_000)
        await asyncio.sleep(0.1)
    both = array(
        "h", (a + b for a, b in zip(array("h", one.pcm), array("h", other.pcm), strict=True))
    )
    assert bytes(one.heard) == bytes(other.heard) == both.tobytes()


def test_what_is_too_loud_together_is_clipped() -> None:
    loud = array("h", [30_000, -30_000, 30_000])
    assert list(mix(loud, array("h", [2_767, -2_768, 10]))) == [32_767, -32_768, 30_010]
    assert list(mix(loud, array("h", [30_000, -30_000, 0]))) == [32_767, -32_768, 30_000]


@pytest.mark.virtual
async def test_speech_at_another_rate_than_the_card_s_is_refused() -> None:
    async with SimMicrophone() as microphone:
        with pytest.raises(ValueError, match="the card takes 16000 Hz, this is 24000 Hz"):
            microphone.say(b"", 24_000)


@pytest.mark.virtual
async def test_a_room_is_quiet_but_never_digitally_silent() -> None:
    microphone = SimMicrophone(batch_ms=20)
    async with heard(microphone) as listener:
        await asyncio.sleep(5)
    assert all(any(batch.pcm) for batch in listener.batches)
    assert set(array("h", listener.pcm)) == set(range(-3, 4))
    assert len({batch.pcm for batch in listener.batches[:50]}) == 50
    assert -90 < microphone.level_db < -75


async def noise(seed: int) -> bytes:
    async with heard(SimMicrophone(seed=seed)) as listener:
        await asyncio.sleep(1)
    return listener.pcm


@pytest.mark.virtual
async def test_the_noise_depends_on_nothing_but_its_seed() -> None:
    assert await noise(1) == await noise(1) != await noise(2)


@pytest.mark.virtual
async def test_the_level_is_that_of_the_loudest_sample() -> None:
    microphone = SimMicrophone(noise_lsb=0)
    async with heard(microphone):
        assert microphone.level_db == -96
        microphone.say(array("h", [16_384] * 16_000).tobytes(), 16_000)
        await asyncio.sleep(0.5)
        assert microphone.level_db == pytest.approx(-6.02, abs=0.01)


@pytest.mark.virtual
async def test_what_the_room_plays_is_heard_with_what_is_said() -> None:
    microphone = SimMicrophone(noise_lsb=0)
    microphone.surroundings = lambda at_s, samples, rate_hz: array("h", [5] * samples)
    async with heard(microphone):
        said = await microphone.say(speech(1_000), 16_000)
        await asyncio.sleep(0.1)
    assert list(array("h", said.heard)) == [sample + 5 for sample in array("h", said.pcm)]


@pytest.mark.virtual
async def test_a_stalled_handle_gives_neither_sound_nor_error_until_it_is_opened_again() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        microphone.stall()
        await asyncio.sleep(60)
        assert listener.all == [MicOpened()]
        microphone.close()
        microphone.open()
        await asyncio.sleep(1)
        assert listener.events == [MicOpened(), MicClosed(), MicOpened()]
        assert isinstance(listener.all[-1], AudioBatch)


@pytest.mark.virtual
async def test_a_stall_can_outlast_several_handles() -> None:
    microphone = SimMicrophone()
    async with heard(microphone, opened=False) as listener:
        microphone.stall(handles=2)
        sounded = []
        for _ in range(3):
            microphone.open()
            await asyncio.sleep(1)
            microphone.close()
            await asyncio.sleep(1)
            sounded.append(bool(listener.batches))
    assert sounded == [False, False, True]


@pytest.mark.virtual
async def test_a_microphone_recovers_from_all_that_it_plays() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        microphone.stall(handles=3)
        microphone.trickle()
        microphone.deliver_zeros()
        microphone.recover()
        await asyncio.sleep(1)
    assert len(listener.batches) == 25
    assert any(listener.batches[-1].pcm)


@pytest.mark.virtual
async def test_a_trickle_delivers_one_batch_of_many_and_says_nothing_of_the_rest() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        microphone.trickle(every=25)
        await asyncio.sleep(10.01)
    assert len(listener.batches) == 10
    assert not any(batch.lost for batch in listener.batches)


@pytest.mark.virtual
@pytest.mark.parametrize("every", [2, 25, 1_000_000])
async def test_a_watched_microphone_that_drips_is_given_up_and_opened_again(every: int) -> None:
    microphone = SimMicrophone()
    microphone.watched = True
    async with heard(microphone) as listener:
        await asyncio.sleep(5)
        microphone.trickle(every=every)
        await asyncio.sleep(2)
        microphone.recover()
        await asyncio.sleep(5)
    reason = "simulated microphone gives too little sound. Check its cable"
    assert listener.events == [MicOpened(), MicLost(reason), MicOpened()]


@pytest.mark.virtual
async def test_zeros_are_only_zeros_whatever_is_said() -> None:
    microphone = SimMicrophone(format=AudioFormat(48_000, 2))
    microphone.deliver_zeros()
    async with heard(microphone) as listener:
        await microphone.say(speech(48_000), 48_000)
        assert microphone.level_db == -96
    assert listener.pcm == bytes(len(listener.pcm)) != b""


@pytest.mark.virtual
async def test_an_overflow_loses_sound_and_the_next_batch_says_so() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        said = microphone.say(speech(16_000), 16_000)
        await asyncio.sleep(0.3)
        microphone.overflow(batches=2)
        await said
        await asyncio.sleep(0.1)
    lost = [n for n, batch in enumerate(listener.batches) if batch.lost]
    after = listener.batches[lost[0]]
    assert len(lost) == 1
    assert after.at_s - listener.batches[lost[0] - 1].at_s == pytest.approx(3 * 0.040)
    assert len(said.heard) == len(said.pcm) - 2 * len(after.pcm)
    assert not said.heard_whole


@pytest.mark.virtual
async def test_a_pulled_cable_is_noticed_said_once_and_mended_by_plugging_in() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        await asyncio.sleep(1)
        microphone.unplug()
        before = len(listener.batches)
        await asyncio.sleep(0.4)
        assert listener.events == [MicOpened()]
        await asyncio.sleep(60)
        assert listener.events == [MicOpened(), GONE]
        assert len(listener.batches) == before
        assert microphone.is_open is False
        microphone.plug_in()
        await asyncio.sleep(RETRY_S + 0.1)
        assert listener.events == [MicOpened(), GONE, MicOpened()]


@pytest.mark.virtual
async def test_a_handle_whose_cable_was_pulled_stays_dead_when_it_is_plugged_in() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        microphone.unplug()
        microphone.plug_in()
        await asyncio.sleep(5)
        assert listener.events == [MicOpened(), GONE, MicOpened()]


@pytest.mark.virtual
async def test_five_hundred_times_out_and_in() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        for _ in range(500):
            microphone.unplug()
            await until(lambda: listener.events[-1] == GONE)
            microphone.plug_in()
            await until(lambda: listener.events[-1] == MicOpened(), within_s=3)
        assert listener.events == [MicOpened(), *[GONE, MicOpened()] * 500]
        await asyncio.sleep(1)
        assert isinstance(listener.all[-1], AudioBatch)


@pytest.mark.virtual
async def test_a_busy_card_is_named_with_who_holds_it_and_tried_again() -> None:
    microphone = SimMicrophone(name="microphone 'usb:Jabra'")
    microphone.refuse("is in use by pid 812 (pipewire)")
    async with heard(microphone, opened=False) as listener:
        microphone.open()
        await asyncio.sleep(10)
        reason = (
            "microphone 'usb:Jabra' is in use by pid 812 (pipewire). Stop it, or choose another"
        )
        assert listener.events == [MicLost(f"{reason} card")]
        microphone.accept()
        await until(lambda: listener.events[1:] == [MicOpened()], within_s=3)


@pytest.mark.virtual
async def test_who_closes_while_there_is_no_card_is_told_and_left_alone() -> None:
    microphone = SimMicrophone()
    microphone.unplug()
    async with heard(microphone, opened=False) as listener:
        microphone.open()
        await asyncio.sleep(5)
        microphone.close()
        await asyncio.sleep(5)
        microphone.plug_in()
        await asyncio.sleep(5)
    assert listener.events == [GONE, MicClosed()]


@pytest.mark.virtual
async def test_a_loss_after_a_new_wish_is_news_again() -> None:
    microphone = SimMicrophone()
    microphone.unplug()
    async with heard(microphone, opened=False) as listener:
        for _ in range(2):
            microphone.open()
            await asyncio.sleep(5)
            microphone.close()
            await asyncio.sleep(5)
    assert listener.events == [GONE, MicClosed()] * 2


@pytest.mark.virtual
async def test_closing_before_it_was_open_closes_it_as_soon_as_it_is() -> None:
    microphone = SimMicrophone()
    async with heard(microphone, opened=False) as listener:
        microphone.open()
        await asyncio.sleep(0.010)
        microphone.close()
        await asyncio.sleep(5)
    assert listener.all == [MicOpened(), MicClosed()]


@pytest.mark.virtual
async def test_closing_and_opening_at_once_gives_a_new_handle() -> None:
    microphone = SimMicrophone()
    async with heard(microphone) as listener:
        microphone.close()
        microphone.open()
        await asyncio.sleep(1)
        assert listener.events == [MicOpened(), MicClosed(), MicOpened()]


@pytest.mark.virtual
async def test_closing_what_was_never_open_is_confirmed() -> None:
    microphone = SimMicrophone()
    async with heard(microphone, opened=False) as listener:
        microphone.close()
        await asyncio.sleep(1)
    assert listener.all == [MicClosed()]


@pytest.mark.virtual
async def test_closing_forgets_the_sound_that_nobody_read() -> None:
    listener = Listener()
    async with SimMicrophone() as microphone:
        microphone.open()
        await asyncio.sleep(1)
        microphone.close()
        await asyncio.sleep(1)
    await listener.listen(microphone)
    assert listener.all == [MicOpened(), MicClosed()]


@pytest.mark.virtual
async def test_sound_that_nobody_reads_in_time_is_counted() -> None:
    listener = Listener()
    async with SimMicrophone() as microphone:
        microphone.open()
        await asyncio.sleep(4.05)
    await listener.listen(microphone)
    assert microphone.dropped == 50
    assert listener.events == [MicOpened()]
    assert len(listener.batches) == 50


@pytest.mark.virtual
async def test_a_fault_of_the_card_s_own_task_comes_out_and_ends_the_source() -> None:
    def broken(at_s: float, samples: int, rate_hz: float) -> array[int]:
        raise ZeroDivisionError

    listener = Listener()
    microphone = SimMicrophone()
    microphone.surroundings = broken

    async def listen() -> None:
        async with microphone:
            microphone.open()
            await listener.listen(microphone)

    with pytest.raises(ZeroDivisionError):
        await listen()
    assert listener.all == [MicOpened()]


async def test_a_late_loop_in_real_time_loses_no_sample() -> None:
    microphone = SimMicrophone(noise_lsb=0)
    async with heard(microphone) as listener:
        said = microphone.say(speech(4_000), 16_000)
        time.sleep(0.15)  # noqa: ASYNC251  # the loop is what has to be late
        await said
        await until(lambda: len(said.heard) == len(said.pcm))
    assert bytes(said.heard) == said.pcm
    begins = [batch.at_s for batch in listener.batches]
    assert begins == pytest.approx([begins[0] + 0.040 * n for n in range(len(begins))])


async def test_leaving_it_in_the_middle_of_anything_leaves_no_task_behind() -> None:
    with suppress(RuntimeError):
        async with SimMicrophone() as microphone:
            microphone.open()
            raise RuntimeError
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert microphone.is_open is False
