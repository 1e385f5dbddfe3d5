from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from gpiozero import Device, InputDevice, PinUnknownPi
from gpiozero.pins.mock import MockFactory

from pi_voice.errors import join, me
from pi_voice.hardware import pins
from pi_voice.hardware.pins import Claim, explain, pin_errors, pin_factory


class LgpioError(Exception):
    """As in lgpio: derived from nothing that says where it comes from."""


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, without the C library behind it."""
    module = ModuleType("lgpio")
    module.error = LgpioError  # type: ignore[attr-defined]  # made up on the spot
    monkeypatch.setitem(sys.modules, "lgpio", module)
    return module


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    made = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", made)
    yield made
    made.reset()


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A GPIO chip that everybody may use."""
    path = tmp_path / "gpiochip0"
    path.touch()
    monkeypatch.setattr(pins, "CHIPS", f"{tmp_path}/gpiochip*")
    return path


def button(factory_error: Exception | None = None) -> Claim[Any]:
    def make(pin: int, factory: Any) -> Any:
        if factory_error is not None:
            raise factory_error
        return InputDevice(pin, pull_up=True, pin_factory=factory)

    return Claim("button", 17, "[button] pin", make)


@pytest.mark.usefixtures("factory")
def test_a_pin_is_taken_once_and_given_back() -> None:
    claim = button()
    assert claim.take()
    part = claim.part
    assert claim.take()
    assert claim.part is part is not None
    claim.close()
    assert part.closed
    claim.close()
    assert button().take()


@pytest.mark.usefixtures("factory", "chip")
def test_a_pin_that_cannot_be_had_is_said_once_and_its_return_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first, second = button(), button()
    first.take()
    assert [second.take() for _ in range(3)] == [False, False, False]
    assert second.problem is not None
    first.close()
    assert second.take()
    assert second.problem is None
    texts = [f"{record.levelname} {record.message}" for record in caplog.records]
    assert texts == [
        "WARNING button on GPIO 17 is taken by another part of this box. Change [button] pin",
        "INFO button on GPIO 17 works now",
    ]


@pytest.mark.usefixtures("factory", "chip")
def test_a_pin_that_fails_in_use_can_be_taken_again() -> None:
    claim = button()
    claim.take()
    claim.lose(OSError(errno.EIO, "broken"))
    assert claim.part is None
    assert "broken" in str(claim.problem)
    assert claim.take()


@pytest.mark.usefixtures("factory")
def test_a_fault_of_ours_is_not_taken_for_one_of_the_pin() -> None:
    with pytest.raises(ZeroDivisionError):
        button(ZeroDivisionError()).take()


def explained(error: Exception) -> str:
    return str(explain("button on GPIO 17", 17, "[button] pin", error))


@pytest.mark.usefixtures("chip")
def test_a_busy_pin_names_who_has_it(lgpio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lgpio.gpio_get_line_info = lambda handle, pin: (0, pin, 1, "GPIO17", "spi0 CS1")
    monkeypatch.setattr(Device, "pin_factory", SimpleNamespace(_handle=3))
    assert explained(LgpioError("'GPIO busy'")) == (
        "button on GPIO 17 is in use by 'spi0 CS1'. Free the pin, or change [button] pin"
    )


@pytest.mark.usefixtures("chip")
def test_a_busy_pin_of_a_chip_that_does_not_answer_names_nobody(
    lgpio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(handle: int, pin: int) -> None:
        raise LgpioError

    lgpio.gpio_get_line_info = silent
    monkeypatch.setattr(Device, "pin_factory", SimpleNamespace(_handle=3))
    wanted = "button on GPIO 17 is in use by another program. Free the pin, or change [button] pin"
    assert explained(LgpioError("'GPIO busy'")) == wanted
    monkeypatch.setattr(Device, "pin_factory", None)
    assert explained(OSError(errno.EBUSY, "Device or resource busy")) == wanted


def test_a_missing_driver_names_the_package() -> None:
    assert explained(ModuleNotFoundError("No module named 'lgpio'", name="lgpio")) == (
        "button on GPIO 17 cannot be used: the driver lgpio is missing. "
        'On a Pi run: sudo apt install python3-lgpio; without pins set driver = "none"'
    )


def test_a_folder_that_lgpio_cannot_write_names_the_variable() -> None:
    assert explained(FileNotFoundError(2, "No such file or directory", ".lgd-nfy-3")) == (
        "button on GPIO 17 cannot be used: lgpio may not write into the working directory. "
        "Set LG_WD to a folder that this user may write"
    )


def test_a_machine_without_pins_names_the_setting(chip: Path) -> None:
    chip.unlink()
    assert explained(PinUnknownPi("unable to locate Pi revision")) == (
        "button on GPIO 17 cannot be used: this machine has no GPIO chip. "
        'Set driver = "none" in [button] and in [leds]'
    )


def test_a_missing_group_names_the_command(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may open everything
    assert explained(LgpioError("'can not open gpiochip'")) == (
        f"button on GPIO 17 may not be used by {me()}: {chip} is closed. {join('gpio')}"
    )


@pytest.mark.usefixtures("chip")
def test_anything_else_says_what_the_driver_said() -> None:
    assert explained(OSError(errno.EIO, "Input/output error")) == (
        "button on GPIO 17 cannot be used: [Errno 5] Input/output error. "
        "Check the wiring and [button] pin"
    )


@pytest.mark.usefixtures("chip")
def test_a_board_that_is_no_pi_names_the_setting() -> None:
    assert explained(PinUnknownPi("unable to locate Pi revision in /proc/cpuinfo")) == (
        "button on GPIO 17 cannot be used: this board is no Raspberry Pi that gpiozero knows. "
        'Set driver = "none" in [button] and in [leds]'
    )


def test_errors_of_lgpio_count_once_it_is_there(lgpio: Any) -> None:
    assert lgpio.error in pin_errors()


def test_the_pins_are_opened_once(factory: MockFactory) -> None:
    assert pin_factory() is factory


def test_another_driver_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    assert isinstance(pin_factory(), MockFactory)


def test_without_lgpio_no_other_driver_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setitem(sys.modules, "lgpio", None)
    with pytest.raises(ModuleNotFoundError, match="lgpio"):
        pin_factory()


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        (["pinctrl-bcm2711"], 0),
        (["brcmvirt-gpio", "pinctrl-bcm2835"], 1),
        (["gpio-brcmstb@107d508500", "x", "x", "x", "pinctrl-rp1"], 4),
        (["sunxi"], None),
        ([], None),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_label(
    lgpio: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    labels: list[str],
    number: int | None,
) -> None:
    for chip in range(len(labels)):
        (tmp_path / f"gpiochip{chip}").touch()
    monkeypatch.setattr(pins, "CHIPS", f"{tmp_path}/gpiochip*")
    opened: list[int] = []

    def gpiochip_open(chip: int) -> int:
        opened.append(chip)
        return chip

    lgpio.gpiochip_open = gpiochip_open
    lgpio.gpiochip_close = opened.remove
    lgpio.gpio_get_chip_info = lambda chip: (0, 54, f"gpiochip{chip}", labels[chip])
    assert pins._header_chip() == number
    assert opened == []
