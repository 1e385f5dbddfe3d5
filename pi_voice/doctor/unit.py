"""Checks of the service: installed, running, reachable, and the version that was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pi_voice import __version__
from pi_voice.core.failures import Failure
from pi_voice.doctor.facts import UNIT, Facts, Unit
from pi_voice.doctor.findings import Finding, fault, note, ok, warning
from pi_voice.errors import EXIT_CONFIG, PiVoiceError
from pi_voice.journal import LAST_RUN

INSTALLED, RUNNING, RESTARTS = "unit.installed", "unit.running", "unit.restarts"
CONTROL, BOX, VERSION, CRASH = "unit.control", "unit.box", "unit.version", "unit.last_run"
SHOW_WHY = "journalctl -u pi-voice -n 50 --no-pager"
SHOW_LAST_RUN = "sudo pi-voice logs --last-run"  # whoever may read it, or not
RESTART = "sudo systemctl restart pi-voice"


def installed(facts: Facts) -> Iterator[Finding]:
    unit = facts.unit
    if not unit.properties:
        yield note(INSTALLED, "systemd does not run here, so nothing starts the box by itself")
    elif not unit.known:
        what = f"{UNIT} is not installed ({unit['LoadState'] or 'not found'})"
        yield note(INSTALLED, what, "In the folder of the program: sudo ./install.sh")
    elif unit["UnitFileState"] in ("enabled", "enabled-runtime"):
        yield ok(INSTALLED, f"{UNIT} is installed, and starts with the board")
    else:
        what = f"{UNIT} is {unit['UnitFileState'] or 'not enabled'}: it does not start by itself"
        yield warning(INSTALLED, what, "sudo systemctl enable --now pi-voice")
    if unit["NeedDaemonReload"] == "yes":
        fix = f"sudo systemctl daemon-reload && {RESTART}"
        yield warning(INSTALLED, f"{UNIT} was changed, and the change is not in force", fix)


def running(facts: Facts) -> Iterator[Finding]:
    unit = facts.unit
    if not unit.known:
        return
    if unit.active:
        yield ok(RUNNING, f"{UNIT} is running (pid {unit.pid})")
    elif unit["ActiveState"] == "failed" and unit["ExecMainStatus"] == str(EXIT_CONFIG):
        what = "the service has ended, because its configuration cannot be used"
        fix = f"Mend what stands below Configuration, if anything does; then: {RESTART}"
        yield fault(RUNNING, what, fix, Failure.MISCONFIGURED)
    elif unit["ActiveState"] == "failed":
        what = f"the service has failed ({_end(unit)})"
        yield fault(RUNNING, what, f"{SHOW_WHY}; then: {RESTART}")
    elif unit["ActiveState"] == "activating" and unit["SubState"] != "auto-restart":
        yield note(RUNNING, "the service is just starting", "pi-voice doctor")
    elif unit["ActiveState"] == "activating":
        what = f"the service ends and is started again and again ({_end(unit)})"
        yield fault(RUNNING, what, SHOW_WHY)
    else:
        yield warning(
            RUNNING, f"the service is {unit['ActiveState']}", "sudo systemctl start pi-voice"
        )


def _end(unit: Unit) -> str:
    """What systemd knows of its last end; a status from 200 on is its own (systemd.exec(5))."""
    return f"{unit['Result']}, status {unit['ExecMainStatus']}"


def restarts(facts: Facts) -> Iterator[Finding]:
    unit = facts.unit
    if unit.active and unit.restarts:
        times = "once" if unit.restarts == 1 else f"{unit.restarts} times"
        yield warning(RESTARTS, f"the service died and was started again {times}", SHOW_WHY)


def control(facts: Facts) -> Iterator[Finding]:
    """Does the running service answer, and what does it say is wrong?"""
    if not facts.unit.active or not facts.settings.control.enabled:
        return
    told = facts.box
    if isinstance(told, PiVoiceError):
        fact, _, fix = str(told).partition(". ")
        yield warning(CONTROL, fact, fix)
        return
    yield ok(CONTROL, "the service answers at its socket")
    listed = told.get("findings")
    for finding in listed if isinstance(listed, list) else ():
        if isinstance(finding, dict):
            text = str(finding.get("text") or finding.get("name"))
            yield warning(BOX, f"the service says: {text}", str(finding.get("hint", "")))


def version(facts: Facts) -> Iterator[Finding]:
    """Is it this version that runs? The installer links `current` to one of several."""
    meant = Path(facts.system.link("/opt/pi-voice/current")).name
    command = facts.system.read(f"/proc/{facts.unit.pid}/cmdline") if facts.unit.active else ""
    found = re.match(r"/opt/pi-voice/versions/([^/\0]+)/", command)
    if found and meant and found[1] != meant:
        yield warning(VERSION, f"version {found[1]} runs, and {meant} is installed", RESTART)
    else:
        yield ok(VERSION, f"pi-voice {__version__}, Python {facts.system.python()}")


def last_run(facts: Facts) -> Iterator[Finding]:
    path = facts.settings.device.state_dir / LAST_RUN
    if not facts.system.exists(path):
        return
    when = facts.system.modified(path)
    at = f" ({when:%Y-%m-%d %H:%M})" if when else ""
    yield note(
        CRASH, f"a run ended by a fault of its own{at}; its last lines were kept", SHOW_LAST_RUN
    )
