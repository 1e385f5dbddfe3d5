"""The calibration of a device, on simulated cards that share a room."""

from __future__ import annotations

import pytest

from pi_voice import calibration
from pi_voice.audio.calibrate import Measured
from pi_voice.audio.playback import Playback
from pi_voice.errors import PiVoiceError
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.room import Room
from pi_voice.sim.speaker import SimSpeaker

pytestmark = pytest.mark.virtual

GAIN = 0.5


class House:
    """A microphone and a speaker, not entered yet."""

    def __init__(self, rate_hz: int = 48_000) -> None:
        playback = Playback(wire=WIRE, device_rate_hz=48_000)
        playback.volume = GAIN
        self.speaker = SimSpeaker(playback)
        self.microphone = SimMicrophone(format=AudioFormat(rate_hz, 2))

    async def calibrate(self, channel: int | None = None) -> Measured:
        return await calibration.calibrate(
            self.microphone, self.speaker, wire=WIRE, gain=lambda: GAIN, channel=channel
        )


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize(("gain_db", "delay_ms"), [(-6, 10), (-18, 120)])
async def test_the_room_is_measured_with_any_card(
    rate_hz: int, gain_db: float, delay_ms: float
) -> None:
    house = House(rate_hz)
    house.microphone.surroundings = Room(house.speaker, gain_db=gain_db, delay_ms=delay_ms)
    found = await house.calibrate(channel=1)
    assert found.leak_db == pytest.approx(gain_db, abs=0.5)
    assert found.delay_ms == pytest.approx(delay_ms, abs=2)
    assert found.room_db < -75
    assert not house.microphone.is_open


async def test_a_speaker_that_nobody_hears_is_not_measured() -> None:
    assert (await House().calibrate()).leak_db is None


async def test_a_lost_microphone_is_one_sentence() -> None:
    house = House()
    house.microphone.unplug()
    with pytest.raises(PiVoiceError, match="simulated microphone"):
        await house.calibrate()


async def test_a_lost_speaker_is_one_sentence() -> None:
    house = House()
    house.speaker.unplug()
    with pytest.raises(PiVoiceError, match="simulated speaker"):
        await house.calibrate()


async def test_a_microphone_that_says_nothing_is_not_waited_for_for_ever() -> None:
    house = House()
    house.microphone.trickle(every=1_000_000)
    with pytest.raises(PiVoiceError) as caught:
        await house.calibrate()
    assert str(caught.value) == (
        "the microphone or the speaker gave no sound within 30 s. Run: pi-voice devices"
    )


def test_what_was_measured_ends_in_lines_to_paste() -> None:
    assert list(calibration.lines(Measured(-62.4, -37.0, -20.2, 43.0))) == [
        "The room: 62 dB below full scale",
        "The echo: -20 dB of what is played, 43 ms later",
        "Put this into the configuration, because a voice is louder than an echo of -20 dB:",
        "",
        "[audio]",
        'echo = "gate"',
    ]


def test_no_echo_is_told_with_what_to_look_after() -> None:
    said = list(calibration.lines(Measured(-96.0)))
    assert said[:2] == ["The room: 96 dB below full scale", "The echo: none"]
    assert said[-1] == 'echo = "hardware"'
    assert len(said) == 8
