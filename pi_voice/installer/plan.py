"""The steps to each goal, in their order; nothing is done here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from pi_voice.installer.machine import (
    COMMAND,
    CURRENT,
    ETC,
    OPT,
    STATE,
    SYSUSERS,
    UNIT,
    USER,
    Machine,
)
from pi_voice.installer.manifest import Manifest
from pi_voice.installer.release import USUAL, Release
from pi_voice.installer.start import Started
from pi_voice.installer.steps import (
    Account,
    Build,
    Enabled,
    File,
    Link,
    Member,
    Packages,
    Settled,
    Step,
    has_package,
    offers_package,
)
from pi_voice.installer.undo import Forgotten, Gone, Kept, NoAccount, Stopped
from pi_voice.installer.wishes import Wishes, configuration

ALWAYS = ("python3-venv", "python3-pyaudio")
WHERE_OFFERED = ("python3-lgpio", "python3-spidev")  # Raspberry Pi OS has both, Debian 12 one
COMPILER = ("gcc", "libc6-dev", "python3-dev")
NO_WHEELS = "armhf"  # on which numpy comes from the distribution and little things are compiled
LGPIO_WHEELS_UNTIL = (3, 12)  # for a newer Python it is built


def packages(machine: Machine, python: tuple[int, int]) -> tuple[str, ...]:
    """What this machine needs of its distribution and has not got."""
    offered = tuple(
        name
        for name in WHERE_OFFERED
        if has_package(machine, name) or offers_package(machine, name)
    )
    built: tuple[str, ...] = ()
    if "python3-lgpio" not in offered and python > LGPIO_WHEELS_UNTIL:
        built = (*COMPILER, "swig")
    if machine.ask("dpkg", "--print-architecture")[1].strip() == NO_WHEELS:
        built = ("python3-numpy", *COMPILER, *built)
    needed = dict.fromkeys((*ALWAYS, *offered, *built))
    return tuple(name for name in needed if not has_package(machine, name))


def installation(
    release: Release, wishes: Wishes, needed: tuple[str, ...], start: Start
) -> list[Step]:
    """From whatever is there to a service that runs this release.

    Args:
        release: What to install.
        wishes: Only looked at for what is not there yet, except for a new key.
        needed: The packages of the distribution.
        start: When it is started.
    """
    wanted = groups(release.read("systemd/pi-voice.sysusers.conf").decode())
    text = configuration(release.profile(wishes.profile or USUAL), wishes)
    key = (wishes.key or "").encode()
    steps: list[Step] = [
        Packages(needed),
        File(SYSUSERS, release.read("systemd/pi-voice.sysusers.conf")),
        Account(wanted),
        Build(release),
        # both may hold what only the service and its people should read
        File(f"{ETC}/config.toml", text.encode(), 0o640, USER, is_yours=True),
        File(f"{ETC}/api_key", key and key + b"\n", 0o600, is_yours=not key),
    ]
    if wishes.person:
        steps.append(Member(wishes.person))
    return [*steps, *activation(release, start)]


def groups(sysusers: str) -> tuple[str, ...]:
    """The groups that sysusers.d(5) makes the user a member of, its own first."""
    rows = [line.split() for line in sysusers.splitlines()]
    return (USER, *(row[2] for row in rows if row[:2] == ["m", USER]))


class Start(Enum):
    """Whether a version is started once it is in its place."""

    NOW = "now"
    LATER = "later"  # by the owner; it has yet to show that it works
    AT_BOOT = "at boot"  # of an image that is being made, where nothing can be started


def activation(release: Release, start: Start) -> list[Step]:
    """From a release that is on the machine to the one that runs."""
    steps: list[Step] = [
        File(UNIT, release.read("systemd/pi-voice.service")),
        File(f"{ETC}/config.toml.example", release.read("config/config.toml")),
        Link(CURRENT, f"versions/{release.version}"),
        Link(COMMAND, f"{CURRENT}/bin/pi-voice"),
        Enabled(),
    ]
    if start is Start.NOW:
        steps.append(Started(release.version))
    return steps if start is Start.LATER else [*steps, Settled(release.version)]


def removal(manifest: Manifest, *, purge: bool) -> list[Step]:
    """Away with what was made here; what is the owner's only where that is asked for."""
    made = [path for path in reversed(manifest.made) if purge or not _is_yours(path)]
    steps: list[Step] = [Stopped(), *map(Gone, made), Forgotten()]
    if not purge:
        return [*steps, Kept()]
    return [*steps, NoAccount(manifest.user, manifest.groups), Gone(OPT)]


def _is_yours(path: str) -> bool:
    """The configuration, the key, and what the device remembers."""
    return any(f"{path}/".startswith(f"{own}/") for own in (ETC, STATE))


def pending(steps: Sequence[Step], machine: Machine) -> list[Step]:
    """The steps that are not done; a program is started anew when anything before it changes."""
    waiting: list[Step] = []
    for step in steps:
        if not step.is_done(machine) or (waiting and isinstance(step, Started)):
            waiting.append(step)
    return waiting


def told(steps: Iterable[Step]) -> str:
    return "".join(f"  - {step}\n" for step in steps)
