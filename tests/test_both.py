from __future__ import annotations

import errno

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.errors import DeviceError
from pi_voice.hardware.both import BothLeds
from pi_voice.ports import Leds
from pi_voice.sim.panel import SimLeds


class Lamp(SimLeds):
    def __init__(self, *problems: DeviceError) -> None:
        super().__init__()
        self.problems = list(problems)


async def test_all_boards_show_the_same_and_tell_their_problems() -> None:
    broken = DeviceError("light", "is broken", "Buy another")
    boards: list[Leds] = [one := Lamp(), two := Lamp(broken)]
    both: Leds = BothLeds(*boards)
    async with both:
        both.show(Pattern.THINKING)
        both.show_mic(is_open=True)
        assert [(lamp.pattern, lamp.mic_is_open) for lamp in (one, two)] == [
            (Pattern.THINKING, True)
        ] * 2
    assert BothLeds(*boards).problems == [broken]


class Stubborn(Lamp):
    async def __aexit__(self, *_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")


async def test_a_board_that_does_not_end_keeps_no_other_from_it() -> None:
    ended = []

    class Counted(Lamp):
        async def __aexit__(self, *_: object) -> None:
            ended.append(self)

    with pytest.raises(OSError, match="Input"):
        async with BothLeds(Counted(), Stubborn()):
            pass
    assert len(ended) == 1
