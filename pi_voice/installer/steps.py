"""What can be done to a machine: each step knows whether it is done, and how it is done."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pi_voice.installer.machine import (
    SERVICE,
    STATE,
    SYSUSERS,
    USER,
    VERSIONS,
    Machine,
    draft,
)
from pi_voice.installer.release import Release


class Step(Protocol):
    """A state that the machine shall be in; `str()` tells the owner what is done to get there."""

    def is_done(self, machine: Machine) -> bool: ...

    def do(self, machine: Machine) -> None:
        """Get there.

        Raises:
            InstallError: It did not work.
        """


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of the distribution; they stay when the program goes."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"install the packages {', '.join(self.names)}"

    def is_done(self, machine: Machine) -> bool:
        return all(has_package(machine, name) for name in self.names)

    def do(self, machine: Machine) -> None:
        missing = [name for name in self.names if not has_package(machine, name)]
        manifest = machine.manifest
        machine.note(replace(manifest, packages=(*manifest.packages, *missing)))
        machine.ask("apt-get", "update")  # an old list of packages may still do
        options = ("-y", "--no-install-recommends", "--no-remove", "-o", "DPkg::Lock::Timeout=120")
        machine.call("apt-get", "install", *options, *missing)


def has_package(machine: Machine, name: str) -> bool:
    code, said = machine.ask("dpkg-query", "-W", "-f", "${db:Status-Status}", name)
    return code == 0 and said == "installed"


def offers_package(machine: Machine, name: str) -> bool:
    """The distribution has it, installed or not."""
    code, said = machine.ask("apt-cache", "show", "--no-all-versions", name)
    return code == 0 and f"Package: {name}\n" in said


@dataclass(frozen=True, slots=True)
class File:
    """A file with this content.

    Attributes:
        path: Where.
        content: What; never shown, it may be a secret.
        mode: Who may read it.
        group: Whose members are the group that may.
        is_yours: The owner's from then on: made if it is missing, never changed.
    """

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    group: str = "root"
    is_yours: bool = False

    def __str__(self) -> str:
        return f"write {self.path}"

    def is_done(self, machine: Machine) -> bool:
        place = machine.at(self.path)
        return place.is_file() and (self.is_yours or place.read_bytes() == self.content)

    def do(self, machine: Machine) -> None:
        machine.claim(self.path)
        place = machine.at(self.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        new = machine.at(draft(self.path))
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(self.content)
            file.flush()
            os.fsync(file.fileno())  # after a power cut it would be there and empty
        if self.group != "root":
            machine.call("chgrp", self.group, str(new))
        new.chmod(self.mode)
        new.replace(place)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: str
    target: str

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"

    def is_done(self, machine: Machine) -> bool:
        place = machine.at(self.path)
        return place.is_symlink() and os.readlink(place) == self.target

    def do(self, machine: Machine) -> None:
        machine.claim(self.path)
        place = machine.at(self.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        new = machine.at(draft(self.path))
        new.unlink(missing_ok=True)
        new.symlink_to(self.target)
        new.replace(place)  # in one step: there is always a program to start


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the service in its groups.

    Attributes:
        groups: All of them, its own first.
    """

    groups: tuple[str, ...]

    def __str__(self) -> str:
        return f"make the user {USER} in the groups {', '.join(self.groups)}"

    def is_done(self, machine: Machine) -> bool:
        code, said = machine.ask("id", "-nG", USER)
        return code == 0 and set(self.groups) <= set(said.split())

    def do(self, machine: Machine) -> None:
        new = [name for name in self.groups if not machine.holds("getent", "group", name)]
        user = not machine.holds("getent", "passwd", USER)
        known = machine.manifest
        groups = (*known.groups, *new)
        machine.note(replace(known, user=known.user or user, groups=groups))
        machine.call("systemd-sysusers", str(machine.at(SYSUSERS)))


@dataclass(frozen=True, slots=True)
class Member:
    """A person who may use the commands of the device."""

    name: str

    def __str__(self) -> str:
        return f"let {self.name} use pi-voice status, mute and so on (from the next login)"

    def is_done(self, machine: Machine) -> bool:
        return USER in machine.ask("id", "-nG", self.name)[1].split()

    def do(self, machine: Machine) -> None:
        machine.call("usermod", "-aG", USER, self.name)


@dataclass(frozen=True, slots=True)
class Build:
    """A version with the Python packages that it needs, in a folder of its own."""

    release: Release

    def __str__(self) -> str:
        return f"put version {self.release.version} into {VERSIONS} (this takes minutes)"

    def is_done(self, machine: Machine) -> bool:
        """It still runs, too: a new Python of the distribution does not know its packages."""
        version = self.release.version
        program = machine.at(f"{VERSIONS}/{version}/bin/pi-voice")
        return version in machine.manifest.versions and machine.holds(str(program), "--version")

    def do(self, machine: Machine) -> None:
        path = f"{VERSIONS}/{self.release.version}"
        drop(machine, self.release.version)  # what an interrupted attempt left
        machine.claim(path)
        place = machine.at(path)
        self.release.copy_to(place / "release")
        machine.call("/usr/bin/python3", "-m", "venv", "--system-site-packages", str(place))
        extra = "" if has_package(machine, "python3-lgpio") else "[gpio]"
        with tempfile.TemporaryDirectory() as folder:  # the build leaves its own files there
            copy = Path(folder) / "release"
            self.release.copy_to(copy)
            pip = (str(place / "bin" / "python"), "-m", "pip", "--no-input")
            machine.call(*pip, "install", "--disable-pip-version-check", f"{copy}{extra}")
        machine.call("sync")  # whatever is on the list of versions is on the disk
        manifest = machine.manifest
        machine.note(replace(manifest, versions=(*manifest.versions, self.release.version)))


@dataclass(frozen=True, slots=True)
class Enabled:
    """The service starts by itself when the box does."""

    def __str__(self) -> str:
        return f"let {SERVICE} start whenever the box does"

    def is_done(self, machine: Machine) -> bool:
        return machine.holds("systemctl", "is-enabled", "--quiet", SERVICE)

    def do(self, machine: Machine) -> None:
        machine.claim(STATE)  # systemd makes it when the service starts
        machine.call("systemctl", "enable", SERVICE)


@dataclass(frozen=True, slots=True)
class Settled:
    """A version is the one in use; the one before it is kept to go back to, older ones are not."""

    version: str

    def __str__(self) -> str:
        return f"keep version {self.version}"

    def is_done(self, machine: Machine) -> bool:
        return machine.manifest.current == self.version

    def do(self, machine: Machine) -> None:
        machine.call("sync")  # the link to it, too, before it is the one in use
        known = machine.manifest
        kept = (known.current, self.version)
        for version in known.versions:
            if version not in kept:
                drop(machine, version)
        machine.note(replace(machine.manifest, current=self.version, previous=known.current))


def drop(machine: Machine, version: str) -> None:
    """Remove a version from the machine; nobody takes for complete what is half removed."""
    path = f"{VERSIONS}/{version}"
    known = machine.manifest
    machine.note(
        replace(
            known,
            versions=tuple(other for other in known.versions if other != version),
            previous="" if known.previous == version else known.previous,
        )
    )
    machine.remove(path)
    known = machine.manifest
    machine.note(replace(known, made=tuple(other for other in known.made if other != path)))
