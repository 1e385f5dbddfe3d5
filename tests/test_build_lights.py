from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from pi_voice import build_lights, cli
from pi_voice.config import parse
from pi_voice.core.actions import Pattern
from pi_voice.crashes import CrashFile
from pi_voice.hardware import strip
from pi_voice.hardware.absent import NoLeds
from pi_voice.hardware.both import BothLeds
from pi_voice.hardware.gpio import GpioLed
from pi_voice.hardware.strip import StripLeds
from pi_voice.ports import Leds


def made(text: str) -> Leds:
    return build_lights.leds(parse(f"[leds]\n{text}\n"))


@pytest.fixture
def header(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


class Bus:
    """A strip that remembers what it was sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def open(self, hz: int) -> None: ...

    def write(self, data: bytes, *, in_one_piece: bool) -> None:
        self.frames.append(data)

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('driver = "gpio"', GpioLed),
        ('driver = "rgb"', GpioLed),
        ('driver = "apa102"', StripLeds),
        ('driver = "ws2812"', StripLeds),
        ('driver = "ws2812"\nmic_pin = 25', BothLeds),
        ('driver = "none"\nmic_pin = 25', GpioLed),
        ('driver = "none"', NoLeds),
    ],
)
def test_every_driver_makes_its_lights(text: str, kind: type[object]) -> None:
    assert type(made(text)) is kind


@pytest.mark.virtual
async def test_a_pin_shows_the_microphone_where_the_status_has_no_light(
    header: MockFactory,
) -> None:
    async with made('driver = "none"\nmic_pin = 25') as leds:
        leds.show(Pattern.MUTED)
        leds.show_mic(is_open=True)
        assert header.pin(25).state == 1


def test_pins_are_driven_low_and_let_go_of(header: MockFactory, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[leds]\nmic_pin = 25\n[leds.patterns]\nstarting = "red solid"\n')
    assert cli.main(["lights", "off", "--config", str(config)]) == 0
    for number in (27, 25):
        pin = header.pin(number)
        assert pin.function == "input"
        assert {bool(moment.state) for moment in pin.states} == {False}
        assert len(pin.states) > 1 or pin.state == 0


@pytest.mark.usefixtures("header")
def test_after_a_crash_of_the_service_it_is_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, kept = tmp_path / "config.toml", CrashFile(tmp_path)
    config.write_text(f'[device]\nruntime_dir = "{tmp_path}"\n[leds]\ndriver = "gone:Leds"\n')
    for name, value in {"SERVICE_RESULT": "signal", "EXIT_STATUS": "SEGV"}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["lights", "off", "--config", str(config)]) == 0
    assert [crash.how for crash in kept.load()] == ["was ended by SIGSEGV"]
    monkeypatch.setenv("SERVICE_RESULT", "success")
    assert cli.main(["lights", "off", "--config", str(config)]) == 0
    assert kept.load() == []


@pytest.mark.parametrize("driver", ["apa102", "ws2812"])
def test_strips_are_black_in_the_end(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus()
    monkeypatch.setattr(strip, "SpiBus", lambda: bus)
    build_lights.lights_off(parse(f'[leds]\ndriver = "{driver}"\ncount = 5\n'))
    encode = strip.CHIPSETS[driver].encode
    assert bus.frames[-1] == encode(strip.BLACK, strip.BLACK, 4)


def test_a_broken_configuration_is_told_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[leds]\npin = 99\n")
    assert cli.main(["lights", "off", "--config", str(config)]) == 0
    assert "[leds] pin = 99" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("[leds]\npin = 22\n[button]\npin = 47\n", 22),
        ("[audio\n[leds]\npin = 22\n", 22),
        ('[button]\npin = 5\n[leds]\ndriver = "neon"\n', 27),
        ("", 27),
    ],
)
def test_the_light_tells_of_a_configuration_that_cannot_be_used(
    header: MockFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, pin: int
) -> None:
    monkeypatch.setattr(build_lights, "COUNTED_S", 0.3)
    path = tmp_path / "config.toml"
    path.write_text(text)
    build_lights.show_misconfigured(path)
    levels = [state.state for state in header.pin(pin).states]
    assert 1 in levels
    assert levels[-1] == 0


def test_a_configuration_that_is_missing_is_told_by_the_usual_light(
    header: MockFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_lights, "COUNTED_S", 0.3)
    build_lights.show_misconfigured(tmp_path / "nowhere.toml")
    assert 1 in [state.state for state in header.pin(27).states]
