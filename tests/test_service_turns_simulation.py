"""A whole device whose turns the service finds, on simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import parse
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from tests.test_simulation import CARD, SPEECH, now_s, run
from tests.until import until

pytestmark = pytest.mark.virtual


@asynccontextmanager
async def box(mode: str = "server", more: str = "") -> AsyncIterator[Simulation]:
    """A device that is online and hears."""
    text = f'[activation]\nmode = "{mode}"\n[audio]\necho = "hardware"\n{more}'
    async with build.simulation(parse(text), CARD) as made, run(made):
        await made.leds.shows(Pattern.IDLE)
        await made.leds.mic(is_open=True)
        yield made


@pytest.mark.parametrize("mode", ["server", "semantic"])
async def test_x(mode: str) -> None:
    async with box(mode) as here:
        await asyncio.sleep(3)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        print(here.leds.shown)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        print(here.leds.shown, here.log.turns)
