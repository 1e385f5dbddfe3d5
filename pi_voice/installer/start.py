"""Starting a version, and whether it can be left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pi_voice.installer.machine import SERVICE, STATE, USER, VERSIONS, InstallError, Machine

WATCH_S = 3.0  # a version that dies at its first frame has said READY before
LOOKS = 15  # one per second and more: a microphone on a slow bus opens within seconds
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Started:
    """A version runs: it said that it is ready, lives, and hears what the one before it heard.

    Attributes:
        version: Which.
    """

    version: str

    def __str__(self) -> str:
        return f"start version {self.version} and see that it works"

    def is_done(self, machine: Machine) -> bool:
        is_active = machine.holds("systemctl", "is-active", "--quiet", SERVICE)
        return is_active and machine.manifest.current == self.version

    def do(self, machine: Machine) -> None:
        before = machine.manifest.current
        heard = bool(before) and not deafness(machine, before)
        machine.call("systemctl", "daemon-reload")
        if not machine.holds("systemctl", "restart", SERVICE):  # returns when it is ready
            raise InstallError(f"version {self.version} does not start: {_last_words(machine)}")
        process = _show(machine, "MainPID")
        machine.pause(WATCH_S)
        if _show(machine, "MainPID") != process:
            raise InstallError(f"version {self.version} does not live: {_last_words(machine)}")
        if heard:
            self._wait_until_it_hears(machine)

    def _wait_until_it_hears(self, machine: Machine) -> None:
        reason = ""
        for _ in range(LOOKS):
            if not (reason := deafness(machine, self.version)):
                return
            machine.pause(LOOK_S)
        raise InstallError(f"version {self.version} does not hear: {reason}")


def deafness(machine: Machine, version: str) -> str:
    """Why a version cannot hear here, or nothing.

    An open microphone is taken at the service's word; a closed one is opened once to try it,
    unless the owner muted it.
    """
    # with the rights of the service, and without a trace in the home of root
    user = ("runuser", "-u", USER, "--", "env", f"HOME={STATE}")
    program = (*user, str(machine.at(f"{VERSIONS}/{version}/bin/pi-voice")))
    status = _told(machine, *program, "status", "--json")
    if status.get("microphone") == "lost":
        return str(status.get("microphone_reason") or "the microphone is lost")
    for finding in _told(machine, *program, "doctor", "--offline", "--json").get("findings", []):
        if finding.get("failure") == "no_microphone":
            return str(finding.get("what"))
    return ""


def _told(machine: Machine, *words: str) -> dict[str, Any]:
    """What a command says as JSON; nothing where it says something else."""
    _, said = machine.ask(*words)
    try:
        told: dict[str, Any] = json.loads(said[said.index("{") :])
    except ValueError:
        return {}
    return told


def _show(machine: Machine, name: str) -> str:
    return machine.ask("systemctl", "show", "-P", name, SERVICE)[1].strip()


def _last_words(machine: Machine) -> str:
    """The last thing that the service said, or where to read what it said."""
    process = f"_PID={_show(machine, 'ExecMainPID')}"
    _, said = machine.ask("journalctl", "-u", SERVICE, process, "-n", "1", "-o", "cat", "-q")
    return said.strip() or "see journalctl -u pi-voice"
