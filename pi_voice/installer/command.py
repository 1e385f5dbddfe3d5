"""The verbs of install.sh that change the machine."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pi_voice import config
from pi_voice.config.checks import EMBEDDED
from pi_voice.errors import EXIT_FAULT, ConfigError, PiVoiceError
from pi_voice.installer import plan, release, wishes
from pi_voice.installer.machine import ETC, OPT, STATE, InstallError, Machine
from pi_voice.installer.plan import Start
from pi_voice.installer.release import PROFILES, Release
from pi_voice.installer.start import Started, deafness
from pi_voice.installer.steps import Build, Step, drop, offers_package
from pi_voice.installer.wishes import WITH_A_KEY, Wishes

HERE = Path(__file__).parents[2]
START = "Start it: sudo systemctl restart pi-voice"
REAL_SERVICE = f"""\
It repeats what it hears. For answers, give it a key and an address:
  sudo nano {ETC}/api_key      # the key alone, on one line
  sudo nano {ETC}/config.toml  # below [service]: url = "{WITH_A_KEY}"
  sudo pi-voice config check --service && sudo systemctl restart pi-voice
"""
FREE_BYTES = 400_000_000  # a version with its packages takes 100 to 200 MB


def main(argv: Sequence[str], machine: Machine | None = None) -> int:
    """Run one verb; the exit code of the process."""
    options = understood(argv)
    on = machine or Machine()
    os.umask(0o022)  # the user of the service must be able to read the program
    try:
        if trouble := refusal(on, platform.machine()):
            raise InstallError(trouble)
        if os.geteuid() and not options.dry_run:
            raise InstallError(f"this needs root; run: sudo ./install.sh {' '.join(argv)}".rstrip())
        with contextlib.nullcontext() if options.dry_run else on.alone():
            _VERBS[options.verb](options, on)
    except (PiVoiceError, OSError) as error:
        sys.stderr.write(f"install.sh: {error}\n{_keep(on.transcript())}")
        return EXIT_FAULT
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\ninstall.sh: stopped; run it again to go on\n")
        return 130
    return 0


def refusal(machine: Machine, processor: str) -> str:
    """Why nothing can be installed here, or nothing."""
    if processor == "armv6l":
        return (
            "this Raspberry Pi is too old: the program needs ARMv7 or newer, "
            "a Pi Zero 2 W, a Pi 2 or a later one"
        )
    os_release = machine.at("/etc/os-release")
    words = os_release.read_text().splitlines() if os_release.exists() else []
    named = [line.partition("=")[2] for line in words if line.startswith(("ID=", "ID_LIKE="))]
    if "debian" not in " ".join(named):
        return "this system is no Debian; Raspberry Pi OS 12 and 13 and Debian 12 and 13 will do"
    if not machine.exists("/usr/bin/systemctl"):
        return "there is no systemd here, and the service needs it"
    if _forgets(machine):
        return (
            "this box forgets everything at a restart (an overlay over its root). Switch that off: "
            "sudo raspi-config, Performance, Overlay File System; restart, then run this again"
        )
    return ""


def _forgets(machine: Machine) -> bool:
    """Root is in memory, as raspi-config has it; other overlays, say of a container, may last."""
    cmdline, mounts = machine.at("/proc/cmdline"), machine.at("/proc/self/mounts")
    asked = cmdline.read_text().split() if cmdline.exists() else []
    lines = mounts.read_text().splitlines() if mounts.exists() else []
    is_overlay = any(line.split()[1:3] == ["/", "overlay"] for line in lines)
    return is_overlay and any(
        word.startswith("overlayroot=tmpfs") or word == "boot=overlay" for word in asked
    )


def understood(argv: Sequence[str]) -> argparse.Namespace:
    """What the command line says; a slip ends the process with the usage.

    The verb is looked at last: after a mistyped option its value stands in the verb's place.
    """
    arguments = parser()
    options, unknown = arguments.parse_known_args(argv)
    if unknown:
        arguments.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.verb not in _VERBS:
        arguments.error(f"there is no {options.verb!r}; there are {', '.join(_VERBS)}")
    if options.purge and options.verb != "uninstall":
        arguments.error("--purge goes with uninstall: sudo ./install.sh uninstall --purge")
    return options


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("verb", nargs="?", metavar="|".join(_VERBS), default="install")
    parser.add_argument("--profile", choices=PROFILES, default="")
    parser.add_argument("--unattended", type=Path)
    parser.add_argument("--no-start", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--purge", action="store_true")
    return parser


def _install(options: argparse.Namespace, machine: Machine) -> None:
    here = release.in_checkout(HERE)
    said = _wishes(options, machine)
    start = _start(said, options, machine)
    steps = plan.installation(here, said, _packages(options, machine), start)
    waiting = plan.pending(steps, machine)
    if any(isinstance(step, Build) for step in waiting):
        _check_room(machine)
    if not _announce(waiting, options):
        return
    try:
        _perform(waiting, machine)
    except InstallError as error:
        raise _gone_back(error, here, start, machine) from error
    started = any(isinstance(step, Started) for step in waiting)
    _tell_how_to_go_on(machine, here, started=started)


def _upgrade(options: argparse.Namespace, machine: Machine) -> None:
    if not machine.manifest.versions:
        raise InstallError("nothing is installed here yet; run: sudo ./install.sh")
    _install(options, machine)


def _rollback(options: argparse.Namespace, machine: Machine) -> None:
    known = machine.manifest
    now = machine.linked or known.current
    good = known.previous if now == known.current else known.current  # now was not seen to run
    if not good:
        raise InstallError("there is no earlier version here to go back to")
    earlier, start = release.installed(machine, good), _start(Wishes(), options, machine)
    steps = plan.pending(plan.activation(earlier, start), machine)
    if not _announce(steps, options):
        return
    try:
        _perform(steps, machine)
    except InstallError as error:
        raise _gone_back(error, earlier, start, machine) from error
    sys.stdout.write(f"Version {earlier.version} is in use again; {now} is kept.\n")


def _uninstall(options: argparse.Namespace, machine: Machine) -> None:
    known = machine.manifest
    steps = plan.pending(plan.removal(known, purge=options.purge), machine)
    if not machine.exists(OPT):
        sys.stdout.write("pi_voice is not installed here.\n")
        return
    if not _announce(steps, options):
        return
    _perform(steps, machine)
    if not options.purge:
        rest = f"{ETC}, {STATE} and the user pi-voice"
        sys.stdout.write(f"Kept: {rest}. To remove them: sudo ./install.sh uninstall --purge\n")
    if known.packages:
        sys.stdout.write(f"These packages came with it and stay: {' '.join(known.packages)}\n")


_VERBS = {
    "install": _install,
    "upgrade": _upgrade,
    "rollback": _rollback,
    "uninstall": _uninstall,
}


def _wishes(options: argparse.Namespace, machine: Machine) -> Wishes:
    """What was said on the command line, in the file of answers, and by the person."""
    said = wishes.read(options.unattended) if options.unattended else Wishes()
    said = replace(said, profile=options.profile or said.profile, person=wishes.person())
    is_new = not machine.exists(f"{ETC}/config.toml")
    if not is_new and (said.profile or said.settings):
        fate = "stays as it is; a profile and [config.…] are for a new box"
        sys.stdout.write(f"{ETC}/config.toml {fate}.\n")
    if options.unattended or not is_new:
        return said
    if not wishes.somebody_is_there():
        sys.stdout.write(f"{wishes.assumed(said)}.\n")
        return said
    if options.dry_run:
        what = "for its key" if said.profile else "what this box is, and for its key"
        sys.stdout.write(f"You would be asked {what}.\n")
        return said
    return wishes.asked(said)


def _start(said: Wishes, options: argparse.Namespace, machine: Machine) -> Start:
    if not machine.is_booted:
        return Start.AT_BOOT
    return Start.NOW if said.start and not options.no_start else Start.LATER


def _packages(options: argparse.Namespace, machine: Machine) -> tuple[str, ...]:
    """What is needed of the distribution; a new box does not know yet what there is."""
    if not options.dry_run and not offers_package(machine, plan.ALWAYS[0]):
        sys.stdout.write("Reading the lists of packages\n")
        machine.ask("apt-get", "update")
    return plan.packages(machine, sys.version_info[:2])


def _check_room(machine: Machine) -> None:
    if shutil.disk_usage(machine.root).free < FREE_BYTES:
        raise InstallError(f"less than {FREE_BYTES // 10**6} MB are free: make room first")


def _announce(steps: Sequence[Step], options: argparse.Namespace) -> bool:
    """Say what will be done; False if it shall not be done, or nothing is to do."""
    if not steps:
        sys.stdout.write("Everything is in place; nothing to do.\n")
    elif options.dry_run:
        sys.stdout.write(f"This would be done:\n{plan.told(steps)}")
    return bool(steps) and not options.dry_run


def _perform(steps: Sequence[Step], machine: Machine) -> None:
    for number, step in enumerate(steps, start=1):
        sys.stdout.write(f"[{number}/{len(steps)}] {step}\n")
        sys.stdout.flush()
        try:
            step.do(machine)
        except OSError as error:
            raise InstallError(f"could not {step}: {error}") from error


def _gone_back(error: InstallError, bad: Release, start: Start, machine: Machine) -> InstallError:
    """Bring the version back that was there before; what to tell the owner then."""
    good = machine.manifest.current
    if good in ("", bad.version):
        return error
    sys.stdout.write(f"That did not work; going back to version {good}\n")
    old = release.installed(machine, good)
    try:
        _perform(plan.pending(plan.activation(old, start), machine), machine)
    except InstallError as worse:
        return InstallError(f"{error}\nVersion {good} did not come back, either: {worse}")
    if bad.version != machine.manifest.previous:
        drop(machine, bad.version)
    back = "runs again" if start is Start.NOW else "is in its place again"
    return InstallError(f"{error}\nVersion {good} {back}")


def _keep(transcript: str) -> str:
    """Write down what the tools said; where, as a line of its own."""
    if not transcript:
        return ""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="pi-voice-install.", delete=False) as file:
            file.write(transcript)
    except OSError:  # of a full disk, say, which may be the very thing to tell
        return ""
    return f"What was done and said until then: {file.name}\n"


def _tell_how_to_go_on(machine: Machine, now: Release, *, started: bool) -> None:
    say = sys.stdout.write
    say(f"Version {now.version} is installed{' and runs' if started else ''}.\n")
    if started and (reason := deafness(machine, now.version)):
        say(f"It cannot hear yet: {reason}\nWhat helps: sudo pi-voice doctor\n")
    if not started:
        say(f"{START}\n" if machine.is_booted else "It starts with the box.\n")
    if _repeats(machine):
        say(REAL_SERVICE)


def _repeats(machine: Machine) -> bool:
    """Nobody named a service, so the one inside answers."""
    try:
        return config.load(machine.at(f"{ETC}/config.toml")).service.url == EMBEDDED
    except ConfigError:  # the box says so itself
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
