"""The SPI bus of the header, through the files of the kernel (linux/spi/spidev.h); no library."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Protocol

from pi_voice.errors import DeviceError, join, me

DEVICE = Path("/dev/spidev0.0")  # data on GPIO 10, clock on GPIO 11, on every Pi
LIMIT = Path("/sys/module/spidev/parameters/bufsiz")
USUAL_LIMIT_BYTES = 4096
SET_MODE = 0x40016B01  # SPI_IOC_WR_MODE: one byte
SET_HZ = 0x40046B04  # SPI_IOC_WR_MAX_SPEED_HZ: four bytes


class Bus(Protocol):
    """Where a strip is connected. Its calls block for as long as the bits take."""

    def open(self, hz: int) -> None:
        """Raises: OSError, if it cannot be had."""

    def write(self, data: bytes, *, in_one_piece: bool) -> None:
        """Raises: OSError, if it fails, or if so much cannot be sent without a pause."""

    def close(self) -> None: ...


class SpiBus:
    """Implements `Bus` over a device of the kernel.

    Args:
        device: Its file.
        limit: Where the kernel says how many bytes it takes at once.
    """

    def __init__(self, device: Path = DEVICE, limit: Path = LIMIT) -> None:
        self._device = device
        self._limit = limit
        self._file: int | None = None

    def open(self, hz: int) -> None:
        file = os.open(self._device, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(file, SET_MODE, bytes(1))  # whoever used the bus before may have set it
            fcntl.ioctl(file, SET_HZ, struct.pack("=I", hz))
        except OSError:
            os.close(file)
            raise
        self._file = file

    def write(self, data: bytes, *, in_one_piece: bool) -> None:
        assert self._file is not None  # opened before
        most = self._most_bytes()
        if in_one_piece and len(data) > most:
            raise OSError(errno.EMSGSIZE, f"{len(data)} bytes at once, of {most} allowed")
        for begin in range(0, len(data), most):
            os.write(self._file, data[begin : begin + most])

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _most_bytes(self) -> int:
        try:
            return int(self._limit.read_text())
        except (OSError, ValueError):  # built into the kernel, with what is usual
            return USUAL_LIMIT_BYTES


def explain(error: OSError, device: Path = DEVICE) -> DeviceError:
    """Say why the strip stays dark, and what to do."""
    what = f"light strip on {device}"
    if error.errno == errno.ENOENT:
        fix = "Run: sudo raspi-config nonint do_spi 0; then restart the box"
        return DeviceError(what, "cannot be used: SPI is switched off", fix)
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceError(what, f"may not be used by {me()}", join("spi"))
    if error.errno == errno.EMSGSIZE:
        fact = f"is too long ({error.strerror})"
        fix = "Lower [leds] count, or add spidev.bufsiz=32768 to /boot/firmware/cmdline.txt"
        return DeviceError(what, fact, fix)
    fix = "Check [leds] driver, and that nothing else uses SPI"
    return DeviceError(what, f"cannot be used: {error.strerror or error}", fix)
