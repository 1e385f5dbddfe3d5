"""Say what the hands do: real buttons on real pins, each through the core's own debouncing.

    python -m tests.rigs.gpio.presses PIN…

Prints "ready" once the levels were read, then a line for each press and release, with the pin.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from dataclasses import replace

from pi_voice.core.actions import StartTimer, StopTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.buttons import TALK, Buttons, Hands
from pi_voice.hardware.gpio import ButtonLine, GpioButton


class Hand:
    """One button, with the timers that the core asks for."""

    def __init__(self, pin: str) -> None:
        self._pin = pin
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.core = Buttons()

    def take(self, touches: Iterable[Hands]) -> None:
        for touch in touches:
            if isinstance(touch, StartTimer | StopTimer) and touch.name in self._timers:
                self._timers.pop(touch.name).cancel()
            if isinstance(touch, StartTimer):
                later = asyncio.get_running_loop().call_later
                self._timers[touch.name] = later(touch.after_ms / 1000, self._fire, touch.name)
            elif isinstance(touch, Press | Release):
                sys.stdout.write(f"{type(touch).__name__.lower()} {self._pin}\n")
        sys.stdout.flush()

    def _fire(self, name: str) -> None:
        self.take(self.core.timer(name))


async def main(pins: list[str]) -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    hands = {pin: Hand(pin) for pin in pins}
    async with GpioButton([ButtonLine(pin, int(pin)) for pin in pins]) as button:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async for edge in button.events():
            hand = hands[edge.button]
            hand.take(hand.core.edge(replace(edge, button=TALK)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
