"""Runs the checks side by side, each group in a process of its own.

A check talks to drivers and sound libraries of a machine that is not well: it may wait for ever, or
take its process down. Then its group is ended, what it had found so far counts, and that it broke
is a finding, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pi_voice.doctor import access, board, clock, configuration, network, sound, unit
from pi_voice.doctor.facts import Facts
from pi_voice.doctor.findings import Finding, warning
from pi_voice.errors import PiVoiceError

Check = Callable[[Facts], Iterable[Finding]]
QUICK_S = 8.0  # only files and commands; a Zero 2 W that plays music is slow, too
PATIENT_S = 13.0  # opens cards or sessions; all of it takes less than 15 s
LEAVE_S = 0.5  # for a process that was killed
PIPE_BYTES = 65_536
SPOILED = "Send to whoever looks after pi-voice what this writes: sudo pi-voice report"


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that run one after the other.

    Attributes:
        name: Stands before every finding of theirs.
        limit_s: After this they are ended.
        checks: In the order in which a person reads what they found.
    """

    name: str
    limit_s: float
    checks: tuple[Check, ...]


GROUPS = (
    Group("configuration", QUICK_S, (configuration.file, configuration.key)),
    Group("configuration", PATIENT_S, (configuration.parts,)),
    Group(
        "sound",
        PATIENT_S,
        (sound.cards, sound.microphone, sound.speaker, sound.mixer, sound.first_frame),
    ),
    Group(
        "access",
        QUICK_S,
        (
            access.groups,
            access.user,
            access.libraries,
            access.chip,
            access.pins,
            access.spi,
            access.folder,
        ),
    ),
    Group("clock", QUICK_S, (clock.time, clock.sync, clock.rtc)),
    Group("network", PATIENT_S, (network.wifi, network.dns, network.tls)),
    Group("network", PATIENT_S, (network.service,)),
    Group(
        "board",
        QUICK_S,
        (
            board.model,
            board.power,
            board.heat,
            board.disk,
            board.state,
            board.journal,
            board.memory,
            board.watchdog,
        ),
    ),
    Group(
        "unit",
        QUICK_S,
        (
            unit.installed,
            unit.running,
            unit.restarts,
            unit.control,
            unit.version,
            unit.last_run,
        ),
    ),
)


def examine(facts: Facts, groups: Iterable[Group] = GROUPS) -> list[Finding]:
    """Run all checks; returns after the longest limit of a group at the latest."""
    began_s = time.monotonic()
    children = [_Child(group, facts) for group in groups]
    with selectors.DefaultSelector() as waiting:
        for child in children:
            waiting.register(child.pipe, selectors.EVENT_READ, child)
        try:
            while keys := list(waiting.get_map().values()):
                passed_s = time.monotonic() - began_s
                left_s = min(key.data.group.limit_s for key in keys) - passed_s
                for key, _ in waiting.select(max(0.0, left_s)):
                    if not key.data.read():
                        waiting.unregister(key.fd)
                        key.data.ended()
                passed_s = time.monotonic() - began_s
                for key in list(waiting.get_map().values()):
                    if key.data.group.limit_s <= passed_s:
                        waiting.unregister(key.fd)
                        key.data.overdue()
        finally:
            for child in children:
                child.kill()
    found = dict.fromkeys(finding for child in children for finding in child.findings)
    return list(found)  # what two checks stumbled over is told once


class _Child:
    """A process that runs one group, and tells over a pipe what it does and finds."""

    def __init__(self, group: Group, facts: Facts) -> None:
        self.group = group
        self.findings: list[Finding] = []
        self._at = "start"  # the check that runs; "" when all have run
        self._rest = b""
        self.pipe, inner = os.pipe()
        with warnings.catch_warnings():
            # newer Pythons warn of a fork beside threads; the child uses nothing that one may hold
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            _be_the_child(group, facts, inner)
        os.close(inner)

    def read(self) -> bool:
        """Take what there is; False at the end."""
        data = os.read(self.pipe, PIPE_BYTES)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "at" in told:
                self._at = told["at"]
            else:
                self.findings.append(Finding.from_json(told))
        return bool(data)

    def ended(self) -> None:
        """The pipe is closed: it is done, or it died."""
        if self._at:
            self._spoiled("ended its process: not finished")

    def overdue(self) -> None:
        self._spoiled(f"took longer than {self.group.limit_s:g} s: not finished")

    def kill(self) -> None:
        """End it, if it still runs; one that hangs in a driver is left behind."""
        for victim in (-self._pid, self._pid):  # with the commands that it runs
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        watched = os.pidfd_open(self._pid)
        select.select([watched], [], [], LEAVE_S)
        os.close(watched)
        os.waitpid(self._pid, os.WNOHANG)
        os.close(self.pipe)

    def _spoiled(self, fact: str) -> None:
        self.findings.append(warning(f"{self.group.name}.{self._at}", f"the check {fact}", SPOILED))


def _be_the_child(group: Group, facts: Facts, pipe: int) -> None:
    """Never returns."""
    try:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for ours in (0, 1, 2):  # libraries of cards and pins write where they like
            os.dup2(nowhere, ours)
        for check in group.checks:
            _tell(pipe, {"at": check.__name__})
            for finding in _run(group, check, facts):
                _tell(pipe, finding.to_json())
        _tell(pipe, {"at": ""})
    finally:
        os._exit(0)


def _tell(pipe: int, told: object) -> None:
    line = json.dumps(told).encode() + b"\n"
    while line:
        line = line[os.write(pipe, line) :]


def _run(group: Group, check: Check, facts: Facts) -> Iterator[Finding]:
    name = f"{group.name}.{check.__name__}"
    try:
        yield from check(facts)
    except PiVoiceError as error:
        fact, _, fix = str(error).partition(". ")
        yield warning(name, fact, fix or SPOILED)
    except Exception as error:  # noqa: BLE001 - whatever a check meets, the others go on
        yield warning(name, f"the check broke ({type(error).__name__}: {error})", SPOILED)
