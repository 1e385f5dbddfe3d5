"""The mixer of the real libasound, on the controls that a sound server gives it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from pi_voice.audio.alsa import Chatter
from pi_voice.audio.alsa_mixer import AlsaMixer
from pi_voice.audio.mixer import CardVolume, gain
from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.frames import SAMPLE_BYTES, WIRE
from tests.listeners import Mouth, running
from tests.rigs.sound.card import SoundCard
from tests.until import until

pytest_plugins = ["tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa


@pytest.fixture(autouse=True)
def _chatter() -> Iterator[None]:
    chatter = Chatter()
    chatter.install()  # which lets libasound read where this test's card is
    yield
    chatter.restore()


def server(card: SoundCard, *command: str) -> str:
    done = subprocess.run(
        ["pactl", *command], env=card._environment(), check=True, capture_output=True, text=True
    )
    return done.stdout


def percent(card: SoundCard) -> set[int]:
    told = server(card, "get-sink-volume", "@DEFAULT_SINK@")
    return {int(found) for found in re.findall(r"(\d+)%", told)}


def test_the_controls_have_names_and_spans(sound_card: SoundCard) -> None:
    with AlsaMixer("default") as controls:
        (master,) = [control for control in controls if control.name == "Master"]
        assert master.span.low < master.span.high


def test_a_control_without_decibels_says_so(sound_card: SoundCard) -> None:
    with AlsaMixer("default") as controls:
        for control in controls:
            assert control.span_db is None
            with pytest.raises(OSError, match="[A-Z]"):
                control.set_db(-10)


@pytest.mark.parametrize("wanted", [0, 30, 100])
def test_the_volume_is_set_and_the_muting_ended(sound_card: SoundCard, wanted: int) -> None:
    server(sound_card, "set-sink-mute", "@DEFAULT_SINK@", "1")
    volume = CardVolume(wanted, "Master", AlsaMixer)
    assert volume.set(None, "default") == (1.0 if wanted else 0.0)
    assert percent(sound_card) == {wanted}
    assert "no" in server(sound_card, "get-sink-mute", "@DEFAULT_SINK@")


def test_a_mixer_is_closed_in_the_end(sound_card: SoundCard) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with AlsaMixer("default") as controls:
            assert controls
            assert len(os.listdir("/proc/self/fd")) > before
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_card_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="No such"), AlsaMixer("hw:31"):
        pass
    assert CardVolume(50, "auto", AlsaMixer).set(31, "") == gain(50)


async def test_a_speaker_turns_its_card_when_it_opens(sound_card: SoundCard) -> None:
    volume = CardVolume(40, "Master", AlsaMixer)
    made: list[Playback] = []

    def make(rate_hz: int) -> Playback:
        made.append(Playback(wire=WIRE, device_rate_hz=rate_hz))
        return made[-1]

    speaker = PyAudioSpeaker(
        "default",
        PortAudio(),
        make,
        buffer_ms=100,
        volume=lambda stream: volume.set(stream.card, stream.pcm),
    )
    async with speaker:
        mouth = Mouth(speaker)
        async with running(mouth.listen()):
            assert await asyncio.to_thread(percent, sound_card) == {100}
            speaker.play_sound(bytes(SAMPLE_BYTES))  # so that its stream runs
            await until(lambda: mouth.openings)
            assert await asyncio.to_thread(percent, sound_card) == {40}
    assert made[0].volume == 1.0
