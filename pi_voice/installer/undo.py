"""Taking away what an installation made."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pi_voice.installer.machine import (
    ETC,
    MANIFEST,
    OPT,
    SERVICE,
    STATE,
    UNIT,
    USER,
    VERSIONS,
    Machine,
    draft,
)
from pi_voice.installer.steps import drop


@dataclass(frozen=True, slots=True)
class Stopped:
    """The service neither runs nor starts by itself."""

    def __str__(self) -> str:
        return f"stop {SERVICE}, and let it start no more"

    def is_done(self, machine: Machine) -> bool:
        return not machine.exists(UNIT)

    def do(self, machine: Machine) -> None:
        if machine.is_booted:
            machine.call("systemctl", "stop", SERVICE)
        machine.call("systemctl", "disable", SERVICE)


@dataclass(frozen=True, slots=True)
class Gone:
    """Something that we made is there no more."""

    path: str

    def __str__(self) -> str:
        return f"remove {self.path}"

    def is_done(self, machine: Machine) -> bool:
        return not machine.exists(self.path) and not machine.exists(draft(self.path))

    def do(self, machine: Machine) -> None:
        machine.remove(draft(self.path))  # what an interrupted attempt left
        folder, _, name = self.path.rpartition("/")
        if folder == VERSIONS:
            drop(machine, name)
        elif _is_ours(self.path) or not machine.at(self.path).is_dir():
            machine.remove(self.path)
        elif not any(machine.at(self.path).iterdir()):
            machine.at(self.path).rmdir()  # a folder of the system that others may use by now


def _is_ours(path: str) -> bool:
    return any(f"{path}/".startswith(f"{own}/") for own in (OPT, ETC, STATE))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """systemd knows nothing about the service any more."""

    def __str__(self) -> str:
        return "tell systemd"

    def is_done(self, machine: Machine) -> bool:
        return not machine.is_booted

    def do(self, machine: Machine) -> None:
        machine.call("systemctl", "daemon-reload")
        machine.ask("systemctl", "reset-failed", SERVICE)  # it knows it only after a failure


@dataclass(frozen=True, slots=True)
class NoAccount:
    """The user and the groups that were made for the service are there no more."""

    user: bool
    groups: tuple[str, ...]

    def __str__(self) -> str:
        kind = "group" if len(self.groups) == 1 else "groups"
        groups = [f"the {kind} {', '.join(self.groups)}"] if self.groups else []
        made = [*([f"the user {USER}"] if self.user else []), *groups]
        return f"remove what was made for the service: {' and '.join(made)}"

    def is_done(self, machine: Machine) -> bool:
        user = self.user and machine.holds("getent", "passwd", USER)
        return not user and not any(machine.holds("getent", "group", name) for name in self.groups)

    def do(self, machine: Machine) -> None:
        if self.user and machine.holds("getent", "passwd", USER):
            machine.call("userdel", USER)
        for name in self.groups:
            code, said = machine.ask("getent", "group", name)
            members = said.strip().rpartition(":")[2]
            if code == 0 and (name == USER or not members):  # others may need it by now
                machine.call("groupdel", name)


@dataclass(frozen=True, slots=True)
class Kept:
    """The list of changes holds what was left in place, for whoever removes the rest one day."""

    def __str__(self) -> str:
        return f"note what stays in {MANIFEST}"

    def is_done(self, machine: Machine) -> bool:
        return False

    def do(self, machine: Machine) -> None:
        known = machine.manifest
        left = tuple(path for path in known.made if machine.exists(path))
        machine.note(replace(known, made=left, versions=(), current="", previous=""))
