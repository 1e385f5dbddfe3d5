from __future__ import annotations

import asyncio
import math
from array import array

import pytest

from pi_voice.audio.playback import Playback
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.room import Room
from pi_voice.sim.speaker import SimSpeaker
from tests.test_sim_microphone import heard
from tests.test_sim_speaker import Queue

pytestmark = pytest.mark.virtual

RATE_HZ = 48_000


def tone(seconds: float, height: int = 20_000, hz: float = 440.0) -> bytes:
    step = 2 * math.pi * hz / RATE_HZ
    count = int(seconds * RATE_HZ)
    return array("h", (round(height * math.sin(step * n)) for n in range(count))).tobytes()


def loud(pcm: bytes, above: int = 10) -> list[int]:
    return [place for place, sample in enumerate(array("h", pcm)) if abs(sample) > above]


async def test_a_silent_speaker_has_no_echo() -> None:
    async with SimSpeaker(Queue()) as speaker:
        room = Room(speaker)
        microphone = SimMicrophone(noise_lsb=0)
        microphone.surroundings = room
        speaker.prepare()
        async with heard(microphone) as listener:
            await asyncio.sleep(1)
        assert listener.pcm.strip(b"\0") == b""
        assert room(speaker.clock.origin_s, 640, 16_000) is None


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
async def test_the_echo_comes_as_late_and_as_loud_as_the_room_makes_it(rate_hz: int) -> None:
    microphone = SimMicrophone(format=AudioFormat(rate_hz), noise_lsb=0)
    async with SimSpeaker(Queue()) as speaker, heard(microphone) as listener:
        microphone.surroundings = Room(speaker, gain_db=-20, delay_ms=37)
        speaker.play_sound(tone(0.5))
        await asyncio.sleep(2)
        played_s = speaker.loud_from(0)
        assert played_s is not None
        places = loud(listener.pcm)
        begins_s = listener.batches[0].at_s + places[0] / rate_hz
        assert begins_s - played_s == pytest.approx(0.037, abs=0.001)
        assert (places[-1] - places[0]) / rate_hz == pytest.approx(0.5, abs=0.002)
        assert max(map(abs, array("h", listener.pcm))) == pytest.approx(2_000, rel=0.01)


async def test_an_echo_keeps_its_shape_between_two_rates() -> None:
    microphone = SimMicrophone(format=AudioFormat(16_000), noise_lsb=0)
    async with SimSpeaker(Queue()) as speaker, heard(microphone) as listener:
        microphone.surroundings = Room(speaker, gain_db=0, delay_ms=0)
        speaker.play_sound(tone(0.5, hz=200))
        await asyncio.sleep(1)
    samples = array("h", listener.pcm)
    begin = loud(listener.pcm)[0]
    crossings = [n for n in range(begin, begin + 7_900) if (samples[n] < 0) != (samples[n + 1] < 0)]
    assert len(crossings) == pytest.approx(2 * 200 * 7_900 / 16_000, abs=2)


async def test_the_echo_of_a_fast_card_comes_ever_earlier() -> None:
    microphone = SimMicrophone(format=AudioFormat(RATE_HZ), noise_lsb=0)
    playing = SimSpeaker(Queue(), drift_ppm=1000)
    async with playing as speaker, heard(microphone) as listener:
        microphone.surroundings = Room(speaker, gain_db=0, delay_ms=0)
        speaker.play_sound(tone(10, hz=50))
        await asyncio.sleep(12)
    places = loud(listener.pcm)
    assert (places[-1] - places[0]) / RATE_HZ == pytest.approx(10 / 1.001, abs=0.002)


async def test_an_echo_that_is_too_loud_is_clipped() -> None:
    async with SimSpeaker(Queue()) as speaker:
        room = Room(speaker, gain_db=40, delay_ms=0)
        speaker.play_sound(tone(0.5))
        await asyncio.sleep(1)
        began_s = speaker.loud_from(0)
        assert began_s is not None
        echo = room(began_s, 1_000, RATE_HZ)
        assert echo is not None
        assert (max(echo), min(echo)) == (32_767, -32_767)


async def test_the_real_playback_is_heard_by_the_microphone() -> None:
    microphone = SimMicrophone(noise_lsb=0)
    playback = Playback(wire=WIRE, device_rate_hz=RATE_HZ)
    async with SimSpeaker(playback) as speaker, heard(microphone):
        microphone.surroundings = Room(speaker, gain_db=-6)
        speaker.play("a", tone(1))
        await asyncio.sleep(0.6)
        assert microphone.level_db > -15
