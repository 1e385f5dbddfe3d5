"""Mute under systemd, over and over: no recording stream, no byte, and a light that is true."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from pi_voice.control_wire import Verb
from pi_voice.sim.server import EmbeddedService
from tests.outside import MIC_LED, MUTE, SETTINGS, Outside, figures
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.sound.card import SoundCard
from tests.rigs.systemd.box import Box
from tests.rigs.systemd.image import Image
from tests.test_systemd_endings import boxed
from tests.until import until

pytest_plugins = [
    "tests.rigs.systemd.plugin",
    "tests.rigs.sound.plugin",
    "tests.rigs.gpio.plugin",
]
pytestmark = [
    pytest.mark.alsa,
    # the first run makes a Debian and fetches what goes into it
    pytest.mark.timeout(1800),
]

PROMISED_S = 0.1  # from the acknowledgment until nothing records and nothing is sent
AGREED_S = 2.0  # a card on a busy machine delivers its first sound by then
LOOK_S = 0.05  # between two looks at the light
CONTACT_S = 0.06  # more than the contact of a button may bounce
SAID_S = 0.2
# of a muted box, and how often; a link that is cut all the time is given a rest
DISTURBANCES = {"none": 10, "talk": 10, "interrupt": 10, "cut": 1}


@dataclass
class Trial:
    """One box, what it should be, and what was found.

    Attributes:
        muted: What the last one who may decide it decided.
        free_s: For each mute, from its acknowledgment until nothing was found to record.
        late: Recording streams that were found later than promised.
        untrue: Looks at which the light was not the stream.
        looks: How often the light was compared with the streams.
        differed_s: The longest that the two were apart: the light comes with the first sound.
        kills: How often the service was killed.
        box_lives: It was not killed just now, when the card and the pins are freed one by one.
    """

    device: Outside
    box: Box
    service: EmbeddedService
    dice: random.Random
    muted: bool = False
    free_s: list[float] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    looks: int = 0
    differed_s: float = 0.0
    kills: int = 0
    box_lives: bool = True
    _agreed_s: float = math.inf
    _shown: set[str] = field(default_factory=set)

    async def toggle(self) -> None:
        """Mute or unmute by button or socket, perhaps while somebody talks."""
        if talks := not self.muted and self.dice.random() < 0.3:
            await self.device.becomes(connection="online")
            await self.device.listens()
            await asyncio.sleep(self.dice.uniform(0, 2 * SAID_S))
        self.muted = not self.muted
        if self.dice.random() < 0.5:
            await self._push()
        else:
            await self._ask()
        acknowledged_s = asyncio.get_running_loop().time()
        if self.muted:
            await self._closed(acknowledged_s)
        if talks:
            self.device.release()
        if self.dice.random() < 0.03:
            await self._kill()
        await self.device.becomes(muted=self.muted, microphone="closed" if self.muted else "open")
        if self.muted:
            await self._stays_silent()
        await asyncio.sleep(CONTACT_S)

    async def _push(self) -> None:
        self.device.press(MUTE)
        await self.device.becomes(
            muted=self.muted, mute_kept=True, microphone="closed" if self.muted else "open"
        )
        self.device.release(MUTE)

    async def _ask(self) -> None:
        answer = await self.device.ask(Verb.MUTE if self.muted else Verb.UNMUTE)
        assert answer is not None
        assert answer.ok, answer.text

    async def _closed(self, acknowledged_s: float) -> None:
        """A look that begins later than promised must find nothing."""
        loop = asyncio.get_running_loop()
        while True:
            look_s = loop.time() - acknowledged_s
            if not await self.device.card.captures():
                self.free_s.append(loop.time() - acknowledged_s)
                return
            if look_s > PROMISED_S:
                self.late.append(f"recording {look_s:.2f} s after the acknowledgment")
                return

    async def _stays_silent(self) -> None:
        """Nothing but those who may unmutes it, and the service hears nothing."""
        await asyncio.sleep(PROMISED_S)
        heard_bytes = self.service.audio_received_bytes
        (disturbance,) = self.dice.choices(tuple(DISTURBANCES), tuple(DISTURBANCES.values()))
        if disturbance == "talk":
            self.device.press()
            await asyncio.sleep(SAID_S)
            self.device.release()
            await asyncio.sleep(CONTACT_S)
        elif disturbance == "interrupt":
            await self.device.ask(Verb.INTERRUPT)
        elif disturbance == "cut":
            self.service.cut()
        assert (await self.device.facts())["muted"] is True, disturbance
        assert await self.device.card.captures() == [], disturbance
        assert self.service.audio_received_bytes == heard_bytes, disturbance

    async def _kill(self) -> None:
        self.kills += 1
        self.box_lives = False
        (pid,) = self.box.processes()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: pid not in self.box.processes())
        self._agreed_s, self.box_lives = math.inf, True
        self._shown.clear()
        await self.device.becomes()
        await asyncio.to_thread(self.box.wait_for, "ActiveState", "active")

    async def watch(self) -> None:
        """Compare the light with the streams, again and again."""
        loop, chip = asyncio.get_running_loop(), self.device.chip
        while True:
            began_s, lit = loop.time(), chip.is_high(MIC_LED)
            streams = set(await self.device.card.captures())
            if lit is chip.is_high(MIC_LED) and self.box_lives:
                self._compare(began_s, streams, lit=lit)
            await asyncio.sleep(LOOK_S)

    def _compare(self, began_s: float, streams: set[str], *, lit: bool) -> None:
        self.looks += 1
        if lit is bool(streams):
            self._agreed_s = began_s
            self._shown |= streams
        self.differed_s = max(self.differed_s, began_s - self._agreed_s)
        if not lit and streams & self._shown:
            self.untrue.append(f"the light went out before {streams} ended")
        if began_s - self._agreed_s > AGREED_S:
            self.untrue.append(
                f"lit is {lit} with {streams} since {began_s - self._agreed_s:.2f} s"
            )


@contextlib.asynccontextmanager
async def trial(
    image: Image, card: SoundCard, chip: GpioChip, *, remote_unmute: bool, seed: int
) -> AsyncIterator[Trial]:
    """A box whose microphone is open unless it is muted."""
    async with EmbeddedService() as service:
        config = (
            f'{SETTINGS}[service]\nurl = "{service.url}"\n[activation]\nhot = true\n'
            f"[privacy]\nremote_unmute = {str(remote_unmute).lower()}\n"
        )
        async with boxed(image, config, card, chip) as (device, box):
            await device.becomes(muted=False, microphone="open", connection="online")
            yield Trial(device, box, service, random.Random(seed))


TOGGLES = [30, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])]


@pytest.mark.parametrize("count", TOGGLES)
async def test_a_muted_box_records_nothing_and_sends_nothing_and_its_light_says_so(
    installed_image: Image,
    sound_card: SoundCard,
    gpio_chip: GpioChip,
    capsys: pytest.CaptureFixture[str],
    count: int,
) -> None:
    async with trial(
        installed_image, sound_card, gpio_chip, remote_unmute=True, seed=count
    ) as here:
        watching = asyncio.create_task(here.watch())
        for _ in range(count):
            await here.toggle()
        watching.cancel()
        await asyncio.wait([watching])
    with capsys.disabled():
        print(  # noqa: T201  # a figure that people ask for
            f"\nno recording stream after a mute: {figures(here.free_s)}; {here.kills} kills, "
            f"{here.looks} looks at the light, at most {here.differed_s:.2f} s unlike the "
            f"streams; {here.service.audio_received_bytes} bytes heard of who was not muted"
        )
    assert here.late == []
    assert here.untrue == []
    assert here.service.audio_received_bytes  # those who talked were heard before the mute


async def test_where_the_owner_wants_it_so_only_a_hand_at_the_box_unmutes(
    installed_image: Image, sound_card: SoundCard, gpio_chip: GpioChip
) -> None:
    async with trial(installed_image, sound_card, gpio_chip, remote_unmute=False, seed=1) as here:
        await here.device.ask(Verb.MUTE)
        refused = await here.device.ask(Verb.UNMUTE)
        assert refused is not None
        assert refused.text.startswith("only the button at the box can unmute")
        assert await sound_card.captures() == []
        here.device.press(MUTE)
        await here.device.becomes(muted=False, microphone="open")
