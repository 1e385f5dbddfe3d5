"""Checks of users and groups, pins, the SPI bus, and the libraries that reach them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pi_voice.doctor.chips import HEADERS, Chip
from pi_voice.doctor.facts import USER, Facts
from pi_voice.doctor.findings import Finding, fault, note, ok, warning

GROUPS, ME, CHIP, PINS = "access.groups", "access.user", "access.chip", "access.pins"
LIBRARIES, SPI, FOLDER = "access.libraries", "access.spi", "access.folder"
OURS = ("lg", "gpiozero", "pi-voice")  # by which names the kernel knows the pins of the service
WITHOUT_PINS = (  # the usual mode needs a button
    'do without pins: driver = "none" in [button] and [leds], mode = "voice" in [activation]'
)
SYSUSERS = "sudo systemd-sysusers"


def _needed(facts: Facts) -> list[str]:
    """The groups without which a part of this configuration cannot be opened."""
    groups = ["audio"]
    if facts.pins:
        groups.append("gpio")
    if facts.has_strip:
        groups.append("spi")
    return groups


def groups(facts: Facts) -> Iterator[Finding]:
    """The service's own user, where the service is installed."""
    if not facts.unit.known and USER not in facts.users:
        return
    if USER not in facts.users:
        yield fault(GROUPS, f"there is no user {USER!r}, and the unit names it", SYSUSERS)
        return
    needed = _needed(facts)
    lost = [group for group in needed if group not in facts.members]
    outside = [g for g in needed if g not in lost and USER not in facts.members[g]]
    if lost:
        what = f"there is no group {', '.join(lost)}: the unit ends with 216/GROUP"
        yield fault(GROUPS, what, " && ".join(f"sudo groupadd -r {group}" for group in lost))
    if outside:
        fix = f"sudo usermod -aG {','.join(outside)} {USER} && sudo systemctl restart pi-voice"
        yield fault(GROUPS, f"{USER} is not in {', '.join(outside)}", fix)
    if not lost and not outside:
        yield ok(GROUPS, f"{USER} is in {', '.join(needed)}")


def user(facts: Facts) -> Iterator[Finding]:
    """Who runs the doctor; only of interest for trying things by hand."""
    if facts.system.uid() == 0:
        yield ok(ME, "root may use everything")
        return
    existing = [group for group in _needed(facts) if group in facts.members]
    outside = [group for group in existing if group not in facts.my_groups]
    if outside:
        what = f"{facts.me} is not in {', '.join(outside)}, so what is tried by hand may fail"
        yield note(ME, what, f"sudo usermod -aG {','.join(outside)} {facts.me}; then log in again")
    else:
        yield ok(ME, f"{facts.me} may use cards and pins")


def libraries(facts: Facts) -> Iterator[Finding]:
    if not facts.pins:
        return
    if not facts.system.importable("gpiozero"):
        yield fault(LIBRARIES, "gpiozero is missing", "sudo apt install python3-gpiozero")
    elif not facts.system.importable("lgpio"):
        fix = f"sudo apt install python3-lgpio; or {WITHOUT_PINS}"
        yield fault(LIBRARIES, "lgpio is missing, so no pin can be used", fix)
    else:
        yield ok(LIBRARIES, "gpiozero and lgpio are there")


def chip(facts: Facts) -> Iterator[Finding]:
    if not facts.pins:
        return
    header = _header(facts)
    if header:
        yield ok(CHIP, f"the header is {_name(header)} ({header.label})")
    elif not facts.chips:
        fix = f"{WITHOUT_PINS[:1].upper()}{WITHOUT_PINS[1:]}"
        yield fault(CHIP, "this machine has no GPIO chip", fix)
    elif not any(c.label for c in facts.chips):
        fix = f"sudo usermod -aG gpio {facts.me}; then log in again"
        yield warning(CHIP, f"{facts.me} may not open {_name(facts.chips[0])}", fix)
    else:
        seen = ", ".join(f"{_name(c)} is {c.label!r}" for c in facts.chips if c.label)
        what = f"no GPIO chip is that of a Pi's header ({', '.join(HEADERS)}); {seen}"
        yield warning(CHIP, what, "sudo apt full-upgrade && sudo reboot")


def pins(facts: Facts) -> Iterator[Finding]:
    header = _header(facts)
    if not facts.pins or header is None:
        return
    for pin, key in sorted(facts.pins.items()):
        holder = header.users.get(pin)
        if not holder:
            yield ok(PINS, f"GPIO {pin} ({key}) is free")
        elif facts.unit.active and holder.startswith(OURS):
            yield ok(PINS, f"GPIO {pin} ({key}) is in use by the service itself")
        else:
            fix = f"Free it (a dtoverlay in config.txt, or another program), or change {key}"
            yield fault(PINS, f"GPIO {pin} ({key}) is in use by {holder!r}", fix)


def _header(facts: Facts) -> Chip | None:
    return next((c for c in facts.chips if c.is_header), None)


def _name(chip: Chip) -> str:
    return Path(chip.path).name


def spi(facts: Facts) -> Iterator[Finding]:
    if not facts.has_strip:
        return
    if not facts.system.importable("spidev"):
        yield fault(
            SPI, "spidev is missing, so the strip stays dark", "sudo apt install python3-spidev"
        )
    if not facts.system.glob("/dev/spidev*"):
        fix = "Have dtparam=spi=on in config.txt: sudo raspi-config nonint do_spi 0 && sudo reboot"
        yield fault(SPI, "the strip is on the SPI bus, and the bus is switched off", fix)
    else:
        yield ok(SPI, "the SPI bus is on")


def folder(facts: Facts) -> Iterator[Finding]:
    """Where lgpio makes its pipes; the unit names it in LG_WD."""
    runtime = facts.settings.device.runtime_dir
    if not facts.pins or not facts.unit.active:
        return
    owner = facts.system.owner(runtime)
    if owner is None:
        fix = "sudo systemctl daemon-reload && sudo systemctl restart pi-voice"
        yield warning(FOLDER, f"there is no {runtime}, where lgpio makes its pipes", fix)
    elif USER in facts.users and owner not in (facts.users[USER], 0):
        fix = "sudo systemctl restart pi-voice"
        yield warning(FOLDER, f"{runtime} does not belong to {USER}", fix)
    else:
        yield ok(FOLDER, f"lgpio may write into {runtime}")
