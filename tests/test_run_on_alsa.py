"""The whole device on a real sound card in real time: a sentence in, the parrot's reply out."""

from __future__ import annotations

import asyncio
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.daemon import Daemon
from pi_voice.sim.panel import SimButton, SimLeds
from pi_voice.sim.server import EmbeddedService
from pi_voice.state import Memory
from tests.rigs.sound.card import SoundCard

pytest_plugins = ["tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa

HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
RATE_HZ = 48_000


def samples(path: Path) -> NDArray[np.float64]:
    """The first channel."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm[:: file.getnchannels()].astype(np.float64)


def likeness(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    """The best correlation of a part with any place of the whole."""
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole) - len(part) + 1]))
    found = whole[at : at + len(part)]
    return float(found @ part / (np.linalg.norm(found) * np.linalg.norm(part)))


async def test_a_sentence_in_the_room_comes_back_out_of_the_speaker(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    settings = Settings()
    audio = replace(settings.audio, microphone=SoundCard.MICROPHONE, speaker=SoundCard.SPEAKER)
    settings = replace(settings, audio=audio)
    button, leds, reply = SimButton(), SimLeds(), tmp_path / "reply.wav"
    async with EmbeddedService() as service:
        parts = replace(build.hardware(settings, service.url, Memory()), button=button, leds=leds)
        daemon = Daemon(build.device(settings), parts)
        running = asyncio.create_task(daemon.run())
        await leds.shows(Pattern.IDLE)
        async with sound_card.recording(reply):
            button.press()
            await leds.shows(Pattern.LISTENING)
            await sound_card.say(HELLO)
            button.release()
            await leds.shows(Pattern.SPEAKING)
            await leds.shows(Pattern.IDLE, within_s=60)
        daemon.stop()
        await running
    said = np.frombuffer(
        build.resampled(samples(HELLO).astype("<i2").tobytes(), 16_000, RATE_HZ), "<i2"
    )
    assert likeness(said.astype(np.float64), samples(reply)) > 0.95
