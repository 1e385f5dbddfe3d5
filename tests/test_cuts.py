"""Cut links on real sockets, in real time, many boxes side by side."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.states import Turn
from pi_voice.daemon import Daemon
from pi_voice.frames import WIRE
from pi_voice.retry import WORKING_S
from pi_voice.simulate import percentile
from pi_voice.simulate_person import speech
from pi_voice.simulate_record import Record
from pi_voice.transport.link import ServiceLink
from tests.rigs.network.proxy import ChaosProxy
from tests.until import until

SPEECH = speech(WIRE.rate_hz)
WORST_S = 20.0  # twice what is promised, because this machine has other things to do
PATIENCE_S = 60.0
SHORT_S, LONG_S = (0.2, 3.0), (0.2, 120.0)


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to lose the link for a while.

    Attributes:
        stalled: Nothing moves; otherwise every connection is reset, and new ones too.
        talking: While somebody talks; otherwise while nobody does.
        down_s: How long.
    """

    stalled: bool
    talking: bool
    down_s: float


@dataclass(frozen=True, slots=True)
class Cuttable:
    """A box whose link can be cut."""

    box: Simulation
    record: Record


@asynccontextmanager
async def cuttable() -> AsyncIterator[tuple[Cuttable, ChaosProxy]]:
    settings, record = Settings(), Record()
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(build.simulation(settings, WIRE))
        port = urlsplit(made.service.url).port
        assert port is not None
        proxy = await stack.enter_async_context(ChaosProxy(port))
        url = made.service.url.replace(str(port), str(proxy.port))
        parts = replace(made.daemon.parts, link=ServiceLink(build.link_settings(settings, url)))
        daemon = Daemon(build.device(settings), parts, record)
        running = asyncio.create_task(daemon.run())
        box = replace(made, daemon=daemon)
        try:
            await box.leds.shows(Pattern.IDLE)
            yield Cuttable(box, record), proxy
        finally:
            proxy.heal()
            daemon.stop()
            await running


async def suffer(here: Cuttable, proxy: ChaosProxy, cut: Cut) -> float:
    """Cut the link and let it heal; returns how long it took to be online again after that."""
    loop = asyncio.get_running_loop()
    if cut.talking:
        here.box.button.press()
        await here.box.leds.mic(is_open=True)
        here.box.microphone.say(SPEECH, WIRE.rate_hz)
        await asyncio.sleep(1.0)
    if cut.stalled:
        proxy.stall()
    else:
        proxy.refuse()
        proxy.reset()
    await asyncio.sleep(cut.down_s)
    proxy.heal()
    healed_s = loop.time()
    await asyncio.sleep(0)
    await until(lambda: here.record.online, within_s=WORST_S)
    took_s = loop.time() - healed_s
    here.box.button.release()
    await until(lambda: here.box.daemon.device.turn is Turn.IDLE, within_s=60)
    await answers(here)
    return took_s


async def answers(here: Cuttable) -> None:
    """Ask something and hear the answer; who is told that it did not arrive asks again."""
    asked_s = asyncio.get_running_loop().time()
    while not here.record.heard_whole(asked_s):
        again_s = asyncio.get_running_loop().time()
        assert again_s - asked_s < PATIENCE_S, "no answer, whatever is asked"
        await until(lambda: here.record.online, within_s=WORST_S)
        here.box.button.press()
        await here.box.leds.mic(is_open=True)
        await here.box.microphone.say(SPEECH[:48_000], WIRE.rate_hz)
        here.box.button.release()
        await until(partial(came_of, here, again_s), within_s=PATIENCE_S)


def came_of(here: Cuttable, asked_s: float) -> bool:
    """An answer, or the news that there is none."""
    told = here.record.told_since(asked_s) is not None
    return bool(here.record.heard_whole(asked_s)) or told


def cuts(count: int, down_s: tuple[float, float], seed: int) -> list[Cut]:
    """Half of them stalled and half reset, half while talking."""
    chance = random.Random(seed)
    kinds = [(bool(number & 1), bool(number & 2)) for number in range(count)]
    return [Cut(stalled, talking, chance.uniform(*down_s)) for stalled, talking in kinds]


async def one_after_the_other(todo: list[Cut]) -> list[float]:
    took_s: list[float] = []
    async with cuttable() as (here, proxy):
        for cut in todo:
            if took_s:
                await asyncio.sleep(WORKING_S + 1)  # sooner it would be the same outage
            took_s.append(await suffer(here, proxy, cut))
    return took_s


async def side_by_side(boxes: int, todo: list[Cut]) -> list[float]:
    shares = [todo[number::boxes] for number in range(boxes)]
    took = await asyncio.gather(*(one_after_the_other(share) for share in shares))
    return sorted(seconds for each in took for seconds in each)


def tell(took_s: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    figures = [percentile(took_s, share) for share in (0.5, 0.95, 1.0)]
    with capsys.disabled():
        print(  # noqa: T201  # a figure people ask for
            f"\nonline again after {len(took_s)} cuts: median {figures[0]:.2f} s, "
            f"p95 {figures[1]:.2f} s, worst {figures[2]:.2f} s"
        )


async def test_boxes_recover_from_cuts(capsys: pytest.CaptureFixture[str]) -> None:
    took_s = await side_by_side(20, cuts(20, SHORT_S, seed=1))
    tell(took_s, capsys)
    assert len(took_s) == 20


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_boxes_recover_from_500_cuts(capsys: pytest.CaptureFixture[str]) -> None:
    took_s = await side_by_side(100, cuts(500, LONG_S, seed=2))
    tell(took_s, capsys)
    assert len(took_s) == 500
