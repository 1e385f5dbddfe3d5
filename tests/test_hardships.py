"""What a box lives through on its own board: full logs, wrong clocks, missing cards."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pi_voice import build
from pi_voice.box import Watched
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Say, Wish
from pi_voice.frames import AudioFormat
from pi_voice.journal import Journal, last_run
from pi_voice.sim.network import Network
from pi_voice.sim.parrot import SPOKEN_INPUT
from pi_voice.sim.service_records import Turn
from pi_voice.state import Memory
from tests.until import until

pytestmark = pytest.mark.virtual

BEAT_S = 5.0
HOUR_S = 3600.0
DECADE_S = 3653 * 24 * 3600.0


@asynccontextmanager
async def watched(settings: Settings | None = None) -> AsyncIterator[Simulation]:
    """A box with all that watches over it, online and idle."""
    settings = settings or Settings()
    async with build.simulation(settings, AudioFormat(24_000)) as box:
        over = Watched(settings, box.daemon, Memory())
        running = asyncio.create_task(box.daemon.run())
        beating = asyncio.create_task(beat(over))
        try:
            await box.leds.shows(Pattern.IDLE)
            yield box
        finally:
            beating.cancel()
            box.daemon.stop()
            await running


async def beat(over: Watched) -> None:
    while True:
        over.look(asyncio.get_running_loop().time(), BEAT_S)
        await asyncio.sleep(BEAT_S)


def turns_of(box: Simulation) -> list[Turn]:
    """What the service was asked, in all sessions."""
    return [turn for session in box.service.sessions for turn in session.turns]


class Minutes(logging.Handler):
    """Counts the lines of each minute of the loop's clock."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: Counter[int] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines[int(asyncio.get_running_loop().time() // 60)] += 1


@asynccontextmanager
async def counted_lines() -> AsyncIterator[Counter[int]]:
    minutes, ours = Minutes(), logging.getLogger("pi_voice")
    level = ours.level
    ours.addHandler(minutes)
    ours.setLevel(logging.INFO)
    try:
        yield minutes.lines
    finally:
        ours.removeHandler(minutes)
        ours.setLevel(level)


async def test_a_calm_hour_is_a_quiet_log() -> None:
    async with watched(), counted_lines() as lines:
        await asyncio.sleep(HOUR_S)
    assert max(lines.values(), default=0) <= 1


async def test_an_hour_without_network_fills_no_log(network: Network) -> None:
    async with watched() as box, counted_lines() as lines:
        network.stall()
        await box.leds.shows(Pattern.NO_NETWORK, within_s=60)
        await asyncio.sleep(HOUR_S)
        network.heal()
        await box.leds.shows(Pattern.IDLE, within_s=120)
    assert max(lines.values()) <= 10
    assert lines.total() <= 60


async def test_a_cable_with_a_loose_contact_fills_no_log() -> None:
    async with watched() as box, counted_lines() as lines:
        for _ in range(12):
            box.button.press()
            await asyncio.sleep(2.0)
            box.microphone.unplug()
            await asyncio.sleep(2.0)
            box.button.release()
            box.microphone.plug_in()
            await asyncio.sleep(6.0)
    assert max(lines.values()) <= 14  # six times out and in, and what it means


async def test_a_box_that_starts_without_a_microphone_finds_it_a_minute_later() -> None:
    async with watched() as box:
        box.microphone.unplug()
        box.button.press()
        await box.leds.shows(Pattern.NO_MICROPHONE)
        box.button.release()
        await asyncio.sleep(60.0)
        assert box.leds.pattern is Pattern.NO_MICROPHONE
        box.microphone.plug_in()
        await box.leds.shows(Pattern.IDLE)
        await box.button.hold(1000)
        await box.leds.shows(Pattern.SPEAKING)


@pytest.mark.parametrize("jump_s", [DECADE_S, -DECADE_S])
async def test_a_wall_clock_that_jumps_by_a_decade_is_noticed_by_nobody(
    monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    settings = replace(Settings(), limits=replace(Settings().limits, day_min=1, hour_min=1))
    true_time = time.time
    async with watched(settings) as box:
        box.button.press()
        await box.leds.shows(Pattern.LISTENING)
        monkeypatch.setattr(time, "time", lambda: true_time() + jump_s)
        await asyncio.sleep(2.0)
        box.button.release()
        await box.leds.shows(Pattern.SPEAKING)
        await box.leds.shows(Pattern.IDLE)
        monkeypatch.undo()
        await box.button.hold(1000)
        await box.leds.shows(Pattern.SPEAKING)


async def test_no_word_that_was_said_gets_into_the_log(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    journal = Journal(tmp_path)
    logging.getLogger("pi_voice").addHandler(journal)
    try:
        async with watched() as box:
            await box.button.hold(1500)
            await box.leds.shows(Pattern.SPEAKING)
            box.daemon.post(Say("xylophone"))
            await box.leds.shows(Pattern.IDLE)
            await box.leds.shows(Pattern.SPEAKING)
    finally:
        logging.getLogger("pi_voice").removeHandler(journal)
    journal.keep()
    kept = "".join(last_run(tmp_path))
    for words in (SPOKEN_INPUT, "xylophone"):
        assert words not in caplog.text + kept


async def test_without_a_speaker_the_box_says_so_listens_and_mutes() -> None:
    async with watched() as box:
        box.speaker.unplug()
        await box.button.hold(1000)
        await box.leds.shows(Pattern.NO_SPEAKER)
        await until(lambda: len(turns_of(box)) == 1)
        box.daemon.post(Cue(Wish.MUTE, 0.0))
        await box.leds.shows(Pattern.MUTED)
        box.daemon.post(Cue(Wish.UNMUTE, 0.0, local=True))
        box.speaker.plug_in()
        await box.leds.shows(Pattern.IDLE)
        await box.button.hold(1000)
        await box.leds.shows(Pattern.SPEAKING)


async def test_a_button_that_is_held_for_ten_minutes_is_one_turn_of_one() -> None:
    async with watched() as box:
        box.button.press()
        await asyncio.sleep(600.0)
        [turn] = turns_of(box)
        assert 59_000 <= len(turn.pcm) / 48 <= 61_000
        assert box.leds.pattern is Pattern.IDLE
        box.button.release()
        await box.button.hold(1000)
        await box.leds.shows(Pattern.SPEAKING)


async def test_a_card_that_overflows_every_second_still_asks_its_question() -> None:
    async with watched() as box:
        box.button.press()
        await box.leds.shows(Pattern.LISTENING)
        for _ in range(20):
            await asyncio.sleep(1.0)
            box.microphone.overflow()
        box.button.release()
        await box.leds.shows(Pattern.SPEAKING)
        [turn] = turns_of(box)
        assert len(turn.pcm) / 48 >= 18_000


async def test_a_cable_that_is_pulled_fifty_times_in_mid_word_leaves_a_box_that_works() -> None:
    async with watched() as box:
        for _ in range(50):
            box.button.press()
            await box.leds.shows(Pattern.LISTENING)
            box.microphone.unplug()
            await box.leds.shows(Pattern.NO_MICROPHONE)
            box.button.release()
            box.microphone.plug_in()
            await box.leds.shows(Pattern.IDLE)
        assert turns_of(box) == []
        await box.button.hold(1000)
        await box.leds.shows(Pattern.SPEAKING)
