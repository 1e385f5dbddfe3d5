"""Checks of the board: power, heat, disk, and what the system does when something breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pi_voice.doctor.facts import USER, Facts
from pi_voice.doctor.findings import Finding, fault, note, ok, warning

MODEL, POWER, HEAT, DISK = "board.model", "board.power", "board.heat", "board.disk"
STATE, JOURNAL, MEMORY, WATCHDOG = (
    "board.state",
    "board.journal",
    "board.memory",
    "board.watchdog",
)
# bits of the firmware's get_throttled: now, and since the board was started
UNDERVOLTAGE, SLOWED, UNDERVOLTAGE_BEFORE = 1 << 0, 0b1110, 1 << 16
THROTTLED_FILE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
HOT_C, TOO_HOT_C = 75.0, 80.0  # from 80 °C on the firmware slows the processor down
ROOM_BYTES = 400_000_000  # what install.sh wants for an upgrade
TIGHT_BYTES = 20 * 2**20
CONTROLLERS = "/sys/fs/cgroup/cgroup.controllers"
SUPPLY = "Use the official supply and a short cable, and a powered hub for USB sound cards"


def model(facts: Facts) -> Iterator[Finding]:
    machine = facts.system.machine()
    what = f"{facts.board or 'no Raspberry Pi'}, {machine}"
    if machine == "armv6l":
        fix = "Use a Zero 2 W, a Pi 3 or a newer board"
        yield fault(MODEL, f"{what}: processors of the first generation are too slow", fix)
    else:
        yield ok(MODEL, f"{what}, kernel {facts.system.read('/proc/sys/kernel/osrelease').strip()}")


def power(facts: Facts) -> Iterator[Finding]:
    bits = _throttled(facts)
    if bits is None:
        return
    if bits & UNDERVOLTAGE:
        yield warning(POWER, "the supply is too weak: undervoltage right now", SUPPLY)
    elif bits & UNDERVOLTAGE_BEFORE:
        yield warning(POWER, "there was undervoltage since the board was started", SUPPLY)
    elif bits & SLOWED:
        yield warning(POWER, "the processor is slowed down", "Give it air or a heat sink")
    else:
        yield ok(POWER, "the supply is strong enough")


def _throttled(facts: Facts) -> int | None:
    """The bits of the firmware; None where there is none."""
    told = facts.system.run("vcgencmd", "get_throttled").out.partition("=")[2]
    if found := re.match(r"0x([0-9a-f]+)", told.strip()):
        return int(found[1], 16)
    text = facts.system.read(THROTTLED_FILE).strip()
    if re.fullmatch(r"[0-9a-f]+", text):
        return int(text, 16)
    for alarm in facts.system.glob("/sys/class/hwmon/hwmon*/in0_lcrit_alarm"):
        if facts.system.read(f"{Path(alarm).parent}/name").strip() == "rpi_volt":
            return UNDERVOLTAGE if facts.system.read(alarm).strip() == "1" else 0
    return None


def heat(facts: Facts) -> Iterator[Finding]:
    text = facts.system.read("/sys/class/thermal/thermal_zone0/temp").strip()
    if not re.fullmatch(r"-?\d+", text):
        return
    degrees_c = int(text) / 1000
    what = f"the processor has {degrees_c:.0f} °C"
    if degrees_c >= TOO_HOT_C:
        yield warning(HEAT, f"{what}, and is slowed down for it", "Give it air or a heat sink")
    elif degrees_c >= HOT_C:
        yield note(HEAT, f"{what}", "Give it air or a heat sink")
    else:
        yield ok(HEAT, what)


def disk(facts: Facts) -> Iterator[Finding]:
    folder = _existing(facts, facts.settings.device.state_dir)
    room = facts.system.space(folder)
    if room is None or not room.total_bytes:
        return
    what = f"{room.free_bytes / 2**20:,.0f} MiB are free on {folder}"
    fix = "sudo apt clean; sudo journalctl --vacuum-size=50M; then see: df -h"
    if room.free_bytes < TIGHT_BYTES:
        yield fault(DISK, f"{what}: the disk is full", fix)
    elif room.free_bytes < ROOM_BYTES:
        yield warning(DISK, f"{what}: too few for an upgrade", fix)
    else:
        yield ok(DISK, what)


def _existing(facts: Facts, folder: Path) -> Path:
    chain = (folder, *folder.parents)
    return next((path for path in chain if facts.system.exists(path)), Path("/"))


def state(facts: Facts) -> Iterator[Finding]:
    """Can mute, volume and counters outlive a power cut?"""
    folder = facts.settings.device.state_dir
    mount = facts.mount_of(folder)
    if mount is not None and mount.read_only:
        what = f"{mount.folder} is read-only, so mute and volume are forgotten at every restart"
        fix = f"Mount a writable partition at {folder}"
        if mount.folder == "/":
            fix += "; if that is not your wish, the card may be worn out: sudo dmesg | grep -i mmc"
        yield warning(STATE, what, fix)
        return
    forgets = mount is not None and mount.kind in ("overlay", "tmpfs")
    if forgets:
        what = f"{folder} is kept in memory: mute and volume are forgotten with every power cut"
        yield note(STATE, what, f"Mount a partition of its own at {folder}")
    owner = facts.system.owner(folder)
    if owner is None:
        if facts.unit.known:
            fix = "sudo systemctl restart pi-voice"
            yield note(STATE, f"there is no {folder} yet; the service makes it", fix)
    elif USER in facts.users and owner != facts.users[USER]:
        fix = f"sudo chown -R {USER}: {folder} && sudo systemctl restart pi-voice"
        yield warning(STATE, f"{folder} does not belong to {USER}, who has to write there", fix)
    elif not forgets:
        yield ok(STATE, f"{folder} can keep what must outlive a power cut")


def journal(facts: Facts) -> Iterator[Finding]:
    if facts.system.glob("/run/log/journal/*"):  # journald moves it to the disk if it may
        fix = (
            "sudo mkdir -p /etc/systemd/journald.conf.d && "
            "printf '[Journal]\\nStorage=persistent\\nSystemMaxUse=64M\\n' | "
            "sudo tee /etc/systemd/journald.conf.d/60-pi-voice.conf && "
            "sudo systemctl restart systemd-journald"
        )
        what = "the log is in memory: after a power cut nobody knows what was (kind to the card)"
        yield note(JOURNAL, what, fix)
    elif facts.system.exists("/var/log/journal"):
        yield ok(JOURNAL, "the log outlives a restart")


def memory(facts: Facts) -> Iterator[Finding]:
    controllers = facts.system.read(CONTROLLERS).split()
    if not controllers:
        return
    if "memory" in controllers:
        yield ok(MEMORY, "the unit's limit of memory holds")
    else:
        files = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
        file = next((name for name in files if facts.system.exists(name)), files[0])
        fix = f"sudo sed -i '1s/$/ cgroup_enable=memory/' {file} && sudo reboot"
        yield note(MEMORY, "the kernel was started without limits of memory for services", fix)


def watchdog(facts: Facts) -> Iterator[Finding]:
    if not facts.system.glob("/dev/watchdog*"):
        return
    told = facts.system.run("systemctl", "show", "--property", "RuntimeWatchdogUSec", "--value")
    if not told.ok:
        return
    if told.out.strip() in ("", "0", "infinity"):
        fix = (
            "sudo mkdir -p /etc/systemd/system.conf.d && "
            "printf '[Manager]\\nRuntimeWatchdogSec=60s\\n' | "
            "sudo tee /etc/systemd/system.conf.d/60-pi-voice.conf && sudo systemctl daemon-reexec"
        )
        yield note(WATCHDOG, "a board that hangs stays so: its watchdog is not used", fix)
    else:
        yield ok(WATCHDOG, f"a board that hangs is restarted after {told.out.strip()}")
