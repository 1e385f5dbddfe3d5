from __future__ import annotations

from types import TracebackType
from typing import Self

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.hardware.own import OwnLeds


class Torch:
    """Lights that fail from some call on."""

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken
        self.calls: list[object] = []

    async def __aenter__(self) -> Self:
        self._do("on")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do("off")

    def show(self, pattern: Pattern) -> None:
        self._do(pattern)

    def show_mic(self, *, is_open: bool) -> None:
        self._do(is_open)

    def _do(self, what: object) -> None:
        if self.broken:
            raise FileNotFoundError("/nowhere/brightness")
        self.calls.append(what)


async def test_every_call_reaches_the_owners_lights() -> None:
    torch = Torch(broken=False)
    async with OwnLeds(torch, "my_leds:Torch") as leds:
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
    assert torch.calls == ["on", Pattern.IDLE, True, "off"]


async def test_lights_that_fail_are_told_once_and_stop_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with OwnLeds(Torch(broken=True), "my_leds:Torch") as leds:
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
    assert [record.getMessage() for record in caplog.records] == [
        "[leds] driver = 'my_leds:Torch' failed (FileNotFoundError: /nowhere/brightness); "
        "mend it; the voice goes on without light"
    ]


async def test_what_failed_last_is_its_problem_until_it_works_again() -> None:
    torch = Torch(broken=False)
    async with OwnLeds(torch, "my_leds:Torch") as leds:
        assert leds.problems == []
        torch.broken = True
        leds.show_mic(is_open=True)
        assert [str(problem) for problem in leds.problems] == [
            "[leds] driver = 'my_leds:Torch' fails (FileNotFoundError: /nowhere/brightness). "
            "Mend it"
        ]
        torch.broken = False
        leds.show_mic(is_open=True)
        assert leds.problems == []


class Torn(Torch):
    """Only the light of the microphone fails."""

    def show(self, pattern: Pattern) -> None:
        self.calls.append(pattern)


async def test_a_status_that_works_says_nothing_of_the_microphones_light() -> None:
    torch = Torn(broken=False)
    async with OwnLeds(torch, "my_leds:Torn") as leds:
        torch.broken = True
        leds.show_mic(is_open=True)
        leds.show(Pattern.IDLE)
        assert len(leds.problems) == 1


async def test_the_microphones_light_is_tried_again_with_the_status() -> None:
    torch = Torn(broken=False)
    async with OwnLeds(torch, "my_leds:Torn") as leds:
        torch.broken = True
        leds.show_mic(is_open=True)
        torch.broken = False
        leds.show(Pattern.IDLE)
        assert leds.problems == []
        assert torch.calls[-1] is True


async def test_lights_that_did_not_begin_never_work() -> None:
    torch = Torch(broken=True)
    async with OwnLeds(torch, "my_leds:Torch") as leds:
        torch.broken = False
        leds.show_mic(is_open=True)
        assert len(leds.problems) == 1
