from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from pi_voice import build
from pi_voice.config import Settings, parse
from pi_voice.core.actions import Pattern
from pi_voice.core.events import MicClosed, MicLost, MicOpened
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioBatch, AudioFormat
from pi_voice.lit import LOOK_S, LitMicrophone
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.panel import SimLeds
from tests.test_sim_microphone import Listener, now_s, speech
from tests.until import until

pytestmark = pytest.mark.virtual

BROKEN = DeviceError("light on GPIO 17", "is in use by 'blink'", "Free the pin")
DARK = MicLost(
    "the microphone stays closed: light on GPIO 17 is in use by 'blink'. Free the pin, "
    "or set [privacy] led_required = false"
)


@dataclass(frozen=True)
class Box:
    card: SimMicrophone
    microphone: LitMicrophone
    leds: SimLeds
    listener: Listener


@asynccontextmanager
async def box(*problems: DeviceError) -> AsyncIterator[Box]:
    card, leds, listener = SimMicrophone(), SimLeds(), Listener()
    leds.problems = list(problems)
    microphone = LitMicrophone(card, lambda: leds.problems)
    async with microphone:
        listening = asyncio.ensure_future(listener.listen(microphone))
        yield Box(card, microphone, leds, listener)
    await listening


async def test_with_a_light_it_is_the_microphone_that_it_wraps() -> None:
    async with box() as here:
        here.microphone.open()
        await until(lambda: here.listener.batches)
        said = await here.card.say(speech(16_000), 16_000)
        await asyncio.sleep(0.1)
        here.microphone.close()
        await until(lambda: not here.card.is_open)
    assert here.listener.events == [MicOpened(), MicClosed()]
    assert bytes(said.heard) in here.listener.pcm
    assert here.card.dropped == 0


async def test_in_the_dark_nothing_is_opened_and_the_reason_comes_instead() -> None:
    async with box(BROKEN) as here:
        here.microphone.open()
        await asyncio.sleep(60)
        assert here.listener.all == [DARK]
        assert here.card.delivered == 0


async def test_another_problem_is_told() -> None:
    async with box(BROKEN) as here:
        here.microphone.open()
        here.leds.problems = [DeviceError("light", "is not configured", "Set [leds] driver")]
        await asyncio.sleep(60)
        assert len(here.listener.events) == 2


async def test_it_opens_as_soon_as_it_sees_light() -> None:
    async with box(BROKEN) as here:
        here.microphone.open()
        await asyncio.sleep(31)
        here.leds.problems.clear()
        await asyncio.sleep(LOOK_S + 0.1)
        assert here.listener.events == [DARK, MicOpened()]
        await until(lambda: here.listener.batches)


async def test_a_light_that_fails_closes_it_before_it_is_told_and_nothing_more_is_heard() -> None:
    async with box() as here:
        here.microphone.open()
        await until(lambda: here.listener.batches)
        here.leds.problems.append(BROKEN)
        heard = len(here.listener.batches)
        await until(lambda: DARK in here.listener.all)
        assert not here.card.is_open
        assert len(here.listener.batches) == heard
        await asyncio.sleep(60)
        assert here.listener.events == [MicOpened(), DARK]


async def test_a_light_that_comes_and_goes_is_followed() -> None:
    async with box() as here:
        here.microphone.open()
        for _ in range(5):
            await until(lambda: here.card.is_open)
            here.leds.problems.append(BROKEN)
            await asyncio.sleep(5)
            assert not here.card.is_open
            here.leds.problems.clear()
            await asyncio.sleep(5)
        assert here.listener.events == [MicOpened(), DARK] * 5 + [MicOpened()]


@pytest.mark.parametrize("after_s", [0.0, 0.041, 0.045, 1.0, 2.0])
async def test_a_close_is_answered_once_whatever_the_lights_did_before(after_s: float) -> None:
    async with box() as here:
        here.microphone.open()
        await until(lambda: here.listener.batches)
        here.leds.problems.append(BROKEN)
        await asyncio.sleep(after_s)
        here.microphone.close()
        await asyncio.sleep(10)
        assert not here.card.is_open
        assert here.listener.events[-1] == MicClosed()
        assert here.listener.events.count(MicClosed()) == 1
        assert here.listener.events.count(DARK) <= 1


async def test_what_was_never_opened_is_closed_at_once_and_not_looked_for() -> None:
    async with box(BROKEN) as here:
        here.microphone.open()
        here.microphone.close()
        here.leds.problems.clear()
        await asyncio.sleep(60)
        assert here.listener.all == [DARK, MicClosed()]
        assert not here.card.is_open


async def test_each_wish_in_the_dark_gets_its_answer() -> None:
    async with box(BROKEN) as here:
        for _ in range(3):
            here.microphone.open()
            here.microphone.close()
        await asyncio.sleep(1)
        assert here.listener.all == [DARK, MicClosed()] * 3


async def test_a_light_that_is_mended_while_it_is_looked_at_is_no_fault() -> None:
    looks = iter([[], [BROKEN], [], []])
    card, listener = SimMicrophone(), Listener()
    async with LitMicrophone(card, lambda: next(looks, [])) as microphone:
        listening = asyncio.ensure_future(listener.listen(microphone))
        microphone.open()
        await until(lambda: listener.events == [MicOpened(), DARK, MicOpened()])
    await listening


class Slow(SimMicrophone):
    """Its card takes long to close."""

    async def _run(self) -> None:
        await asyncio.sleep(3600)

    def open(self) -> None:
        self._mailbox.post(MicOpened())

    def close(self) -> None:
        pass

    def hear(self) -> None:
        self._mailbox.post(AudioBatch(bytes(1280), self.format, now_s()))

    def has_closed(self) -> None:
        self._mailbox.post(MicClosed())


@asynccontextmanager
async def darkened() -> AsyncIterator[tuple[Slow, LitMicrophone, SimLeds, Listener]]:
    """A microphone that was open when its light failed, and is not closed yet."""
    card, leds, listener = Slow(), SimLeds(), Listener()
    async with LitMicrophone(card, lambda: leds.problems) as microphone:
        listening = asyncio.ensure_future(listener.listen(microphone))
        microphone.open()
        leds.problems.append(BROKEN)
        card.hear()
        await asyncio.sleep(3 * LOOK_S)
        assert listener.all == [MicOpened()]
        yield card, microphone, leds, listener
        listening.cancel()


async def test_it_is_lost_only_when_the_handle_is_given_back() -> None:
    async with darkened() as (card, _, _, listener):
        card.has_closed()
        await asyncio.sleep(3 * LOOK_S)
        assert listener.all == [MicOpened(), DARK]


async def test_it_is_not_opened_again_before_the_handle_is_given_back() -> None:
    async with darkened() as (card, _, leds, listener):
        leds.problems.clear()
        await asyncio.sleep(3 * LOOK_S)
        assert listener.all == [MicOpened()]
        card.has_closed()
        await asyncio.sleep(3 * LOOK_S)
        assert listener.all == [MicOpened(), DARK, MicOpened()]


async def test_who_gives_it_up_meanwhile_hears_of_the_close_alone() -> None:
    async with darkened() as (card, microphone, _, listener):
        microphone.close()
        card.has_closed()
        await asyncio.sleep(3 * LOOK_S)
        assert listener.all == [MicOpened(), MicClosed()]


class Cracked(SimMicrophone):
    async def events(self) -> AsyncIterator[MicOpened]:
        raise ZeroDivisionError("a fault of ours")
        yield MicOpened()


async def test_a_fault_of_the_microphone_reaches_whoever_listens() -> None:
    async with LitMicrophone(Cracked(), list) as microphone:
        with pytest.raises(ZeroDivisionError):
            await anext(microphone.events())


# -- in the whole box

LIT = "[privacy]\nled_required = true\n[limits]\nidle_hang_up_min = 0\n"


@asynccontextmanager
async def simulated(settings: Settings) -> AsyncIterator[build.Simulation]:
    async with build.simulation(settings, AudioFormat(16_000)) as made:
        running = asyncio.create_task(made.daemon.run())
        await made.leds.shows(Pattern.IDLE)
        yield made
        made.daemon.stop()
        await running


async def test_a_press_in_the_dark_is_no_turn_and_with_the_light_all_is_well_again() -> None:
    async with simulated(parse(LIT)) as here:
        here.leds.problems.append(BROKEN)
        here.button.press()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        here.button.release()
        await asyncio.sleep(30)
        assert not any(shown.mic_is_open for shown in here.leds.shown)
        assert here.microphone.delivered == 0
        here.leds.problems.clear()
        await here.leds.shows(Pattern.IDLE, within_s=LOOK_S + 1)
        here.button.press()
        await here.leds.mic(is_open=True)
        await here.microphone.say(speech(16_000), 16_000)
        here.button.release()
        await here.leds.shows(Pattern.SPEAKING)


async def test_a_light_that_fails_in_mid_word_ends_the_turn() -> None:
    async with simulated(parse(LIT)) as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        here.leds.problems.append(BROKEN)
        await here.leds.mic(is_open=False, within_s=0.1)
        assert not here.microphone.is_open
        here.button.release()
        await asyncio.sleep(10)
        assert not here.service.sessions[0].turns


async def test_who_does_not_ask_for_a_light_gets_the_bare_microphone() -> None:
    async with simulated(Settings()) as here:
        assert here.daemon.parts.microphone is here.microphone
