from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.core.actions import Pattern
from pi_voice.hardware import strip
from pi_voice.hardware.patterns import FAINT, Light, Look
from pi_voice.hardware.strip import (
    BLACK,
    CHIPSETS,
    WS2812_HZ,
    WS2812_RESET,
    Colour,
    StripLeds,
    apa102,
    ws2812,
)
from pi_voice.ports import Leds
from tests.until import until

RED = Colour(255, 0, 0)
TEAL = Colour(0, 128, 64)
COLOURS = st.builds(Colour, *[st.integers(0, 255)] * 3)
STEADY = Look(
    {
        Pattern.STARTING: "off",
        Pattern.IDLE: "#0000ff solid",
        Pattern.LISTENING: "#00ff00 solid",
        Pattern.THINKING: "#ff0000 solid",
    }
)
DARK = (0, 0, 0)
WHITE, GREEN, BLUE = (255, 255, 255), (0, 255, 0), (0, 0, 255)


class FakeBus:
    """A strip of APA102 that can be looked at.

    Attributes:
        hz: As it was opened; None while it is closed.
        frames: All that were sent.
        fault: Raised by every call, as long as it is set.
        stuck: Holds a write until it is set.
    """

    def __init__(self) -> None:
        self.hz: int | None = None
        self.frames: list[bytes] = []
        self.fault: OSError | None = None
        self.stuck = threading.Event()
        self.stuck.set()
        self.threads: set[int] = set()

    def open(self, hz: int) -> None:
        self._fail()
        self.hz = hz

    def write(self, data: bytes, *, in_one_piece: bool) -> None:
        assert self.hz is not None
        self.stuck.wait()
        self._fail()
        self.frames.append(data)

    def close(self) -> None:
        self.hz = None

    def _fail(self) -> None:
        self.threads.add(threading.get_ident())
        if self.fault is not None:
            raise self.fault

    @property
    def shown(self) -> list[tuple[int, int, int]]:
        """Red, green and blue of every LED, as its chip reads the newest frame."""
        return leds_of(self.frames[-1]) if self.frames else []


def leds_of(frame: bytes) -> list[tuple[int, int, int]]:
    """What a strip of APA102 shows: 32 zeros begin, each LED takes 32 bits that begin with 111."""
    assert frame[:4] == bytes(4)
    shown = []
    for begin in range(4, len(frame) - 3, 4):
        head, blue, green, red = frame[begin : begin + 4]
        if head >> 5 != 0b111:
            break
        shown.append((red, green, blue))
    clocks_after = 8 * len(frame[4 + 4 * len(shown) :])
    assert clocks_after >= 32 + len(shown) / 2
    return shown


def pulses_of(frame: bytes) -> list[tuple[int, int]]:
    """The line as a strip of WS2812 sees it: how many bits it is high, and then low."""
    line = "".join(f"{byte:08b}" for byte in frame)
    runs = [run for run in line.replace("01", "0 1").split(" ") if "1" in run]
    return [(run.count("1"), run.count("0")) for run in runs]


@asynccontextmanager
async def lit(
    bus: FakeBus, count: int = 3, look: Look = STEADY, *, has_mic_led: bool = True
) -> AsyncIterator[StripLeds]:
    leds = StripLeds(CHIPSETS["apa102"], count, has_mic_led=has_mic_led, look=look, bus=bus)
    async with leds:
        yield leds


def test_it_is_leds() -> None:
    leds: Leds = StripLeds(CHIPSETS["ws2812"], 3)
    assert leds


# -- on the wire


def test_apa102_gets_blue_green_red_between_zeros() -> None:
    assert apa102(RED, TEAL, 1).hex(" ") == "00 00 00 00 ff 00 00 ff ff 40 80 00 00 00 00 00 00"


def test_ws2812_gets_green_red_blue_in_three_bits_each() -> None:
    colours = ws2812(Colour(0b10100000, 0b11110000, 1), BLACK, 0)[len(WS2812_RESET) :]
    line = f"{int.from_bytes(colours[:9], 'big'):072b}"
    assert line[:24] == "110110110110100100100100"
    assert line[24:48] == "110100110100100100100100"
    assert line[48:] == "100100100100100100100110"


@given(COLOURS, COLOURS, st.integers(0, 1000))
def test_every_apa102_of_a_strip_reads_its_colour(
    first: Colour, others: Colour, count: int
) -> None:
    shown = leds_of(apa102(first, others, count))
    expected = [(c.red, c.green, c.blue) for c in (first, *[others] * count)]
    assert shown == expected


@given(COLOURS, COLOURS, st.integers(0, 5))
def test_every_pulse_of_ws2812_is_within_the_data_sheet(
    first: Colour, others: Colour, count: int
) -> None:
    frame = ws2812(first, others, count)
    pulses = pulses_of(frame)
    assert len(pulses) == 24 * (count + 1)
    for high, low in pulses[:-1]:
        high_ns, low_ns = (1e9 * bits / WS2812_HZ for bits in (high, low))
        assert (high_ns, low_ns) == pytest.approx((400, 850), abs=150) or (
            high_ns,
            low_ns,
        ) == pytest.approx((800, 450), abs=150)
    assert frame.startswith(WS2812_RESET)
    assert frame.endswith(WS2812_RESET)
    assert 8e6 * len(WS2812_RESET) / WS2812_HZ >= 280


@given(st.floats(FAINT, 1), st.floats(0.01, 1))
def test_a_light_that_is_on_is_never_rounded_to_off(level: float, dimming: float) -> None:
    colour = Colour.of(Light(level, level, 0, 0), dimming)
    assert 1 <= colour.red <= 255
    assert colour.green == 0


# -- as lights


async def test_the_first_led_is_the_microphones_and_the_others_are_the_status() -> None:
    bus = FakeBus()
    async with lit(bus) as leds:
        leds.show(Pattern.IDLE)
        await until(lambda: bus.shown == [DARK, BLUE, BLUE])
        leds.show_mic(is_open=True)
        await until(lambda: bus.shown == [WHITE, BLUE, BLUE])
        leds.show(Pattern.LISTENING)
        await until(lambda: bus.shown == [WHITE, GREEN, GREEN])
        leds.show_mic(is_open=False)
        await until(lambda: bus.shown == [DARK, GREEN, GREEN])
    assert bus.threads.isdisjoint({threading.get_ident()})


@pytest.mark.parametrize(("is_open", "mic"), [(True, WHITE), (False, DARK)])
async def test_nothing_that_the_status_shows_covers_the_microphones_light(
    is_open: bool, mic: tuple[int, int, int]
) -> None:
    bus = FakeBus()
    async with lit(bus) as leds:
        leds.show_mic(is_open=is_open)
        await until(lambda: bus.shown[:1] == [mic])
        seen = len(bus.frames)
        for pattern in (Pattern.IDLE, Pattern.THINKING, Pattern.LISTENING) * 3:
            leds.show(pattern)
        await until(lambda: bus.shown[1] == GREEN)
        assert {leds_of(frame)[0] for frame in bus.frames[seen:]} == {mic}


async def test_a_strip_of_one_is_steady_while_the_microphone_is_open() -> None:
    bus = FakeBus()
    async with lit(bus, 1, Look({Pattern.IDLE: "#0000ff blink 10 10"})) as leds:
        leds.show(Pattern.IDLE)
        await until(lambda: len(bus.frames) > 4)
        leds.show_mic(is_open=True)
        await until(lambda: bus.shown == [BLUE])
        seen = len(bus.frames)
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=False)
        await until(lambda: len(bus.frames) > seen and bus.shown == [DARK])


async def test_all_leds_show_the_status_where_the_microphone_has_a_light_elsewhere() -> None:
    bus = FakeBus()
    async with lit(bus, has_mic_led=False) as leds:
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
        await until(lambda: bus.shown == [BLUE] * 3)


async def test_the_night_dims_every_led_and_the_microphones_stays_on() -> None:
    bus = FakeBus()
    look = Look({Pattern.IDLE: "#0000ff solid"}, night="22:00-07:00", night_brightness=1)
    leds = StripLeds(CHIPSETS["apa102"], 2, look=look, minute=lambda: 0, bus=bus)
    async with leds:
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
        await until(lambda: bus.shown == [(3, 3, 3), (0, 0, 3)])


async def test_a_steady_strip_is_written_once() -> None:
    bus = FakeBus()
    async with lit(bus) as leds:
        leds.show(Pattern.IDLE)
        await until(lambda: bus.shown == [DARK, BLUE, BLUE])
        written = len(bus.frames)
        for _ in range(20):
            leds.show(Pattern.IDLE)
            leds.show_mic(is_open=False)
            await asyncio.sleep(0.001)  # long enough for the thread to write, if it would
        leds.show(Pattern.THINKING)
        await until(lambda: bus.shown[1] == (255, 0, 0))
        assert len(bus.frames) == written + 1


async def test_the_strip_is_black_after_the_end() -> None:
    bus = FakeBus()
    async with lit(bus) as leds:
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
        await until(lambda: bus.shown == [WHITE, BLUE, BLUE])
    assert bus.shown == [DARK] * 3
    assert bus.hz is None
    leds.show(Pattern.LISTENING)
    leds.show_mic(is_open=True)


# -- when it fails


async def test_a_slow_bus_holds_nobody_and_gets_the_newest_frame() -> None:
    bus = FakeBus()
    bus.stuck.clear()
    async with lit(bus) as leds:
        for pattern in (Pattern.IDLE, Pattern.THINKING, Pattern.LISTENING) * 100:
            leds.show(pattern)
        bus.stuck.set()
        await until(lambda: bus.shown == [DARK, GREEN, GREEN])
        assert len(bus.frames) < 10


async def test_a_bus_that_hangs_does_not_hold_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strip, "LEAVE_S", 0.01)
    bus = FakeBus()
    bus.stuck.clear()
    async with lit(bus) as leds:
        leds.show(Pattern.IDLE)
    assert bus.frames == []
    bus.stuck.set()
    await until(lambda: bus.hz is None and bus.shown == [DARK] * 3)


async def test_a_strip_that_cannot_be_had_is_told_once_and_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(strip, "RETRY_S", 0.001)
    caplog.set_level(logging.INFO)
    bus = FakeBus()
    bus.fault = FileNotFoundError(errno.ENOENT, "No such file or directory")
    async with lit(bus) as leds:
        leds.show(Pattern.IDLE)
        await until(lambda: leds.problems)
        bus.fault = None
        await until(lambda: bus.shown == [DARK, BLUE, BLUE] and not leds.problems)
        bus.fault = OSError(errno.EIO, "Input/output error")
        leds.show(Pattern.THINKING)
        await until(lambda: leds.problems)
        bus.fault = None
        await until(lambda: bus.shown[1] == (255, 0, 0) and not leds.problems)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING", "INFO"]


async def test_a_strip_that_never_works_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strip, "RETRY_S", 1000)
    bus = FakeBus()
    bus.fault = PermissionError(errno.EACCES, "Permission denied")
    async with lit(bus) as leds:
        await until(lambda: leds.problems)
    await until(lambda: not any(thread.name == strip.THREAD for thread in threading.enumerate()))
    assert bus.frames == []
