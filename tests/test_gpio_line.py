"""Buttons and lights over the real lgpio and gpiozero, on the lines of a virtual chip."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.hardware.patterns import LIGHTS, parse, rgb
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.gpio.program import Program, program
from tests.rigs.gpio.rhythm import shows
from tests.until import until

pytest_plugins = ["tests.rigs.gpio.plugin"]

BUTTON, LED = 17, 27
DOWN, UP = False, True  # a button that connects its line to ground
REST_S = 0.1  # longer than it takes the core to believe a level, also on a busy machine
PATIENCE_MS = 5000  # an asleep box blinks every ten seconds


@contextlib.asynccontextmanager
async def buttons(chip: GpioChip, *pins: int) -> AsyncIterator[Program]:
    async with program(chip, "-m", "tests.rigs.gpio.presses", *pins) as child:
        await child.says("ready")
        yield child


@contextlib.asynccontextmanager
async def lights(chip: GpioChip, *names: str) -> AsyncIterator[Program]:
    async with program(chip, "-m", "tests.rigs.gpio.lights", *names) as child:
        pins = [int(pin) for name in names for pin in name.split(",")]
        await until(lambda: all(chip.holder(pin) for pin in pins))
        yield child


def bouncing(random: Random, *, high: bool) -> list[bool]:
    """A contact that comes to rest on a level after up to five bounces."""
    return [high, *[not high, high] * random.randrange(6)]


# -- buttons


@pytest.mark.parametrize(
    "lines", [pytest.param(5, id="200"), pytest.param(25, id="1000", marks=pytest.mark.long)]
)
async def test_forty_bouncing_presses_of_each_line_are_forty_presses(
    gpio_chip: GpioChip, lines: int
) -> None:
    pins, random = range(lines), Random(1000)
    async with buttons(gpio_chip, *pins) as child:
        for presses in range(lines, 40 * lines + 1, lines):
            for word, high in (("press", DOWN), ("release", UP)):
                for pin in pins:
                    levels = bouncing(random, high=high)
                    gpio_chip.drive(pin, *levels, gap_ms=random.uniform(0.1, 2))
                await child.says(word, presses)
                await asyncio.sleep(REST_S)
        await asyncio.sleep(REST_S * 3)  # for any that are too many
    assert [child.count(f"press {pin}") for pin in pins] == [40] * lines
    assert [child.count(f"release {pin}") for pin in pins] == [40] * lines


async def test_a_release_whose_edge_the_kernel_lost_is_found(gpio_chip: GpioChip) -> None:
    async with buttons(gpio_chip, BUTTON) as child:
        gpio_chip.drive(BUTTON, DOWN)
        await child.says("press", 1)
        gpio_chip.drive_unnoticed(BUTTON, high=UP)
        await child.says("release", 1)


async def test_a_pin_that_another_program_holds_is_named(gpio_chip: GpioChip) -> None:
    hold = "import lgpio; lgpio.gpio_claim_output(lgpio.gpiochip_open(0), 17); input()"
    async with program(gpio_chip, "-c", hold):
        await until(lambda: gpio_chip.holder(BUTTON))
        async with program(gpio_chip, "-m", "tests.rigs.gpio.presses", BUTTON) as child:
            await until(lambda: len(child.said) >= 2)
            assert sorted(child.said) == [
                "17 button on GPIO 17 is in use by 'lg'. Free the pin, or change [button] pin",
                "ready",
            ]


# -- lights


async def test_every_pattern_can_be_read_back_from_its_line(gpio_chip: GpioChip) -> None:
    programmes = {pattern: parse(LIGHTS[pattern]) for pattern in Pattern}
    told = [p for p, it in programmes.items() if not it.is_steady and it.cycle_ms < PATIENCE_MS]
    async with lights(gpio_chip, *map(str, range(len(told)))) as child:
        for pin, pattern in enumerate(told):
            child.tell(f"{pin} {pattern}")
        for pin, pattern in enumerate(told):
            await shows(gpio_chip, pin, LIGHTS[pattern])


async def test_the_only_light_is_steady_while_the_microphone_is_open(gpio_chip: GpioChip) -> None:
    async with lights(gpio_chip, str(LED)) as child:
        child.tell(f"{LED} {Pattern.OPENING}")
        await until(lambda: len(gpio_chip.changes(LED)) > 6)
        child.tell(f"{LED} open")
        child.tell(f"{LED} {Pattern.THINKING}")
        await until(lambda: gpio_chip.duty(LED, 0.5) > 0.99)
        child.tell(f"{LED} closed")
        await shows(gpio_chip, LED, LIGHTS[Pattern.THINKING])


async def test_three_pins_mix_the_colour(gpio_chip: GpioChip) -> None:
    levels = rgb(parse(LIGHTS[Pattern.LISTENING]).colour)

    def is_mixed() -> bool:
        duties = [gpio_chip.duty(pin, 0.5) for pin in (22, 23, 24)]
        return all(abs(duty - level) < 0.1 for duty, level in zip(duties, levels, strict=True))

    async with lights(gpio_chip, "22,23,24") as child:
        child.tell(f"22,23,24 {Pattern.LISTENING}")
        child.tell("22,23,24 open")
        await until(is_mixed)


async def test_a_light_is_off_when_its_program_ends_however_it_ends(gpio_chip: GpioChip) -> None:
    for ending in ("close", "kill"):
        async with lights(gpio_chip, str(LED)) as child:
            child.tell(f"{LED} open")
            await until(lambda: gpio_chip.is_high(LED))
            if ending == "close":
                child.end_input()
                await child.process.wait()
        await until(lambda: not gpio_chip.holder(LED))
        assert not gpio_chip.is_high(LED)


async def test_a_chip_that_comes_late_is_taken_and_the_reason_was_told(gpio_chip: GpioChip) -> None:
    gpio_chip.unplug()
    async with program(gpio_chip, "-m", "tests.rigs.gpio.lights", LED) as child:
        await until(lambda: child.said)
        gpio_chip.close_to_user()
        child.tell(f"{LED} open")
        gpio_chip.allow()
        await until(lambda: gpio_chip.is_high(LED))
    assert child.said == [
        "light on GPIO 27 cannot be used: this machine has no GPIO chip. "
        'Set driver = "none" in [button] and in [leds]',
        "light on GPIO 27 works now",
    ]
