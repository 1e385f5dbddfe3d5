"""Show patterns on real pins.

    python -m tests.rigs.gpio.lights LIGHT…

A light is a pin, or red, green and blue as 22,23,24. Each line of the input is a light and the name
of a pattern to show, or "open" or "closed": what the microphone is. The end of the input is the end
of the lights.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

from pi_voice.core.actions import Pattern
from pi_voice.hardware import gpio

RETRY_S = 0.5  # a test has less patience than a box


async def main(names: list[str]) -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    vars(gpio)["RETRY_S"] = RETRY_S
    loop = asyncio.get_running_loop()
    leds = {name: gpio.GpioLed([int(pin) for pin in name.split(",")]) for name in names}
    async with contextlib.AsyncExitStack() as stack:
        for led in leds.values():
            await stack.enter_async_context(led)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            name, word = line.split()
            if word in ("open", "closed"):
                leds[name].show_mic(is_open=word == "open")
            else:
                leds[name].show(Pattern(word))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
