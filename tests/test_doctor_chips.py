from __future__ import annotations

import fcntl
import struct
from pathlib import Path

import pytest

from pi_voice.doctor.chips import Chip, look

CHIP_INFO, LINE_INFO = 0x8044B401, 0xC100B405


def kernel(handle: int, request: int, told: bytearray) -> int:
    """A chip of 54 lines, as linux/gpio.h lays it out; somebody has line 17, and nameless 18."""
    if request == CHIP_INFO:
        told[:] = struct.pack("32s32sI", b"gpiochip0", b"pinctrl-bcm2711", 54)
        return 0
    assert request == LINE_INFO
    offset = struct.unpack_from("I", told, 64)[0]
    if offset >= 54:
        raise OSError(22, "Invalid argument")
    user, flags = {17: (b"lg", 0b1001), 18: (b"", 1)}.get(offset, (b"stale", 0b0100))
    told[:] = struct.pack("32s32sIIQ176x", b"GPIO", user, offset, 0, flags)
    return 0


def test_a_chip_is_known_by_its_label_and_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", kernel)
    node = tmp_path / "gpiochip0"
    node.touch()
    chip = look(node, [17, 18, 27, 99])
    users = {17: "lg", 18: "somebody without a name"}
    assert chip == Chip(str(node), "pinctrl-bcm2711", users)
    assert chip.is_header


def test_what_is_no_chip_has_no_label(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    assert look(tmp_path / "gpiochip0", [17]) == Chip(str(tmp_path / "gpiochip0"))
    assert look(tmp_path / "gone", [17]).label == ""
    assert not Chip("/dev/gpiochip1", "raspberrypi-exp-gpio").is_header
