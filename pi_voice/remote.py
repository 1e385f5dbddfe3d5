"""What pi-voice status, mute, unmute, interrupt, say and logs do: ask the box, and say it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pi_voice import captures, journal, status
from pi_voice.control_wire import REQUEST_BYTES, SOCKET, Answer, Request, RequestError, Verb
from pi_voice.errors import (
    EXIT_CONFIG,
    EXIT_FAULT,
    EXIT_FORBIDDEN,
    EXIT_UNAVAILABLE,
    PiVoiceError,
    UsageError,
)

ANSWER_S = 10.0  # longer than the box waits for a card that is slow to close
ANSWER_BYTES = 2**21  # 200 lines of 1,000 characters, of up to 6 bytes each
ASK_S = 3.0  # systemd answers at once, if ever
UNIT = "pi-voice.service"
PROPERTIES = ("LoadState", "ActiveState", "SubState", "ExecMainStatus", "MainPID", "NRestarts")
ALL_WELL = (
    "No run ended by a fault of its own. A power cut or kill -9 leaves no last lines here; "
    "what systemd kept: journalctl -u pi-voice"
)
DOCTOR = "sudo pi-voice doctor"
JOURNAL = "Look why: journalctl -u pi-voice"


class NotRunningError(PiVoiceError):
    """Nobody answers for the box."""

    exit_code = EXIT_UNAVAILABLE


class ForbiddenError(PiVoiceError):
    """Whoever asks is not in the group."""

    exit_code = EXIT_FORBIDDEN


class RefusedError(PiVoiceError):
    """The box says why it will not, or cannot."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where the service has its files.

    Attributes:
        runtime: [device] runtime_dir.
        state: [device] state_dir.
        group: [control] group.
        named: The file that was named on the command line; None for the one of the service.
        listens: [control] enabled.
    """

    runtime: Path = Path("/run/pi-voice")
    state: Path = Path("/var/lib/pi-voice")
    group: str = "pi-voice"
    named: Path | None = None
    listens: bool = True

    @classmethod
    def configured(cls, config: Path, *, required: bool) -> Box:
        """Read four settings; what is wrong with the others is told by pi-voice config check.

        Args:
            config: The file of the service.
            required: It was named on the command line, so it must be there.

        Raises:
            UsageError: It is required, and cannot be read.
        """
        try:
            tables = tomllib.loads(config.read_text())
        except (OSError, ValueError) as error:  # only root may read it, or there is none
            if required:
                fact = getattr(error, "strerror", None) or error
                raise UsageError(f"{config}: {fact}; name the right one with --config") from error
            return cls()
        named = config if required else None
        try:
            device, control = tables.get("device", {}), tables.get("control", {})
            return cls(
                Path(device.get("runtime_dir", cls().runtime)),
                Path(device.get("state_dir", cls().state)),
                str(control.get("group", cls().group)),
                named,
                control.get("enabled") is not False,
            )
        except (AttributeError, TypeError):  # not what the schema says
            return cls(named=named)

    def ask(self, request: Request) -> tuple[Answer, int]:
        """Ask, and wait for the answer.

        Returns:
            What the box says, and the process that says it.

        Raises:
            NotRunningError: Nobody answers.
            ForbiddenError: We may not ask.
            RefusedError: The box says no.
        """
        path = self.runtime / SOCKET
        try:
            line, pid = _exchange(path, request.encode())
            answer = Answer.decode(line)
        except RequestError as error:
            raise NotRunningError(f"no proper answer at {path}. {JOURNAL}") from error
        except OSError as error:
            raise self._sentence(path, error) from error
        if not answer.ok:
            raise RefusedError(answer.text)
        return answer, pid

    def _sentence(self, path: Path, error: OSError) -> PiVoiceError:
        if not self.listens:
            return NotRunningError(
                "with [control] enabled = false the box answers nobody. Set it to true, then: "
                "sudo systemctl restart pi-voice"
            )
        if isinstance(error, FileNotFoundError):
            return NotRunningError(f"there is no {path}: {self._absence()}")
        if isinstance(error, ConnectionRefusedError):
            return NotRunningError(f"nobody answers at {path}: {self._absence()}")
        if isinstance(error, PermissionError):
            return ForbiddenError(
                f"you may not use {path}. Join the group {self.group} and log in again: "
                f"sudo usermod -aG {self.group} $USER; or use sudo"
            )
        if isinstance(error, TimeoutError):
            return NotRunningError(f"no answer at {path} within {ANSWER_S:g} s. {JOURNAL}")
        return NotRunningError(f"{path} cannot be used ({error.strerror or error}). {JOURNAL}")

    def _absence(self) -> str:
        """Why nobody answers, and what to do."""
        if self.named:
            return f"the service does not run. Start it: pi-voice run --config {self.named}"
        unit = _unit()
        state, again = unit.get("ActiveState"), unit.get("SubState") == "auto-restart"
        if unit.get("LoadState") == "not-found":
            return "the service is not installed. In the folder of the program: sudo ./install.sh"
        if state == "failed" and unit.get("ExecMainStatus") == str(EXIT_CONFIG):
            return (
                "the service has ended, because its configuration cannot be used. "
                "Run: sudo pi-voice config check; then: sudo systemctl restart pi-voice"
            )
        if state == "failed" or again:
            what = "ends again and again" if again else "has failed"
            return f"the service {what}. See why: {DOCTOR}"
        if state == "activating":
            return f"the service is just starting. Try again; if it stays so: {DOCTOR}"
        if state == "active":
            return f"the service runs, but does not answer there. {JOURNAL}"
        start = "sudo systemctl start pi-voice"
        return f"the service does not run. Start it: {start}; if it ends again: {DOCTOR}"


def show_status(box: Box, *, as_json: bool) -> int:
    """Print how things stand."""
    answer, pid = box.ask(Request(Verb.STATUS))
    facts = {**(answer.status or {}), **_restarts(pid)}
    _print([json.dumps(facts, ensure_ascii=False)] if as_json else status.lines(facts))
    return 0


def _restarts(pid: int) -> dict[str, object]:
    """How often systemd started it again, where it is systemd that started it."""
    unit = _unit()
    restarts = unit.get("NRestarts", "")
    is_it = unit.get("MainPID") == str(pid)
    return {"restarts": int(restarts)} if is_it and restarts.isdecimal() else {}


def _unit() -> dict[str, str]:
    """What systemd knows of the service; nothing where there is no systemd."""
    command = ("systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}")
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)


def wish(box: Box, verb: Verb, text: str = "") -> int:
    """Ask for something, and print what came of it."""
    if len(Request(verb, text).encode()) > REQUEST_BYTES:
        raise UsageError(f"the text is too long; {REQUEST_BYTES} bytes are allowed")
    answer, _ = box.ask(Request(verb, text))
    _print([f"{answer.text}."])
    return 0


def mute(box: Box, *, verify: bool) -> int:
    """Mute, and show on demand what the kernel says about it."""
    answer, pid = box.ask(Request(Verb.MUTE))
    _print([f"{answer.text}."])
    if not verify:
        return 0
    ours, seen = captures.family(pid), captures.look()
    _print(captures.report(seen, ours))
    return 0 if seen.is_sure_of(ours) and not seen.held_by(ours) else EXIT_FAULT


def show_logs(box: Box, *, count: int, last_run: bool) -> int:
    """Print the last lines of the log, or of the run that ended by a fault of its own."""
    lines = _last_run(box) if last_run else _lines(box)
    if last_run and not lines:
        _print([ALL_WELL])
    _print(lines[-count:])
    return 0


def _lines(box: Box) -> tuple[str, ...]:
    try:
        return box.ask(Request(Verb.LOGS))[0].lines
    except NotRunningError as error:  # then systemd has them, if it was systemd that ran it
        if box.named:
            raise
        raise NotRunningError(
            f"{error}. What it said: sudo journalctl -u pi-voice -n 50"
        ) from error


def _last_run(box: Box) -> tuple[str, ...]:
    try:
        return journal.last_run(box.state)
    except PermissionError:  # a member of the group may ask the box to read it
        try:
            return box.ask(Request(Verb.LOGS, last_run=True))[0].lines
        except (NotRunningError, ForbiddenError) as error:
            raise ForbiddenError(
                f"{box.state / journal.LAST_RUN} may not be read by this user. Use sudo: "
                "sudo pi-voice logs --last-run"
            ) from error


def _exchange(path: Path, line: bytes) -> tuple[bytes, int]:
    """Send one line and read one, from the process whose id comes with it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(ANSWER_S)
        door.connect(os.fspath(path))
        peer = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        with contextlib.suppress(ConnectionError):  # refused before we spoke: read the reason
            door.sendall(line)
        with door.makefile("rb") as answers:
            return answers.readline(ANSWER_BYTES), struct.unpack("3i", peer)[0]


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{_printable(line)}\n" for line in lines)
    sys.stdout.flush()


def _printable(line: str) -> str:
    """The line without characters that a terminal obeys."""
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
