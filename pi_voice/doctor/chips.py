"""The GPIO chips by their label, and who uses their lines; asked of the kernel without a library.

The numbers come from linux/gpio.h, uAPI v2, which every kernel since 5.10 has.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEADERS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")  # Pi 0 to 3, 4, 5
_CHIP_INFO = 0x8044B401  # GPIO_GET_CHIPINFO_IOCTL: name[32], label[32], lines
_LINE_INFO = 0xC100B405  # GPIO_V2_GET_LINEINFO_IOCTL: name[32], consumer[32], offset, count, flags
_LINE_BYTES = 256
_USED = 1  # GPIO_V2_LINE_FLAG_USED


@dataclass(frozen=True, slots=True)
class Chip:
    """One GPIO chip.

    Attributes:
        path: Its file, for example /dev/gpiochip0.
        label: What its driver calls it; "" if it may not be opened.
        users: Who holds a line, by its number; lines that are free are missing.
    """

    path: str
    label: str = ""
    users: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_header(self) -> bool:
        return self.label in HEADERS


def look(path: Path, pins: Iterable[int]) -> Chip:
    """Read one chip and the users of these lines of it; an empty label where it is closed to us."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Chip(str(path))
    try:
        told = bytearray(68)
        fcntl.ioctl(handle, _CHIP_INFO, told)
        lines = struct.unpack_from("I", told, 64)[0]
        asked = {pin: _user(handle, pin) for pin in pins if pin < lines}
    except OSError:  # no GPIO chip at all, or a kernel without this interface
        return Chip(str(path))
    finally:
        os.close(handle)
    return Chip(str(path), _text(told[32:64]), {pin: u for pin, u in asked.items() if u})


def _user(handle: int, pin: int) -> str:
    """Who holds a line; "" if nobody does."""
    told = bytearray(_LINE_BYTES)
    struct.pack_into("I", told, 64, pin)
    fcntl.ioctl(handle, _LINE_INFO, told)
    flags = struct.unpack_from("Q", told, 72)[0]
    return (_text(told[32:64]) or "somebody without a name") if flags & _USED else ""


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).partition(b"\0")[0].decode(errors="replace")
