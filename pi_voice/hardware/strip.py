"""Strips of LEDs over SPI: the first is the light of the microphone, the rest show the status."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pi_voice.core.actions import Pattern
from pi_voice.errors import DeviceError
from pi_voice.hardware.patterns import Light, Look, Programme, alone
from pi_voice.hardware.pins import RETRY_S
from pi_voice.hardware.player import Player, local_minute
from pi_voice.hardware.spi import Bus, SpiBus, explain

logger = logging.getLogger(__name__)

THREAD = "light strip"  # for debuggers
LEAVE_S = 0.5  # for the last colour, black; a driver may hold a call for ever

APA102_HZ = 2_000_000  # the chip takes ten times that, long wires do not
APA102_BEGIN = bytes(4)
APA102_LED = 0xFF  # three ones, then the chip's own dimmer at full: it flickers on some copies

# Three SPI bits make one bit of the strip: 100 is a 0, 110 is a 1. A bit of 0.42 µs keeps all
# pulses within the tolerances (WS2812B datasheet, "data transfer time": 0.4 and 0.8 ± 0.15 µs).
WS2812_HZ = 2_400_000
# The line is low for as long before the colours, since the Pi leaves it high at rest, and after
# them, which makes the strip show them: 280 µs for the newer chips.
WS2812_RESET = bytes(math.ceil(WS2812_HZ * 300e-6 / 8))


@dataclass(frozen=True, slots=True)
class Colour:
    """What one LED shows; every number is from 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def of(cls, light: Light, dimming: float) -> Colour:
        """A light that is on stays on, however dim: fractions are rounded up."""
        parts = (light.red, light.green, light.blue)
        return cls(*(math.ceil(255 * part * dimming) for part in parts))


BLACK = Colour(0, 0, 0)
MIC_LIGHT = Light(1.0, 1.0, 1.0, 1.0)
DARK = Light(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Chipset:
    """How a kind of strip wants its colours.

    Attributes:
        hz: Of the bus.
        encode: From a colour, that of the other LEDs, and how many they are, to what is sent.
        in_one_piece: A pause would end the colours.
    """

    hz: int
    encode: Callable[[Colour, Colour, int], bytes]
    in_one_piece: bool


def apa102(first: Colour, others: Colour, count: int) -> bytes:
    """A frame for one LED and `count` others: each has a clock of its own and delays the data.

    The end is zeros: 32 for the copies named SK9822, and half a clock for every LED, so that the
    last one gets its bits.
    """
    end = bytes(4 + math.ceil((count + 1) / 16))
    return APA102_BEGIN + _apa102(first) + _apa102(others) * count + end


def _apa102(colour: Colour) -> bytes:
    return bytes((APA102_LED, colour.blue, colour.green, colour.red))


def ws2812(first: Colour, others: Colour, count: int) -> bytes:
    """A frame for one LED and `count` others, nine bytes each."""
    return WS2812_RESET + _ws2812(first) + _ws2812(others) * count + WS2812_RESET


def _ws2812(colour: Colour) -> bytes:
    bits = f"{colour.green:08b}{colour.red:08b}{colour.blue:08b}"
    return int(bits.replace("1", "x").replace("0", "100").replace("x", "110"), 2).to_bytes(9, "big")


CHIPSETS = {
    "apa102": Chipset(APA102_HZ, apa102, in_one_piece=False),
    "ws2812": Chipset(WS2812_HZ, ws2812, in_one_piece=True),
}


class StripLeds:
    """Implements `ports.Leds`; a thread of its own waits for the bus, so nobody else does.

    A strip of one LED is steady while the microphone is open, and only then.

    Args:
        chipset: The kind of strip.
        count: LEDs on it.
        has_mic_led: The first one follows the open microphone and nothing else.
        look: The owner's taste.
        minute: Minutes since local midnight.
        bus: Where it is connected.
    """

    def __init__(
        self,
        chipset: Chipset,
        count: int,
        *,
        has_mic_led: bool = True,
        look: Look | None = None,
        minute: Callable[[], int] = local_minute,
        bus: Bus | None = None,
    ) -> None:
        self._chipset = chipset
        self._count = count
        self._has_mic_led = has_mic_led and count > 1
        self._is_alone = has_mic_led and count == 1
        self._mic_is_open = False
        self._player = Player(self._paint, self._adapted, look or Look(), minute)
        self._painter = _Painter(chipset, bus or SpiBus())

    @property
    def problems(self) -> list[DeviceError]:
        """Why the strip does not work; empty if it does."""
        problem = self._painter.problem
        return [problem] if problem else []

    async def __aenter__(self) -> Self:
        self._painter.start()
        self._player.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._player.stop()
        await self._painter.leave(self._chipset.encode(BLACK, BLACK, self._count - 1))

    def show(self, pattern: Pattern) -> None:
        self._player.show(pattern)

    def show_mic(self, *, is_open: bool) -> None:
        self._mic_is_open = is_open
        self._player.show_mic(is_open=is_open)
        self._player.repaint()

    def _adapted(self, programme: Programme, mic_is_open: bool) -> Programme:
        return alone(programme, mic_is_open=mic_is_open) if self._is_alone else programme

    def _paint(self, light: Light, dimming: float) -> None:
        status = Colour.of(light, dimming)
        mic = Colour.of(MIC_LIGHT if self._mic_is_open else DARK, dimming)
        first = mic if self._has_mic_led else status
        self._painter.paint(self._chipset.encode(first, status, self._count - 1))


class _Painter:
    """A thread that sends the newest frame; those that a slow bus has no time for are skipped."""

    def __init__(self, chipset: Chipset, bus: Bus) -> None:
        self.problem: DeviceError | None = None
        self._chipset = chipset
        self._bus = bus
        self._is_open = False
        self._frame = b""
        self._changed = threading.Event()
        self._leaving = threading.Event()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    def paint(self, frame: bytes) -> None:
        if frame != self._frame:
            self._frame = frame
            self._changed.set()

    async def leave(self, last: bytes) -> None:
        """Send this and end the thread, unless the bus holds it."""
        self._frame = last
        self._leaving.set()
        self._changed.set()
        await asyncio.to_thread(self._thread.join, LEAVE_S)

    # -- in the thread

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._changed.wait()
            self._changed.clear()
            is_last = self._leaving.is_set()  # asked before the frame is read: then it is the last
            if not self._send(self._frame) and not is_last:
                self._leaving.wait(RETRY_S)
                self._changed.set()
        self._bus.close()

    def _send(self, frame: bytes) -> bool:
        try:
            if not self._is_open:
                self._bus.open(self._chipset.hz)
                self._is_open = True
            self._bus.write(frame, in_one_piece=self._chipset.in_one_piece)
        except OSError as error:
            self._bus.close()
            self._is_open = False
            level = logging.DEBUG if self.problem else logging.WARNING
            self.problem = explain(error)
            logger.log(level, "%s", self.problem)
            return False
        if self.problem is not None:
            logger.info("the light strip works now")
            self.problem = None
        return True
