"""The whole device on a real sound card in real time: a sentence in, the parrot's reply out."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.daemon import Daemon
from pi_voice.health import Health
from pi_voice.overview import Overview
from pi_voice.sim.panel import SimButton, SimLeds
from pi_voice.sim.server import EmbeddedService
from pi_voice.state import Memory
from tests.rigs.sound.card import SoundCard

pytest_plugins = ["tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa

HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
RATE_HZ = 48_000
LOUD = 100.0  # of samples, rms: above it a part is speech


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


@dataclass(frozen=True)
class Box:
    button: SimButton
    leds: SimLeds
    overview: Overview
    service: EmbeddedService


@contextlib.asynccontextmanager
async def box() -> AsyncIterator[Box]:
    """The whole device with its ears and mouth on the card of the rig."""
    settings = Settings()
    audio = replace(settings.audio, microphone=SoundCard.MICROPHONE, speaker=SoundCard.SPEAKER)
    settings = replace(settings, audio=audio)
    button, leds = SimButton(), SimLeds()
    async with EmbeddedService() as service:
        parts = build.hardware(settings, service.url, Memory())
        daemon = Daemon(build.device(settings), replace(parts, button=button, leds=leds))
        overview = Overview(daemon.device, Health(), dict, "rig")
        daemon.watchers.append(overview)
        living = asyncio.create_task(daemon.run())
        try:
            await leds.shows(Pattern.IDLE)
            yield Box(button, leds, overview, service)
        finally:
            daemon.stop()
            await living


async def test_a_sentence_in_the_room_comes_back_out_of_the_speaker(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    reply = tmp_path / "reply.wav"
    async with box() as here, sound_card.recording(reply):
        await ask(here, sound_card)
        await here.leds.shows(Pattern.IDLE, within_s=60)
    said = np.frombuffer(
        build.resampled(samples(HELLO).astype("<i2").tobytes(), 16_000, RATE_HZ), "<i2"
    )
    heard = samples(reply)
    loud = [part for part in np.array_split(said.astype(np.float64), 12) if part.std() > LOUD]
    # a machine under load may put a gap into a real-time sound: then one part is not like its own
    assert np.median([likeness(part, heard) for part in loud]) > 0.95


async def test_a_microphone_that_is_taken_away_in_mid_turn_ends_the_turn_and_comes_back(
    sound_card: SoundCard,
) -> None:
    async with box() as here:
        here.button.press()
        await here.leds.shows(Pattern.LISTENING)
        await sound_card.cut_streams()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        told = here.overview.status(asyncio.get_running_loop().time())
        here.button.release()
        assert (told.turn, told.microphone) == ("idle", "lost")
        assert "was taken away" in told.microphone_reason
        await here.leds.shows(Pattern.IDLE, within_s=60)
        assert here.service.sessions[0].turns == []
        await ask(here, sound_card)
        assert len(here.service.sessions[0].turns) == 1


async def ask(here: Box, card: SoundCard) -> None:
    """Say a sentence, up to the first sound of the reply."""
    here.button.press()
    await here.leds.shows(Pattern.LISTENING)
    await card.say(HELLO)
    here.button.release()
    await here.leds.shows(Pattern.SPEAKING)
