"""In every mode somebody can talk to the box, and knows when it does not hear."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import get_args

import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.cli import ALL_MODES
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.states import Turn
from pi_voice.frames import WIRE
from pi_voice.simulate import Wishes, live
from pi_voice.simulate_habits import HABITS, Habit, Mode

each_mode = pytest.mark.parametrize("mode", HABITS)


@asynccontextmanager
async def somebody(mode: Mode) -> AsyncIterator[tuple[Simulation, Habit]]:
    """Somebody with a box that is online."""
    settings = Settings()
    settings = replace(settings, activation=replace(settings.activation, mode=mode))
    async with build.simulation(settings, WIRE) as box:
        running = asyncio.create_task(box.daemon.run())
        await box.leds.shows(Pattern.IDLE)
        yield box, HABITS[mode](box, random.Random(1))
        box.daemon.stop()
        await running


def test_there_is_a_habit_for_every_mode() -> None:
    assert set(HABITS) == set(get_args(Mode)) == set(ALL_MODES)


@each_mode
@pytest.mark.virtual
async def test_who_sees_no_light_does_not_talk(mode: Mode) -> None:
    async with somebody(mode) as (box, habit):
        box.microphone.unplug()
        await box.leds.mic(is_open=False)
        assert not await habit.begins()


@each_mode
@pytest.mark.virtual
async def test_who_sees_the_light_is_heard(mode: Mode) -> None:
    async with somebody(mode) as (box, habit):
        assert await habit.begins()
        assert box.microphone.is_open


@pytest.mark.virtual
async def test_a_second_tap_ends_the_turn_and_a_third_would_begin_another() -> None:
    async with somebody("toggle") as (box, habit):
        await habit.begins()
        await asyncio.sleep(1.0)
        await habit.ends()
        assert box.daemon.device.turn is not Turn.LISTENING
        await box.leds.shows(Pattern.IDLE)
        await habit.ends()
        assert box.daemon.device.turn is Turn.IDLE


@each_mode
@pytest.mark.off_the_wire
def test_a_good_hour_goes_well(mode: Mode) -> None:
    outcome = live(Wishes(hours=0.4, seed=3, faults="none", mode=mode))
    assert outcome.problem is None
    assert set(outcome.record.outcomes) >= {"answered", "interrupted"}
    assert not set(outcome.record.outcomes) & {"told why not", "saw that nobody hears"}


@each_mode
@pytest.mark.off_the_wire
def test_a_bad_hour_does_no_harm(mode: Mode) -> None:
    outcome = live(Wishes(hours=0.4, seed=8, mode=mode))
    assert outcome.problem is None
    assert outcome.record.outcomes["answered"] >= 5
    assert outcome.record.faults.total() >= 5
