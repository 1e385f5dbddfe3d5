from __future__ import annotations

import asyncio

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.hardware.absent import NoButton, NoLeds


async def test_a_button_that_is_not_there_is_never_pressed_and_never_ends() -> None:
    async with NoButton() as button:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(button.events())


async def test_lights_that_are_not_there_take_every_pattern() -> None:
    async with NoLeds() as leds:
        for pattern in Pattern:
            leds.show(pattern)
        leds.show_mic(is_open=True)
        assert list(map(str, leds.problems)) == ["light is not configured. Set [leds] driver"]
