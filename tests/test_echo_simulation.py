"""The whole device in a room where its microphone hears its speaker, on simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.room import Room
from pi_voice.sim.wav import read_wav
from tests.until import until

pytestmark = pytest.mark.virtual

CARD = AudioFormat(16_000)
HELLO = np.frombuffer(read_wav(Path(str(files("pi_voice.sim") / "hello.wav"))).mono, "<i2")
Echo = Literal["half_duplex", "gate", "aec", "hardware"]


@asynccontextmanager
async def box(
    echo: Echo, gain_db: float, delay_ms: float = 40.0, drift_ppm: float = 0.0
) -> AsyncIterator[Simulation]:
    """A hands-free device that is online and listens to a room with an echo."""
    settings = Settings()
    activation = replace(settings.activation, mode="voice")
    audio = replace(settings.audio, echo=echo, volume=100)
    settings = replace(settings, activation=activation, audio=audio)
    async with build.simulation(settings, CARD, drift_ppm=drift_ppm) as made:
        running = asyncio.create_task(made.daemon.run())
        try:
            await made.leds.shows(Pattern.IDLE)
            made.microphone.surroundings = Room(made.speaker, gain_db=gain_db, delay_ms=delay_ms)
            await made.leds.mic(is_open=True)
            await asyncio.sleep(2.0)  # the room is known by then
            yield made
        finally:
            made.daemon.stop()
            await running


def say(here: Simulation, gain_db: float = 0.0) -> Utterance:
    louder = np.clip(HELLO * 10 ** (gain_db / 20), -32768, 32767).astype("<i2")
    return here.microphone.say(louder.tobytes(), CARD.rate_hz)


async def ask(here: Simulation) -> None:
    """Say a sentence and hear the reply, and the room after it."""
    await say(here)
    await here.leds.shows(Pattern.SPEAKING)
    await here.leds.shows(Pattern.IDLE, within_s=60)
    await asyncio.sleep(3.0)


@pytest.fixture
def canceller() -> None:
    pytest.importorskip("livekit.rtc", reason="the extra aec is not installed: livekit")


ANSWERS = [4, pytest.param(165, marks=[pytest.mark.long, pytest.mark.timeout(900)])]  # 10 minutes


@pytest.mark.parametrize("echo", ["half_duplex", "gate"])
@pytest.mark.parametrize(("gain_db", "delay_ms"), [(-6, 20), (-12, 60), (-20, 150)])
@pytest.mark.parametrize("drift_ppm", [-100, 100])
@pytest.mark.parametrize("answers", ANSWERS)
async def test_it_never_answers_itself(
    echo: Echo, gain_db: float, delay_ms: float, drift_ppm: float, answers: int
) -> None:
    async with box(echo, gain_db, delay_ms, drift_ppm) as here:
        for _ in range(answers):
            await ask(here)
        turns = [turn for session in here.service.sessions for turn in session.turns]
        assert [turn.status for turn in turns] == ["completed"] * answers
        assert not any(session.truncations for session in here.service.sessions)


async def test_without_any_care_it_answers_itself() -> None:
    async with box("hardware", -12) as here:
        await say(here)
        await until(lambda: len(here.service.sessions[0].turns) > 1)


@pytest.mark.parametrize("gain_db", [-20, -12])
async def test_a_loud_voice_over_a_reply_interrupts_it_and_is_answered(gain_db: float) -> None:
    async with box("gate", gain_db) as here:
        await ask(here)
        await say(here)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(1.0)
        said = say(here, 12.0)
        session = here.service.sessions[0]
        await until(partial(len, session.truncations))
        assert here.log.turns[1].interrupted_s is not None
        assert said.began_s < here.log.turns[1].interrupted_s < said.ends_s
        await here.leds.shows(Pattern.SPEAKING, within_s=60)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        await asyncio.sleep(3.0)
        assert len(session.turns) == 3
        spoken_ms = (said.ends_s - said.began_s) * 1000
        assert WIRE.duration_ms(len(session.turns[2].pcm)) > 0.7 * spoken_ms


async def test_half_a_duplex_lets_only_the_button_interrupt() -> None:
    async with box("half_duplex", -20) as here:
        await ask(here)
        await say(here)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(1.0)
        say(here, 12.0)
        await asyncio.sleep(0.5)
        assert here.service.sessions[0].truncations == []
        await here.button.hold(60)
        await until(partial(len, here.service.sessions[0].truncations))


@pytest.mark.usefixtures("canceller")
@pytest.mark.parametrize(("gain_db", "delay_ms"), [(-6, 20), (-12, 60), (-20, 150)])
async def test_with_its_echo_cancelled_it_never_answers_itself(
    gain_db: float, delay_ms: float
) -> None:
    async with box("aec", gain_db, delay_ms) as here:
        for _ in range(4):
            await ask(here)
        assert [turn.status for turn in here.service.sessions[0].turns] == ["completed"] * 4
        assert here.service.sessions[0].truncations == []


@pytest.mark.usefixtures("canceller")
async def test_with_its_echo_cancelled_a_voice_as_loud_as_the_echo_interrupts() -> None:
    async with box("aec", -6) as here:
        for _ in range(3):
            await ask(here)
        await say(here)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(0.5)
        say(here)
        await until(partial(len, here.service.sessions[0].truncations))
