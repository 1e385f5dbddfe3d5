"""The pins of the header: opened through gpiozero, taken when they can be, and why not if not."""

from __future__ import annotations

import glob
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from pi_voice.errors import DeviceError, join, me

logger = logging.getLogger(__name__)

RETRY_S = 10.0  # a program that holds a pin, or a chip that is still to come, takes that long
CHIPS = "/dev/gpiochip*"
HEADERS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")  # Pi 0 to 3, 4, 5


class Part(Protocol):
    """What gpiozero's devices have in common."""

    def close(self) -> None: ...


PartT = TypeVar("PartT", bound=Part)


def pin_factory() -> Any:
    """Open the pins of the header, once for the process; gpiozero closes them at its end.

    Asks for lgpio by name: gpiozero's own search ends in drivers that see no edges on kernels of
    today, and only warns. GPIOZERO_PIN_FACTORY names another, as everywhere in gpiozero.
    """
    from gpiozero import Device  # 50 to 500 ms that a box without pins need not pay

    if Device.pin_factory is None:
        if "GPIOZERO_PIN_FACTORY" in os.environ:
            Device.ensure_pin_factory()
        else:
            from gpiozero.pins.lgpio import LGPIOFactory

            Device.pin_factory = LGPIOFactory(chip=_header_chip())
    return Device.pin_factory


def _header_chip() -> int | None:
    """The number of the chip behind the header, by its label: on a Pi 5 it changed with kernels."""
    import lgpio

    for path in sorted(glob.glob(CHIPS)):
        number = int(path.removeprefix(CHIPS.rstrip("*")))
        chip = lgpio.gpiochip_open(number)
        try:
            label = lgpio.gpio_get_chip_info(chip)[3]
        finally:
            lgpio.gpiochip_close(chip)
        if label in HEADERS:
            return number
    return None


def pin_errors() -> tuple[type[Exception], ...]:
    """Everything that gpiozero and the drivers below it raise for a pin that cannot be used."""
    from gpiozero import GPIOZeroError

    lgpio = sys.modules.get("lgpio")  # its error is a bare Exception
    return GPIOZeroError, ImportError, OSError, RuntimeError, *([lgpio.error] if lgpio else [])


class Claim(Generic[PartT]):
    """A pin of ours: taken when it can be, said once when it cannot.

    Args:
        what: The part in plain words, "button".
        pin: BCM number.
        key: Where the configuration names the pin, "[button] pin".
        make: Makes the part of gpiozero on the pin, given the pin factory.

    Attributes:
        part: The part while the pin is ours.
        problem: Why it is not; None if it is, or was not tried.
    """

    def __init__(self, what: str, pin: int, key: str, make: Callable[[int, Any], PartT]) -> None:
        self.part: PartT | None = None
        self.problem: DeviceError | None = None
        self._what = f"{what} on GPIO {pin}"
        self._pin = pin
        self._key = key
        self._make = make

    def take(self) -> bool:
        """Try to get the pin; true if it is ours."""
        if self.part is not None:
            return True
        try:
            self.part = self._make(self._pin, pin_factory())
        except pin_errors() as error:
            self._report(error)
            return False
        if self.problem is not None:
            logger.info("%s works now", self._what)
            self.problem = None
        return True

    def lose(self, error: Exception) -> None:
        """The pin failed in use: give it back, so that it can be taken again."""
        self.close()
        self._report(error)

    def close(self) -> None:
        part, self.part = self.part, None
        if part is None:
            return
        try:
            part.close()
        except pin_errors() as error:
            logger.debug("%s could not be closed: %s", self._what, error)

    def _report(self, error: Exception) -> None:
        level = logging.DEBUG if self.problem else logging.WARNING
        self.problem = explain(self._what, self._pin, self._key, error)
        logger.log(level, "%s", self.problem)


def explain(what: str, pin: int, key: str, error: Exception) -> DeviceError:
    """Say what is wrong with a pin, and what to do."""
    from gpiozero import GPIOPinInUse, PinUnknownPi

    text = str(error)
    if isinstance(error, GPIOPinInUse):
        return DeviceError(what, "is taken by another part of this box", f"Change {key}")
    chips = glob.glob(CHIPS)
    if "busy" in text:
        holder = _holder(pin)
        fact = f"is in use by {holder!r}" if holder else "is in use by another program"
        return DeviceError(what, fact, f"Free the pin, or change {key}")
    if isinstance(error, ImportError) and error.name in ("lgpio", "_lgpio"):
        fact = "cannot be used: the driver lgpio is missing"
        return DeviceError(
            what,
            fact,
            'On a Pi run: sudo apt install python3-lgpio; without pins set driver = "none"',
        )
    if isinstance(error, FileNotFoundError) and ".lgd-nfy" in text:
        fact = "cannot be used: lgpio may not write into the working directory"
        return DeviceError(what, fact, "Set LG_WD to a folder that this user may write")
    if not chips or isinstance(error, PinUnknownPi):
        no_pi = "this board is no Raspberry Pi that gpiozero knows"
        fact = f"cannot be used: {no_pi if chips else 'this machine has no GPIO chip'}"
        return DeviceError(what, fact, 'Set driver = "none" in [button] and in [leds]')
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return DeviceError(what, f"may not be used by {me()}: {chips[0]} is closed", join("gpio"))
    return DeviceError(what, f"cannot be used: {text}", f"Check the wiring and {key}")


def _holder(pin: int) -> str:
    """The name that the kernel gives for whoever holds a pin; empty if it cannot be told."""
    from gpiozero import Device

    lgpio = sys.modules.get("lgpio")
    handle = getattr(Device.pin_factory, "_handle", None)  # gpiozero offers no way to ask
    if lgpio is None or handle is None:
        return ""
    try:
        user = lgpio.gpio_get_line_info(handle, pin)[4]
    except lgpio.error:
        return ""
    return user.decode() if isinstance(user, bytes) else str(user)
