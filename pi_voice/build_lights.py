"""From `[leds]` of the configuration to the lights; quick to import: whoever stops waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pi_voice import drivers
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.hardware.absent import NoLeds
from pi_voice.hardware.both import BothLeds
from pi_voice.hardware.gpio import GpioLed
from pi_voice.hardware.own import OwnLeds
from pi_voice.hardware.patterns import Look
from pi_voice.hardware.strip import CHIPSETS, StripLeds
from pi_voice.ports import Leds

RESOURCE = ("__aenter__", "__aexit__")


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


def lights_off(settings: Settings) -> None:
    """Turn off what a process that was killed has left on.

    Pins are driven low and then let go of; what pulls them decides from there on.
    """
    dark = replace(settings.leds, patterns={Pattern.STARTING: "off"})
    asyncio.run(_lights_off(replace(settings, leds=dark)))


async def _lights_off(settings: Settings) -> None:
    async with leds(settings):
        pass  # leaving is what turns them off
