"""A cable that is pulled, between two network namespaces of one machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.daemon import Daemon
from pi_voice.frames import WIRE
from pi_voice.retry import WORKING_S
from pi_voice.simulate_record import Record
from pi_voice.transport.link import ServiceLink
from tests.rigs.network.namespace import Namespace, reason_to_skip
from tests.test_cuts import SPEECH, WORST_S, Cuttable, answers, tell
from tests.until import until

pytestmark = pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip()))


@asynccontextmanager
async def cabled(number: int) -> AsyncIterator[tuple[Cuttable, Namespace]]:
    """A box whose service is at the other end of a cable."""
    settings, record = Settings(), Record()
    async with Namespace(number) as there, build.simulation(settings, WIRE) as made:
        link = ServiceLink(build.link_settings(settings, there.url))
        daemon = Daemon(build.device(settings), replace(made.daemon.parts, link=link), record)
        running = asyncio.create_task(daemon.run())
        try:
            await made.leds.shows(Pattern.IDLE)
            yield Cuttable(replace(made, daemon=daemon), record), there
        finally:
            daemon.stop()
            await running


async def pulls(number: int, count: int, longest_s: float) -> list[float]:
    """Pull the cable at either end, while somebody talks or not; seconds until online again."""
    chance, took_s = random.Random(number), list[float]()
    async with cabled(number) as (here, there):
        for turn in range(count):
            if took_s:
                await asyncio.sleep(WORKING_S + 1)
            if (number + turn) % 4 < 2:
                here.box.button.press()
                await here.box.leds.mic(is_open=True)
                here.box.microphone.say(SPEECH, WIRE.rate_hz)
                await asyncio.sleep(0.5)
            await (there.pull_here if (number + turn) % 2 else there.pull_there)()
            await asyncio.sleep(chance.uniform(0.2, longest_s))
            await there.plug_in()
            took_s.append(await back_online(here))
            here.box.button.release()
            await until(lambda: here.box.leds.pattern is Pattern.IDLE, within_s=60)
            await answers(here)
    return took_s


async def back_online(here: Cuttable) -> float:
    loop = asyncio.get_running_loop()
    plugged_s = loop.time()
    await until(lambda: here.record.online, within_s=WORST_S)
    return loop.time() - plugged_s


async def test_boxes_recover_from_a_pulled_cable(capsys: pytest.CaptureFixture[str]) -> None:
    took = await asyncio.gather(*(pulls(number, 1, 2.0) for number in range(4)))
    tell(sorted(sum(took, [])), capsys)
    assert len(took) == 4


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_boxes_recover_from_500_pulled_cables(capsys: pytest.CaptureFixture[str]) -> None:
    took = await asyncio.gather(*(pulls(number, 10, 120.0) for number in range(50)))
    tell(sorted(sum(took, [])), capsys)
    assert sum(map(len, took)) == 500
