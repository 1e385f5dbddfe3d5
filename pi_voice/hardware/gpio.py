"""Buttons and lights on the pins of the header, through gpiozero."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pi_voice.bridge import Mailbox
from pi_voice.core.actions import Pattern
from pi_voice.core.events import ButtonEdge
from pi_voice.errors import DeviceError
from pi_voice.hardware.patterns import Light, Look, Programme, alone, squared
from pi_voice.hardware.pins import RETRY_S, Claim, pin_errors
from pi_voice.hardware.player import Player, local_minute

CHECK_S = 0.02  # read the level after the last edge, before the core believes it after 50 ms
POLL_S = 0.25  # an edge that the kernel dropped must not leave a turn open
STALE_S = 5.0  # an edge is never handed over later; then its time is of another clock
LEAST = 0.01  # lgpio dims in whole percents and rounds down; a light that is on stays on
PWM_HZ = 100  # the eye sees no flicker from here on; lgpio switches in software


@dataclass(frozen=True, slots=True)
class ButtonLine:
    """One button, or switch, and its pin.

    Attributes:
        name: As in its edges.
        pin: BCM number.
        key: Where the configuration names the pin, for messages.
    """

    name: str
    pin: int
    key: str = "[button] pin"


class GpioButton:
    """Every edge of some buttons, bounces included, with the kernel's time; `ports.Button`.

    The level as it was found comes first. A pin that cannot be had is tried again for ever, and
    the level is read again after edges and while a button is down.

    Args:
        lines: One button or more.
        pulled_up: Pressed connects the pin to ground; otherwise to 3.3 V.
    """

    def __init__(self, lines: Sequence[ButtonLine], *, pulled_up: bool = True) -> None:
        self._pulled_up = pulled_up
        self._claims = {line.name: self._claim(line) for line in lines}
        self._levels = dict.fromkeys(self._claims, False)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._handlers: dict[str, Callable[[float, int], None]] = {}

    @property
    def problems(self) -> list[DeviceError]:
        """Why some buttons do not work; empty if all do."""
        return [claim.problem for claim in self._claims.values() if claim.problem]

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._mailbox: Mailbox[ButtonEdge] = Mailbox(self._loop, may_drop=lambda _: False)
        for name in self._claims:
            self._take(name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for claim in self._claims.values():
            claim.close()
        self._mailbox.close()

    async def events(self) -> AsyncIterator[ButtonEdge]:
        async for edge in self._mailbox:
            self._levels[edge.button] = edge.pressed
            if self._claims[edge.button].part is not None:
                self._later(edge.button, CHECK_S, self._check)
            yield edge

    def _claim(self, line: ButtonLine) -> Claim[Any]:
        def make(pin: int, factory: Any) -> Any:
            from gpiozero import InputDevice

            return InputDevice(pin, pull_up=self._pulled_up, pin_factory=factory)

        what = "button" if line.name == "talk" else f"{line.name} button"
        return Claim(what, line.pin, line.key, make)

    def _take(self, name: str) -> None:
        claim = self._claims[name]
        if not claim.take():
            self._later(name, RETRY_S, self._take)
            return
        try:
            self._listen(name, claim.part)
        except pin_errors() as error:
            self._lose(name, error)

    def _listen(self, name: str, device: Any) -> None:
        def changed(ticks: float, state: int) -> None:  # in the driver's thread
            now_s = self._loop.time()
            at_s = ticks if 0 <= now_s - ticks < STALE_S else now_s
            self._mailbox.post(ButtonEdge(bool(state) is not self._pulled_up, at_s, name))

        self._handlers[name] = changed  # gpiozero holds it by a weak reference
        # gpiozero keeps the pin of a line that was lost, and that it listened: it would not again
        device.pin.when_changed = None
        device.pin.when_changed = changed  # both edges; debouncing of theirs would lose presses
        found = ButtonEdge(device.is_active, self._loop.time(), name, found=True)
        self._mailbox.post(found)

    def _check(self, name: str) -> None:
        device = self._claims[name].part
        assert device is not None  # a line that was lost has another timer
        try:
            pressed = device.is_active
        except pin_errors() as error:
            self._lose(name, error)
            return
        if pressed is not self._levels[name]:
            self._mailbox.post(ButtonEdge(pressed, self._loop.time(), name, found=True))
        elif pressed:
            self._later(name, POLL_S, self._check)

    def _lose(self, name: str, error: Exception) -> None:
        self._claims[name].lose(error)
        if self._levels[name]:  # nobody can say when it will be let go
            self._mailbox.post(ButtonEdge(pressed=False, at_s=self._loop.time(), button=name))
        self._later(name, RETRY_S, self._take)

    def _later(self, name: str, after_s: float, do: Callable[[str], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(after_s, do, name)


class GpioLed:
    """One LED, or three for red, green and blue, and perhaps one for the microphone; `ports.Leds`.

    Where the microphone has no light of its own, the status light is steady while it is open, and
    only then. A light that fails is tried again for ever, and never in anybody's way.

    Args:
        pins: One, or those of red, green and blue; none where only the microphone has a light.
        mic_pin: For the light that follows the open microphone and nothing else.
        look: The owner's taste.
        minute: Minutes since local midnight.
    """

    def __init__(
        self,
        pins: Sequence[int],
        *,
        mic_pin: int | None = None,
        look: Look | None = None,
        minute: Callable[[], int] = local_minute,
    ) -> None:
        look = look or Look()
        self._dims = len(pins) > 1 or look.is_dimmed
        self._lights = self._status_lights(pins)
        self._mic_light: Claim[Any] | None = None
        if mic_pin is not None:
            self._mic_light = Claim("microphone light", mic_pin, "[leds] mic_pin", _switched)
        self._levels: dict[Claim[Any], float] = {}
        self._mic_is_open = False
        self._player = Player(self._paint, self._adapted, look, minute)
        self._retry: asyncio.TimerHandle | None = None

    @property
    def problems(self) -> list[DeviceError]:
        """Why some lights do not work; empty if all do."""
        return [claim.problem for claim in self._claims() if claim.problem]

    async def __aenter__(self) -> Self:
        self._take()
        if self._lights:
            self._player.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._player.stop()
        if self._retry is not None:
            self._retry.cancel()
        for claim in self._claims():
            claim.close()  # which lets go of the pin, so the light is off

    def show(self, pattern: Pattern) -> None:
        self._player.show(pattern)

    def show_mic(self, *, is_open: bool) -> None:
        self._mic_is_open = is_open
        self._show_mic()
        self._player.show_mic(is_open=is_open)

    def _status_lights(self, pins: Sequence[int]) -> list[Claim[Any]]:
        make = _dimmed if self._dims else _switched
        if len(pins) < 2:
            return [Claim("light", pin, "[leds] pin", make) for pin in pins]
        colours = ("red", "green", "blue")
        return [
            Claim(f"{colour} light", pin, "[leds] pins", make)
            for colour, pin in zip(colours, pins, strict=True)
        ]

    def _claims(self) -> list[Claim[Any]]:
        return self._lights if self._mic_light is None else [*self._lights, self._mic_light]

    def _take(self) -> None:
        if not all([claim.take() for claim in self._claims()]):
            self._try_later()
        self._show_mic()
        self._player.repaint()

    def _adapted(self, programme: Programme, mic_is_open: bool) -> Programme:
        if self._mic_light is None:
            programme = alone(programme, mic_is_open=mic_is_open)
        return programme if self._dims else squared(programme)

    def _paint(self, light: Light, dimming: float) -> None:
        colours = (light.red, light.green, light.blue)
        levels = colours if len(self._lights) > 1 else (light.level,)
        for claim, level in zip(self._lights, levels, strict=True):
            self._set(claim, max(level * dimming, LEAST) if level else 0.0)

    def _show_mic(self) -> None:
        if self._mic_light is not None:
            self._set(self._mic_light, float(self._mic_is_open))

    def _set(self, claim: Claim[Any], level: float) -> None:
        if claim.part is None or self._levels.get(claim) == level:
            return
        try:
            claim.part.value = level
            self._levels[claim] = level
        except pin_errors() as error:
            claim.lose(error)
            self._levels.pop(claim, None)
            self._try_later()

    def _try_later(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._take)


def _switched(pin: int, factory: Any) -> Any:
    from gpiozero import DigitalOutputDevice

    return DigitalOutputDevice(pin, pin_factory=factory)


def _dimmed(pin: int, factory: Any) -> Any:
    from gpiozero import PWMOutputDevice

    return PWMOutputDevice(pin, frequency=PWM_HZ, pin_factory=factory)
