"""From `[leds]` of the configuration to the lights; quick to import: whoever stops waits for it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import replace
from pathlib import Path

from pi_voice import config, drivers
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.crashes import CrashFile
from pi_voice.errors import ConfigError
from pi_voice.hardware.absent import NoLeds
from pi_voice.hardware.both import BothLeds
from pi_voice.hardware.gpio import GpioLed
from pi_voice.hardware.own import OwnLeds
from pi_voice.hardware.patterns import Look
from pi_voice.hardware.strip import CHIPSETS, StripLeds
from pi_voice.ports import Leds

RESOURCE = ("__aenter__", "__aexit__")
COUNTED_S = 15.0  # four rounds of the pattern: long enough to be found and counted


def leds(settings: Settings) -> Leds:
    lights = settings.leds
    look = Look(lights.patterns, lights.brightness, lights.night, lights.night_brightness)
    if drivers.is_own(lights.driver):
        own = drivers.make("leds", lights, settings.device.drivers, *RESOURCE, "show", "show_mic")
        return OwnLeds(own, lights.driver)
    if chipset := CHIPSETS.get(lights.driver):
        if lights.mic_pin is None:
            return StripLeds(chipset, lights.count, look=look)
        strip = StripLeds(chipset, lights.count, has_mic_led=False, look=look)
        return BothLeds(strip, GpioLed((), mic_pin=lights.mic_pin))
    if lights.driver == "none" and lights.mic_pin is None:
        return NoLeds()
    pins = {"gpio": (lights.pin,), "rgb": lights.pins}.get(lights.driver, ())
    return GpioLed(pins, mic_pin=lights.mic_pin, look=look)


def show_misconfigured(path: Path) -> None:
    """Let the light tell for a while that the configuration cannot be used.

    Args:
        path: Of the configuration; of a broken one only [leds] has to make sense, and where it
            does not, the light is the usual one.
    """
    asyncio.run(_show_misconfigured(_lights_alone(path)))


def _lights_alone(path: Path) -> Settings:
    """What [leds] says in a file that need not be right, or even TOML, anywhere else."""
    try:
        tables = re.split(r"(?m)^(?=\[)", path.read_text())
        return config.parse("".join(table for table in tables if table.startswith("[leds")))
    except (OSError, UnicodeDecodeError, ConfigError):
        return Settings()


async def _show_misconfigured(settings: Settings) -> None:
    async with leds(settings) as lights:
        lights.show(Pattern.MISCONFIGURED)
        await asyncio.sleep(COUNTED_S)


def after_the_end(settings: Settings) -> None:
    """What systemd wants after each end of the service: a crash counted, and no light left on."""
    CrashFile(settings.device.runtime_dir).take_in(os.environ, time.monotonic())
    lights_off(settings)


def lights_off(settings: Settings) -> None:
    """Turn off what a process that was killed has left on.

    Pins are driven low and then let go of; what pulls them decides from there on.
    """
    dark = replace(settings.leds, patterns={Pattern.STARTING: "off"})
    asyncio.run(_lights_off(replace(settings, leds=dark)))


async def _lights_off(settings: Settings) -> None:
    async with leds(settings):
        pass  # leaving is what turns them off
