"""Starting a version, and whether it can be left alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from pi_voice.installer.machine import COMMAND, SERVICE, InstallError, Machine

WATCH_S = 3.0  # a version that dies at its first frame has said READY before
CAPTURE_S = 20.0  # a microphone on a slow bus opens within seconds
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Started:
    """A version runs: it said that it is ready, lives, and its microphone is as it should be.

    Attributes:
        version: Which.
        watch_s: How long it must live to be believed.
    """

    version: str
    watch_s: float = WATCH_S

    def __str__(self) -> str:
        return f"start version {self.version} and see that it works"

    def is_done(self, machine: Machine) -> bool:
        is_active = machine.holds("systemctl", "is-active", "--quiet", SERVICE)
        return is_active and machine.manifest.current == self.version

    def do(self, machine: Machine) -> None:
        machine.call("systemctl", "daemon-reload")
        if not machine.holds("systemctl", "restart", SERVICE):  # returns when it is ready
            raise InstallError(f"version {self.version} does not start: {_last_words(machine)}")
        process = _main_process(machine)
        time.sleep(self.watch_s)
        if _main_process(machine) != process:
            raise InstallError(f"version {self.version} does not live: {_last_words(machine)}")
        _wait_for_capture(machine)


def _main_process(machine: Machine) -> str:
    return machine.ask("systemctl", "show", "-P", "MainPID", SERVICE)[1].strip()


def _last_words(machine: Machine) -> str:
    """The last thing that the service said, or where to read what it said."""
    _, said = machine.ask("journalctl", "-u", SERVICE, "-t", "pi-voice", "-n", "1", "-o", "cat")
    return said.strip() or "see journalctl -u pi-voice"


def _wait_for_capture(machine: Machine) -> None:
    """Return when the microphone is open where it should be and closed where it should be."""
    deadline_s = time.monotonic() + CAPTURE_S
    while trouble := _capture_trouble(machine):
        if time.monotonic() > deadline_s:
            raise InstallError(trouble)
        time.sleep(LOOK_S)


def _capture_trouble(machine: Machine) -> str:
    code, said = machine.ask(str(machine.at(COMMAND)), "status", "--json")
    if code:
        return ""  # a version without this verb: that it is ready must do
    return str(json.loads(said).get("capture_trouble", ""))
