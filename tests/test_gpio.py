from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from gpiozero import Device, InputDevice
from gpiozero.pins.mock import MockFactory, MockPWMPin

from pi_voice.core.actions import Pattern, StartTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.events import ButtonEdge
from pi_voice.core.gestures import Contact
from pi_voice.hardware.gpio import ButtonLine, GpioButton, GpioLed
from pi_voice.hardware.patterns import Look
from pi_voice.hardware.pins import RETRY_S
from pi_voice.ports import Button, Leds
from tests.until import until

TALK = [ButtonLine("talk", 17)]


@pytest.fixture(autouse=True)
def header(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """Pins that remember; their callbacks run in the thread that drives them."""
    factory = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


class GroundedPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin with a finger on its button; the mock follows its pull otherwise."""

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.drive_low()


class KeptPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """Like a pin of lgpio: closing it forgets nothing, and choosing its function ends its edges."""

    tells = False

    def close(self) -> None:
        self.function = "input"

    def _set_function(self, value: str) -> None:
        self.tells = False
        super()._set_function(value)

    def _enable_event_detect(self) -> None:
        self.tells = True

    def _disable_event_detect(self) -> None:
        self.tells = False

    def _call_when_changed(self) -> None:
        if self.tells:
            super()._call_when_changed()


class Listener:
    """Collects what a button says."""

    def __init__(self, button: GpioButton) -> None:
        self.edges: list[ButtonEdge] = []
        self._task = asyncio.create_task(self._listen(button.events()))

    async def _listen(self, edges: AsyncIterator[ButtonEdge]) -> None:
        async for edge in edges:
            self.edges.append(edge)

    @property
    def levels(self) -> list[bool]:
        return [edge.pressed for edge in self.edges if not edge.found]

    @property
    def has_ended(self) -> bool:
        return self._task.done()


def busy_pin(header: MockFactory, pin: int) -> InputDevice:
    return InputDevice(pin, pull_up=True, pin_factory=header)


# -- buttons


def test_it_is_a_button_and_it_is_leds() -> None:
    button: Button = GpioButton(TALK)
    leds: Leds = GpioLed([27])
    assert button
    assert leds


@pytest.mark.virtual
async def test_the_level_comes_first_and_is_no_press(header: MockFactory) -> None:
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        await until(lambda: listener.edges)
        [edge] = listener.edges
        assert (edge.found, edge.pressed, edge.button) == (True, False, "talk")


@pytest.mark.virtual
async def test_a_button_that_is_down_at_the_start_is_found_down(header: MockFactory) -> None:
    header.pin(17, pin_class=GroundedPin)
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        await until(lambda: listener.edges)
        assert (listener.edges[0].found, listener.edges[0].pressed) == (True, True)


@pytest.mark.virtual
@pytest.mark.parametrize("pulled_up", [True, False])
async def test_pressed_is_ground_or_3v3_as_it_is_wired(
    header: MockFactory, pulled_up: bool
) -> None:
    async with GpioButton(TALK, pulled_up=pulled_up) as button:
        listener = Listener(button)
        pin = header.pin(17)
        assert pin.pull == ("up" if pulled_up else "down")
        (pin.drive_low if pulled_up else pin.drive_high)()
        await until(lambda: listener.levels == [True])
        (pin.drive_high if pulled_up else pin.drive_low)()
        await until(lambda: listener.levels == [True, False])


async def test_edges_of_another_thread_arrive_with_the_times_of_the_kernel(
    header: MockFactory,
) -> None:
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        pin = header.pin(17)
        before_s = time.monotonic()
        driver = threading.Thread(target=lambda: (pin.drive_low(), pin.drive_high()))
        driver.start()
        await until(lambda: listener.levels == [True, False])
        driver.join()
        times = [edge.at_s for edge in listener.edges if not edge.found]
        assert before_s <= times[0] <= times[1] <= time.monotonic()


@pytest.mark.virtual
async def test_a_time_of_another_clock_is_replaced(header: MockFactory) -> None:
    loop = asyncio.get_running_loop()
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        header.pin(17)._call_when_changed()
        for ticks in (loop.time() - 0.25, loop.time() + 1, 1.7e9, 0.0):
            header.pin(17)._when_changed()(ticks, 0)
        now_s = loop.time()
        await until(lambda: len(listener.levels) == 5)
        times = [edge.at_s for edge in listener.edges if not edge.found]
        assert times[1:] == [now_s - 0.25, now_s, now_s, now_s]


@pytest.mark.virtual
async def test_a_thousand_bouncing_presses_are_a_thousand(header: MockFactory) -> None:
    """Through the pin, the mailbox and the core, every bounce on the way."""
    random, contact, told = Random(3), Contact("talk"), list[object]()
    loop = asyncio.get_running_loop()
    timer = loop.call_later(0, lambda: None)
    async with GpioButton(TALK) as button:
        pin = header.pin(17)

        async def listen() -> None:
            nonlocal timer
            async for edge in button.events():
                for change in contact.edge(edge):
                    if isinstance(change, StartTimer):
                        timer.cancel()
                        timer = loop.call_later(change.after_ms / 1000, rest)
                    else:
                        told.append(change)

        def rest() -> None:
            told.extend(contact.timer("talk.rest"))

        task = asyncio.create_task(listen())
        for _ in range(1000):
            for drive, undo in ((pin.drive_low, pin.drive_high), (pin.drive_high, pin.drive_low)):
                drive()
                for _ in range(random.randrange(10)):
                    await asyncio.sleep(random.uniform(0, 0.0007))
                    undo()
                    await asyncio.sleep(random.uniform(0, 0.0007))
                    drive()
                await asyncio.sleep(random.uniform(0.05, 0.3))
        task.cancel()
    kinds = [type(change) for change in told]
    assert kinds == [Press, Release] * 1000


@pytest.mark.virtual
async def test_a_release_that_the_kernel_lost_is_found_by_reading_the_level(
    header: MockFactory,
) -> None:
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        pin = header.pin(17)
        pin.drive_low()
        await until(lambda: listener.levels == [True])
        await asyncio.sleep(3)
        assert listener.levels == [True]
        pin._change_state(True)  # the level, without the edge
        await until(lambda: listener.edges[-1].found, within_s=0.3)
        assert not listener.edges[-1].pressed


@pytest.mark.virtual
async def test_the_level_is_not_polled_while_nobody_presses(header: MockFactory) -> None:
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        pin = header.pin(17)
        pin.drive_low()
        pin.drive_high()
        await until(lambda: listener.levels == [True, False])
        await asyncio.sleep(1)
        assert not [timer for timer in button._timers.values() if timer.when() > 1002]


@pytest.mark.virtual
async def test_several_buttons_speak_by_name(header: MockFactory) -> None:
    lines = [ButtonLine("talk", 17), ButtonLine("mute", 5, "[mute_button] pin")]
    async with GpioButton(lines) as button:
        listener = Listener(button)
        header.pin(5).drive_low()
        header.pin(17).drive_low()
        await until(lambda: len(listener.levels) == 2)
        assert [edge.button for edge in listener.edges if edge.pressed] == ["mute", "talk"]


@pytest.mark.virtual
async def test_a_busy_pin_is_tried_again_and_the_others_work(header: MockFactory) -> None:
    other = busy_pin(header, 17)
    lines = [ButtonLine("talk", 17), ButtonLine("mute", 5, "[mute_button] pin")]
    async with GpioButton(lines) as button:
        listener = Listener(button)
        assert [problem.device for problem in button.problems] == ["button on GPIO 17"]
        header.pin(5).drive_low()
        await until(lambda: listener.levels == [True])
        other.close()
        await until(lambda: not button.problems, within_s=RETRY_S + 1)
        header.pin(17).drive_low()
        await until(lambda: listener.levels == [True, True])


@pytest.mark.virtual
@pytest.mark.parametrize("kind", [MockPWMPin, KeptPin])
async def test_a_line_that_fails_in_a_press_releases_and_comes_back(
    header: MockFactory, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    def fail(_: object) -> bool:
        raise OSError(5, "Input/output error")

    header.pin(17, pin_class=kind)
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        header.pin(17).drive_low()
        await until(lambda: listener.levels == [True])
        with monkeypatch.context() as broken:
            broken.setattr(InputDevice, "is_active", property(fail))
            await until(lambda: listener.levels == [True, False])
            assert len(button.problems) == 1
        await until(lambda: not button.problems)
        header.pin(17).drive_low()
        await until(lambda: listener.levels[-1])


@pytest.mark.virtual
async def test_the_pin_is_free_after_the_end(header: MockFactory) -> None:
    async with GpioButton(TALK) as button:
        listener = Listener(button)
        await until(lambda: listener.edges)
    await until(lambda: listener.has_ended)
    busy_pin(header, 17).close()


# -- lights


def level(header: MockFactory, pin: int) -> Any:
    return header.pin(pin).state


async def seen(header: MockFactory, pin: int, for_ms: int) -> set[float]:
    """Every level of a light within some time."""
    levels = set()
    for _ in range(for_ms // 10):
        levels.add(float(header.pin(pin).state))
        await asyncio.sleep(0.01)
    return levels


@pytest.mark.virtual
async def test_the_light_comes_on_with_the_box(header: MockFactory) -> None:
    async with GpioLed([27]):
        assert await seen(header, 27, 2000) == {0.0, 1.0}


@pytest.mark.virtual
async def test_the_only_light_is_steady_while_the_microphone_is_open(header: MockFactory) -> None:
    async with GpioLed([27]) as leds:
        for pattern in Pattern:
            leds.show(pattern)
            leds.show_mic(is_open=True)
            assert await seen(header, 27, 12_000) == {1.0}
            leds.show_mic(is_open=False)
            assert 0.0 in await seen(header, 27, 12_000)


@pytest.mark.virtual
async def test_a_blink_has_its_rhythm(header: MockFactory) -> None:
    async with GpioLed([27]) as leds:
        leds.show(Pattern.MUTED)
        shown = []
        for at_ms in range(0, 2000, 50):
            await asyncio.sleep(0.025)
            shown.append((at_ms, level(header, 27)))
            await asyncio.sleep(0.025)
        lit = [at_ms for at_ms, on in shown if on]
        assert lit == [*range(0, 600, 50), 900, 950]


@pytest.mark.virtual
async def test_showing_the_same_again_does_not_begin_again(header: MockFactory) -> None:
    async with GpioLed([27]) as leds:
        leds.show(Pattern.IDLE)
        await asyncio.sleep(1)
        for _ in range(5):
            leds.show(Pattern.IDLE)
            leds.show_mic(is_open=False)
            assert level(header, 27) == 0


@pytest.mark.virtual
async def test_the_microphone_light_follows_the_handle_and_nothing_else(
    header: MockFactory,
) -> None:
    async with GpioLed([27], mic_pin=25) as leds:
        for is_open in (True, False, True):
            leds.show_mic(is_open=is_open)
            for pattern in Pattern:
                leds.show(pattern)
                assert await seen(header, 25, 200) == {float(is_open)}
        leds.show(Pattern.IDLE)
        assert await seen(header, 27, 4000) == {0.0, 1.0}


@pytest.mark.virtual
async def test_three_pins_make_a_colour(header: MockFactory) -> None:
    look = Look({Pattern.LISTENING: "#ff8000 solid"}, brightness=50)
    async with GpioLed([22, 23, 24], look=look) as leds:
        leds.show(Pattern.LISTENING)
        leds.show_mic(is_open=True)
        levels = [level(header, pin) for pin in (22, 23, 24)]
        assert levels == pytest.approx([0.5, 0.5 * 128 / 255, 0])


@pytest.mark.virtual
async def test_a_light_that_is_on_is_never_dimmed_to_off(header: MockFactory) -> None:
    look = Look({Pattern.LISTENING: "#400000 solid"}, brightness=1)
    async with GpioLed([22, 23, 24], look=look) as leds:
        leds.show(Pattern.LISTENING)
        leds.show_mic(is_open=True)
        percents = [int(100 * level(header, pin)) for pin in (22, 23, 24)]  # as lgpio counts
        assert percents == [1, 0, 0]


@pytest.mark.virtual
async def test_a_pulse_glides_where_the_light_can_be_dimmed(header: MockFactory) -> None:
    async with GpioLed([27], look=Look(brightness=80)) as leds:
        leds.show(Pattern.SPEAKING)
        levels = await seen(header, 27, 1200)
        assert len(levels) > 20
        assert max(levels) == pytest.approx(0.8, abs=0.05)


@pytest.mark.virtual
async def test_a_steady_light_is_dimmed_when_the_night_begins(header: MockFactory) -> None:
    wall = SimpleNamespace(minute=1319)
    look = Look(night="22:00-07:00", night_brightness=10)
    async with GpioLed([27], look=look, minute=lambda: wall.minute) as leds:
        leds.show_mic(is_open=True)
        await asyncio.sleep(1)
        assert level(header, 27) == 1
        wall.minute = 1320
        await until(lambda: level(header, 27) == pytest.approx(0.1), within_s=61)


@pytest.mark.virtual
async def test_the_light_of_the_microphone_may_be_the_only_one(header: MockFactory) -> None:
    async with GpioLed([], mic_pin=25) as leds:
        leds.show(Pattern.MUTED)
        leds.show_mic(is_open=True)
        assert level(header, 25) == 1
        leds.show_mic(is_open=False)
        assert await seen(header, 25, 3000) == {0.0}


@pytest.mark.virtual
async def test_every_light_is_off_after_the_end(header: MockFactory) -> None:
    async with GpioLed([27], mic_pin=25) as leds:
        leds.show(Pattern.LISTENING)
        leds.show_mic(is_open=True)
        pins = [header.pin(27), header.pin(25)]
        assert [pin.state for pin in pins] == [1, 1]
    assert [bool(pin.states[-1].state) for pin in pins] == [False, False]
    leds.show(Pattern.IDLE)
    leds.show_mic(is_open=True)
    busy_pin(header, 27).close()


@pytest.mark.virtual
async def test_a_light_that_cannot_be_had_never_stops_anything(header: MockFactory) -> None:
    other = busy_pin(header, 27)
    async with GpioLed([27], mic_pin=25) as leds:
        assert [problem.device for problem in leds.problems] == ["light on GPIO 27"]
        leds.show(Pattern.IDLE)
        leds.show_mic(is_open=True)
        assert level(header, 25) == 1
        other.close()
        await until(lambda: not leds.problems, within_s=RETRY_S + 1)
        assert await seen(header, 27, 4000) == {0.0, 1.0}


@pytest.mark.virtual
async def test_a_light_that_breaks_is_taken_again(
    header: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pin: MockPWMPin, value: float) -> None:
        raise OSError(5, "Input/output error")

    async with GpioLed([27], mic_pin=25) as leds:
        leds.show(Pattern.LISTENING)
        leds.show_mic(is_open=True)
        with monkeypatch.context() as broken:
            broken.setattr(MockPWMPin, "_set_state", fail)
            leds.show_mic(is_open=False)
            leds.show(Pattern.OPENING)
            await asyncio.sleep(1)
            assert len(leds.problems) == 2
            leds.show(Pattern.LISTENING)
            leds.show_mic(is_open=True)
        await until(lambda: not leds.problems, within_s=RETRY_S + 1)
        assert [level(header, pin) for pin in (27, 25)] == [1, 1]
