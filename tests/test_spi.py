from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from pi_voice.errors import join, me
from pi_voice.hardware.spi import DEVICE, SET_HZ, SET_MODE, Bus, SpiBus, explain


class Kernel:
    """A device that is a file, and what it was asked beside being written."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.device = folder / "spidev0.0"
        self.limit = folder / "bufsiz"
        self.limit.write_text("8\n")
        self.asked: list[tuple[int, bytes]] = []
        self.writes: list[bytes] = []
        self._write = os.write
        monkeypatch.setattr(fcntl, "ioctl", self._ioctl)
        monkeypatch.setattr(os, "write", self._written)

    def bus(self) -> SpiBus:
        return SpiBus(self.device, self.limit)

    def _ioctl(self, file: int, request: int, argument: bytes) -> int:
        self.asked.append((request, argument))
        return 0

    def _written(self, file: int, data: bytes) -> int:
        self.writes.append(data)
        return self._write(file, data)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path, monkeypatch)
    made.device.touch()
    return made


def test_the_requests_are_those_of_the_kernel() -> None:
    def write_request(number: int, size: int) -> int:  # _IOW of asm-generic/ioctl.h
        return 1 << 30 | size << 16 | ord("k") << 8 | number

    assert write_request(1, 1) == SET_MODE
    assert write_request(4, 4) == SET_HZ


def test_the_bus_is_set_to_its_mode_and_its_speed(kernel: Kernel) -> None:
    bus: Bus = kernel.bus()
    bus.open(2_400_000)
    assert kernel.asked == [(SET_MODE, b"\0"), (SET_HZ, (2_400_000).to_bytes(4, "little"))]
    bus.close()
    bus.close()


def test_what_is_too_much_at_once_is_sent_in_pieces(kernel: Kernel) -> None:
    bus = kernel.bus()
    bus.open(1000)
    bus.write(bytes(range(20)), in_one_piece=False)
    bus.close()
    assert [len(data) for data in kernel.writes] == [8, 8, 4]
    assert kernel.device.read_bytes() == bytes(range(20))


def test_what_may_not_pause_is_refused_if_it_would(kernel: Kernel) -> None:
    bus = kernel.bus()
    bus.open(1000)
    bus.write(bytes(8), in_one_piece=True)
    with pytest.raises(OSError, match="9 bytes at once, of 8 allowed"):
        bus.write(bytes(9), in_one_piece=True)
    kernel.limit.unlink()
    bus.write(bytes(4096), in_one_piece=True)
    bus.close()


def test_a_device_that_is_no_bus_is_not_kept_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "spidev0.0"
    device.touch()
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="ioctl"):
        SpiBus(device).open(1000)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_bus_that_is_off_is_named() -> None:
    with pytest.raises(FileNotFoundError) as missing:
        SpiBus(Path("/dev/spidev-none")).open(1000)
    assert str(explain(missing.value)) == (
        "light strip on /dev/spidev0.0 cannot be used: SPI is switched off. "
        "Run: sudo raspi-config nonint do_spi 0; then restart the box"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied"),
            f"may not be used by {me()}. {join('spi')}",
        ),
        (
            OSError(errno.EMSGSIZE, "9250 bytes at once, of 4096 allowed"),
            "is too long (9250 bytes at once, of 4096 allowed). Lower [leds] count, or add "
            "spidev.bufsiz=32768 to /boot/firmware/cmdline.txt",
        ),
        (
            OSError(errno.EIO, "Input/output error"),
            "cannot be used: Input/output error. Check [leds] driver, and that nothing else uses "
            "SPI",
        ),
    ],
)
def test_every_fault_ends_in_what_to_do(error: OSError, text: str) -> None:
    assert str(explain(error)) == f"light strip on {DEVICE} {text}"
