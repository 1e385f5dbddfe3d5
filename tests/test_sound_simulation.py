"""The sound of the whole device, in ms and in samples, on the clocks of simulated cards."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from pi_voice import build
from pi_voice.audio.frontend import FrontEnd
from pi_voice.audio.playback import Playback
from pi_voice.audio.resample import Resampler, from_pcm
from pi_voice.audio.vad import SpeechGate
from pi_voice.build import Simulation
from pi_voice.config import parse
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.events import Event, MicHeard, PlaybackEnded, ReplyAudio, SpeakerEvent
from pi_voice.core.failures import Failure
from pi_voice.daemon import Daemon
from pi_voice.daemon import FrontEnd as Hearing
from pi_voice.frames import FRAME_MS, WIRE, AudioBatch, AudioFormat
from pi_voice.health import SILENT_MICROPHONE, SILENT_S, Health
from pi_voice.overview import Overview
from pi_voice.sim.card import NOTICE_MS
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.speaker import SimSpeaker
from tests.test_simulation import SPEECH, now_s, run, speak
from tests.until import until

pytestmark = pytest.mark.virtual

BACK_S = 3.0  # the promise for a card that was plugged in again, while nothing plays
CUSHION_MS, BUFFER_MS = 120, 40  # what ships, and the simulated speaker's
LINK_MS = 5  # on a network that takes no time
BATCH_MS = 40
CARDS_HZ = [16_000, 44_100, 48_000]
DRIFTS_PPM = [-200, 0, 200]
LONG = (pytest.mark.long, pytest.mark.timeout(900))
MINUTES = [0.25, pytest.param(10, marks=LONG)]


class Recorder:
    """The front end, and what was put into it."""

    gaps = 0

    def __init__(self, front_end: Hearing) -> None:
        self.batches: list[AudioBatch] = []
        self._front_end = front_end
        self.reset = front_end.reset

    def process(self, batch: AudioBatch) -> MicHeard:
        self.batches.append(batch)
        return self._front_end.process(batch)


@asynccontextmanager
async def box(text: str = "", card: AudioFormat = WIRE) -> AsyncIterator[Simulation]:
    """A device that is online and idle."""
    settings = parse(f"[limits]\nidle_hang_up_min = 0\n{text}")
    async with build.simulation(settings, card) as made, run(made):
        await made.leds.shows(Pattern.IDLE)
        yield made


def watched(here: Simulation) -> tuple[Health, Overview]:
    """Those who watch over the daemon of a real box."""
    health = Health()
    overview = Overview(here.daemon.device, health, dict, "kitchen")
    here.daemon.watchers += [health, overview]
    return health, overview


# -- only zeros


async def test_a_microphone_that_gives_only_zeros_is_a_finding_and_never_a_restart() -> None:
    async with box('[activation]\nmode = "voice"\n') as here:
        health, overview = watched(here)
        await here.leds.mic(is_open=True)
        lit = len(here.leds.shown)
        here.microphone.deliver_zeros()
        await asyncio.sleep(SILENT_S - 0.5)
        assert overview.status(now_s()).findings == ()
        await asyncio.sleep(1.0)
        (finding,) = overview.status(now_s()).findings
        assert (finding.name, finding.text) == (SILENT_MICROPHONE.code, SILENT_MICROPHONE.text)
        for _ in range(24):  # two minutes of the watchdog
            health.beat(now_s(), every_s=5.0, rss_mb=60.0)
            await asyncio.sleep(5.0)
        here.microphone.recover()
        await asyncio.sleep(0.1)
        assert overview.status(now_s()).findings == ()
        assert here.leds.shown[lit:] == []
        assert here.microphone.is_open


# -- unplugged in mid-word


async def pull(here: Simulation, overview: Overview, chance: random.Random) -> float:
    """Pull the microphone in mid-word and plug it in again; returns how long that took to tell."""
    here.button.press()
    await here.leds.mic(is_open=True)
    here.microphone.say(SPEECH, WIRE.rate_hz)
    await asyncio.sleep(chance.uniform(0.05, 1.5))
    assert overview.status(now_s()).turn == "listening"
    here.microphone.unplug()
    await here.leds.shows(Pattern.NO_MICROPHONE, within_s=2 * NOTICE_MS / 1000)
    told = overview.status(now_s())
    assert (told.turn, told.microphone) == ("idle", "lost")
    assert [finding.name for finding in told.findings] == [Failure.NO_MICROPHONE]
    assert "simulated microphone not found" in told.microphone_reason
    assert not here.leds.mic_is_open
    here.button.release()
    await asyncio.sleep(chance.uniform(0.5, 10.0))  # what it says about it is heard by then
    here.microphone.plug_in()
    plugged_s = now_s()
    await here.leds.shows(Pattern.IDLE)
    return now_s() - plugged_s


@pytest.mark.parametrize("times", [25, pytest.param(500, marks=LONG)])
async def test_unplugged_in_mid_word_again_and_again_it_is_back_within_three_seconds(
    times: int,
) -> None:
    chance = random.Random(times)
    async with box() as here:
        _, overview = watched(here)
        back_s = [await pull(here, overview, chance) for _ in range(times)]
        assert max(back_s) <= BACK_S
        assert not any(session.turns for session in here.service.sessions)
        assert overview.status(now_s()).findings == ()
        here.button.press()
        await here.leds.mic(is_open=True)
        said = await here.microphone.say(SPEECH, WIRE.rate_hz)
        here.button.release()
        await here.leds.shows(Pattern.SPEAKING)
        (turn,) = here.service.sessions[-1].turns
        assert bytes(said.heard) in turn.pcm


# -- every sample, to the last one


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("tail_ms", [0, 150])
async def test_nothing_of_the_last_batch_of_a_turn_is_lost(rate_hz: int, tail_ms: int) -> None:
    settings = parse(f"[activation]\ntail_ms = {tail_ms}\n")
    async with build.simulation(settings, AudioFormat(rate_hz)) as made:
        recorder = Recorder(made.daemon.parts.front_end)
        parts = replace(made.daemon.parts, front_end=recorder)
        here = replace(made, daemon=Daemon(build.device(settings), parts))
        async with run(here):
            await here.leds.shows(Pattern.IDLE)
            for late_s in (0.0, 0.011, 0.023, 0.037):  # the end is anywhere in its batch
                recorder.batches.clear()
                here.button.press()
                await here.leds.mic(is_open=True)
                await asyncio.sleep(1.0 + late_s)
                here.button.release()
                released_s = now_s()
                await here.leds.shows(Pattern.IDLE, within_s=60)
                sent = from_pcm(here.service.sessions[0].turns[-1].pcm).astype(int)
                everything = b"".join(batch.pcm for batch in recorder.batches)
                ideal = from_pcm(build.resampled(everything, rate_hz, WIRE.rate_hz))
                assert np.abs(sent - ideal[: len(sent)]).max() <= 1
                wanted_ms = (released_s - recorder.batches[0].at_s) * 1000 + tail_ms
                assert len(sent) / WIRE.rate_hz * 1000 >= wanted_ms


def counted(first: int, samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """No sample is like its neighbours, and no second like another."""
    number = np.arange(first, first + samples, dtype=np.uint64)
    return ((number * 2_654_435_761 >> 7) % 20_001).astype(np.int16) - 10_000


class Beside:
    """Holds a stream against what it had to be, as it comes."""

    def __init__(self) -> None:
        self.compared = 0
        self._came = self._wanted = b""

    def take(self, came: bytes, wanted: bytes) -> None:
        self._came += came
        self._wanted += wanted
        size = min(len(self._came), len(self._wanted))
        wrong = from_pcm(self._came[:size]).astype(int) - from_pcm(self._wanted[:size])
        assert np.abs(wrong).max(initial=0) <= 1
        self.compared += size // 2
        self._came, self._wanted = self._came[size:], self._wanted[size:]


@asynccontextmanager
async def numbered(
    rate_hz: int, drift_ppm: float
) -> AsyncIterator[tuple[SimMicrophone, AsyncGenerator[AudioBatch, None]]]:
    """A microphone in a room where each sample tells its number."""
    microphone = SimMicrophone(format=AudioFormat(rate_hz), drift_ppm=drift_ppm, noise_lsb=0)

    def room(at_s: float, samples: int, _: float) -> array[int]:
        return array("h", counted(microphone.clock.count(at_s), samples).tobytes())

    async def batches() -> AsyncGenerator[AudioBatch, None]:
        async for heard in microphone.events():
            if isinstance(heard, AudioBatch):
                yield heard

    async with microphone:
        microphone.surroundings = room
        microphone.open()
        async with aclosing(batches()) as stream:
            yield microphone, stream


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("drift_ppm", DRIFTS_PPM)
@pytest.mark.parametrize("minutes", MINUTES)
async def test_no_sample_is_lost_or_doubled_on_the_way_in(
    rate_hz: int, drift_ppm: int, minutes: float
) -> None:
    front_end, ideal = FrontEnd(WIRE, SpeechGate()), Resampler(rate_hz, WIRE.rate_hz)
    beside, slip_ms, frames = Beside(), 0.0, 0
    async with numbered(rate_hz, drift_ppm) as (microphone, batches):
        first = await anext(batches)
        number = begin = microphone.clock.count(first.at_s)
        batch = first
        while number - begin < minutes * 60 * rate_hz:
            samples = len(batch.pcm) // 2
            given = front_end.process(batch).frames
            sound = counted(number, samples).tobytes()
            beside.take(b"".join(frame.pcm for frame in given), ideal.process(sound))
            for frame in given:
                taken_ms = (frames * FRAME_MS - ideal.delay_ms) / (1 + drift_ppm / 1e6)
                slip_ms = max(slip_ms, abs((frame.at_s - first.at_s) * 1000 - taken_ms))
                frames += 1
            number, batch = number + samples, await anext(batches)
    assert beside.compared >= minutes * 60 * WIRE.rate_hz - WIRE.samples(FRAME_MS)
    assert frames * FRAME_MS == pytest.approx(minutes * 60_000, abs=FRAME_MS)
    assert slip_ms <= FRAME_MS


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("drift_ppm", DRIFTS_PPM)
@pytest.mark.parametrize("minutes", MINUTES)
async def test_no_sample_is_lost_or_doubled_on_the_way_out(
    rate_hz: int, drift_ppm: int, minutes: float
) -> None:
    playback = Playback(wire=WIRE, device_rate_hz=rate_hz)
    speaker = SimSpeaker(playback, rate_hz=rate_hz, drift_ppm=drift_ppm)
    reply = counted(0, round(minutes * 60 * WIRE.rate_hz)).tobytes()
    async with speaker:
        await pour(speaker, reply, lead_ms=300)
        await asyncio.sleep(1.0)
        heard = from_pcm(speaker.heard).astype(int)
        (_, _, ended) = [event async for event in finished(speaker)]
    late = Resampler(WIRE.rate_hz, rate_hz).delay_samples
    ideal = from_pcm(build.resampled(reply, WIRE.rate_hz, rate_hz))[late:]
    begin = int(np.argmax(heard != 0)) - int(np.argmax(ideal != 0))
    assert np.abs(heard[begin : begin + len(ideal)] - ideal).max() <= 1
    assert not heard[begin + len(ideal) :].any()
    assert ended == PlaybackEnded("one", minutes * 60_000, interrupted=False)
    assert playback.underruns == 0


@pytest.mark.parametrize("drift_ppm", DRIFTS_PPM)
@pytest.mark.parametrize("minutes", MINUTES)
async def test_a_service_no_faster_than_speech_and_a_fast_card_cost_one_counted_gap_at_most(
    drift_ppm: int, minutes: float
) -> None:
    playback = Playback(wire=WIRE, device_rate_hz=48_000)
    speaker = SimSpeaker(playback, rate_hz=48_000, drift_ppm=drift_ppm, keep_s=1.0)
    async with speaker:
        await pour(speaker, counted(0, round(minutes * 60 * WIRE.rate_hz)).tobytes(), lead_ms=0)
        await asyncio.sleep(1.0)
        (_, _, ended) = [event async for event in finished(speaker)]
    assert ended == PlaybackEnded("one", minutes * 60_000, interrupted=False)
    assert playback.underruns <= 1


async def pour(speaker: SimSpeaker, pcm: bytes, *, lead_ms: float) -> None:
    """Play a long item as a service does that is no faster than speech."""
    began_s, size = now_s(), WIRE.size_bytes(BATCH_MS)
    for at in range(0, len(pcm), size):
        due_s = began_s + (WIRE.duration_ms(at) - lead_ms) / 1000
        await asyncio.sleep(max(0.0, due_s - now_s()))
        speaker.play("one", pcm[at : at + size])
    speaker.end_item("one")


async def finished(speaker: SimSpeaker) -> AsyncIterator[SpeakerEvent]:
    """What was reported, up to the end of the item."""
    async for event in speaker.events():
        yield event
        if isinstance(event, PlaybackEnded):
            return


# -- how long it takes


@pytest.mark.parametrize("batch_ms", [20, 40, 60])
async def test_what_is_said_is_on_the_wire_one_batch_and_5_ms_later(batch_ms: int) -> None:
    taken: list[tuple[int, float]] = []  # bytes up to the end of a batch, and when it began
    late_ms = []

    def note(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if isinstance(event, MicHeard) and event.frames:
            size = sum(len(frame.pcm) for frame in event.frames)
            taken.append(((taken[-1][0] if taken else 0) + size, event.frames[0].at_s))

    async with box(f"[audio]\nbatch_ms = {batch_ms}\n") as here:
        here.daemon.watchers.append(note)
        here.button.press()
        for _ in range(250):
            await until(lambda: taken)
            size, began_s = taken.pop(0)
            while here.service.audio_received_bytes < size:  # noqa: ASYNC110 - until() is too slow
                await asyncio.sleep(0.0005)
            late_ms.append((now_s() - began_s) * 1000)
        here.button.release()
    assert np.percentile(late_ms, 99) <= batch_ms + LINK_MS


async def test_the_first_sound_of_a_reply_waits_for_the_cushion_and_one_buffer_at_most() -> None:
    came_s: list[float] = []

    def note(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if isinstance(event, ReplyAudio):
            came_s.append(now_s)

    waited_ms = []
    async with box() as here:
        here.daemon.watchers.append(note)
        for _ in range(20):
            await speak(here)
            came_s.clear()
            await here.leds.shows(Pattern.IDLE, within_s=60)
            began_s = here.speaker.loud_from(came_s[0])
            assert began_s is not None
            waited_ms.append((began_s - came_s[0]) * 1000)
    assert max(waited_ms) <= CUSHION_MS + BUFFER_MS
    assert min(waited_ms) > 0
