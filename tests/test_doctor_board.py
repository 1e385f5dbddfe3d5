from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_voice.doctor import board
from pi_voice.doctor.system import Space
from pi_voice.installer.command import FREE_BYTES
from tests.fake_system import Patient, levels, words

STATE = "/var/lib/pi-voice"


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_the_board_and_its_kernel_are_named(pi: Patient) -> None:
    pi.system.write("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0")
    pi.system.write("/proc/sys/kernel/osrelease", "6.12.47+rpt-rpi-v8\n")
    expected = "Raspberry Pi 4 Model B Rev 1.5, aarch64, kernel 6.12.47+rpt-rpi-v8"
    assert words(board.model(pi.facts)) == [("ok", expected)]


def test_a_board_of_the_first_generation_is_refused(pi: Patient) -> None:
    pi.system.processor = "armv6l"
    assert levels(board.model(pi.facts)) == ["failure"]


@pytest.mark.parametrize(
    ("bits", "level", "fact"),
    [
        ("0x0", "ok", "the supply is strong enough"),
        ("0x50005", "warning", "the supply is too weak: undervoltage right now"),
        ("0x50000", "warning", "there was undervoltage since the board was started"),
        ("0x4", "warning", "the processor is slowed down"),
    ],
)
def test_the_firmware_tells_of_a_weak_supply(pi: Patient, bits: str, level: str, fact: str) -> None:
    pi.system.answer("vcgencmd get_throttled", f"throttled={bits}\n")
    assert words(board.power(pi.facts)) == [(level, fact)]


def test_the_supply_is_judged_without_vcgencmd_too(pi: Patient) -> None:
    assert words(board.power(pi.facts)) == []
    pi.system.write("/sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    pi.system.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert levels(board.power(pi.facts)) == ["warning"]
    pi.system.write("/sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
    assert levels(board.power(pi.facts)) == ["ok"]


@pytest.mark.parametrize(
    ("millidegrees", "level"), [("48312", "ok"), ("77000", "note"), ("84000", "warning")]
)
def test_heat_is_told(pi: Patient, millidegrees: str, level: str) -> None:
    pi.system.write("/sys/class/thermal/thermal_zone0/temp", f"{millidegrees}\n")
    assert levels(board.heat(pi.facts)) == [level]


@pytest.mark.parametrize(
    ("free", "level"), [(5 * 2**20, "failure"), (100 * 2**20, "warning"), (2**30, "ok")]
)
def test_a_full_disk_is_told_before_it_hurts(pi: Patient, free: int, level: str) -> None:
    pi.system.room = Space(free, 2**34)
    assert levels(board.disk(pi.facts)) == [level]


def test_what_an_upgrade_needs_is_what_the_installer_asks_for() -> None:
    assert board.ROOM_BYTES == FREE_BYTES


def test_a_read_only_root_forgets_what_must_be_kept(pi: Patient) -> None:
    pi.system.write("/proc/self/mounts", "/dev/root / ext4 ro,noatime 0 0\n")
    (found,) = board.state(pi.facts)
    assert found.level == "warning"
    assert found.fix.startswith(f"Mount a writable partition at {STATE}")


def test_an_overlay_forgets_at_the_next_power_cut(pi: Patient) -> None:
    pi.system.write("/proc/self/mounts", "overlayroot / overlay rw 0 0\n")
    assert levels(board.state(pi.facts)) == ["note"]
    pi.system.write(
        "/proc/self/mounts", f"overlayroot / overlay rw 0 0\n/dev/sda1 {STATE} ext4 rw 0 0\n"
    )
    assert levels(board.state(pi.facts)) == []


def test_a_folder_of_somebody_else_cannot_be_written(pi: Patient) -> None:
    pi.system.path(STATE).mkdir(parents=True)
    pi.system.write("/etc/passwd", f"pi-voice:x:{os.getuid() + 1}:1::/:\n")
    (found,) = board.state(pi.facts)
    assert found.fix.startswith(f"sudo chown -R pi-voice: {STATE}")
    pi.system.write("/etc/passwd", f"pi-voice:x:{os.getuid()}:1::/:\n")
    assert levels(board.state(pi.facts)) == ["ok"]


def test_the_folder_of_a_service_that_never_ran_is_a_note(pi: Patient) -> None:
    pi.system.unit(ActiveState="inactive")
    assert levels(board.state(pi.facts)) == ["note"]


def test_a_log_in_memory_is_a_note(pi: Patient) -> None:
    here = pi.system.path("/run/log/journal/0123456789abcdef")
    here.mkdir(parents=True)
    assert levels(board.journal(pi.facts)) == ["note"]
    # systemd's package makes this folder, and Storage=volatile leaves it empty
    pi.system.path("/var/log/journal").mkdir(parents=True)
    assert levels(board.journal(pi.facts)) == ["note"]
    here.rmdir()
    assert levels(board.journal(pi.facts)) == ["ok"]


def test_a_kernel_without_limits_of_memory_is_a_note(pi: Patient) -> None:
    assert levels(board.memory(pi.facts)) == []
    pi.system.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n")
    pi.system.write("/boot/cmdline.txt", "root=/dev/mmcblk0p2\n")
    (found,) = board.memory(pi.facts)
    assert found.fix.startswith("sudo sed -i '1s/$/ cgroup_enable=memory/' /boot/cmdline.txt")
    pi.system.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    assert levels(board.memory(pi.facts)) == ["ok"]


def test_a_watchdog_that_nobody_uses_is_a_note(pi: Patient) -> None:
    assert levels(board.watchdog(pi.facts)) == []
    pi.system.write("/dev/watchdog0")
    pi.system.answer("systemctl show --property RuntimeWatchdogUSec", "0\n")
    assert levels(board.watchdog(pi.facts)) == ["note"]
    pi.system.answer("systemctl show --property RuntimeWatchdogUSec", "1min\n")
    assert words(board.watchdog(pi.facts)) == [("ok", "a board that hangs is restarted after 1min")]
