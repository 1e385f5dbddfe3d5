"""One text file that shows a helper what is wrong, and that its owner can read before sending it.

No key, token, password, serial number or spoken word is in it.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from pi_voice import __version__, config
from pi_voice.config import Settings
from pi_voice.doctor import page
from pi_voice.doctor.facts import UNIT, Facts
from pi_voice.doctor.findings import Finding
from pi_voice.doctor.system import System
from pi_voice.errors import PiVoiceError
from pi_voice.journal import HIDDEN, LAST_RUN, redacted

CONTENTS = (
    "what the doctor found, the configuration without secrets, versions, cards, pins, the state "
    "of the service, and the last lines of its log"
)
JOURNAL_LINES = "500"
JOURNAL_S = 20.0  # an SD card that is read for the first time
SHORTEST_SECRET = 4  # shorter ones would tear holes into every word
PACKAGES = ("pyaudio", "gpiozero", "lgpio", "spidev", "numpy", "websockets", "webrtcvad-wheels")
_ASKED_OF_UNIT = (
    "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,MainPID,"
    "MemoryCurrent,ActiveEnterTimestamp,StatusText,FragmentPath,DropInPaths,WatchdogUSec"
)
_QUOTED = r"(?:\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?)"
_PERSONAL = (
    # hardware addresses, serial numbers and names of networks lead to a person
    re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"),
    re.compile(r"(?i)(?<=serial)(\W*(?:(?:number|num|no|nr)\b\.?)?\W*[:=]\W*)[\w-]+"),
    re.compile(
        rf"(?i)\b((?:wpa[-_]?)?(?:psk|passphrase)|wep[-_]?key\d?|e?ssid)(\"?\s*[:=]\s*)"
        rf"(?:{_QUOTED}|[^\s\",;]+)"
    ),
    # keys that have no shape of their own, and the identity of the machine
    re.compile(r"\b[0-9A-Fa-f]{32,}\b"),
    # what was said, whatever put it there
    re.compile(
        rf"(?i)\b(transcript|delta|text|instructions)([\"']?\s*[:=]\s*)"
        rf"(?!\"\(\d+ characters\)\"){_QUOTED}"
    ),
    # what stands in the configuration where something else should stand
    re.compile(
        r"\b(token_command|token_url|headers|api_key_file|instructions)( = )"
        r"[^\n]*?(?= \(line \d+\))"
    ),
    # in addresses, after the question mark
    re.compile(r"(?<=[\w/])(\?)[\w.~%-]+=[^\s\"']+"),
)


def write(facts: Facts, findings: Sequence[Finding], out: Path | None = None) -> Path:
    """Write the report, readable only for its owner.

    Args:
        facts: Of this machine.
        findings: Of the doctor.
        out: Where to; None makes a file in the current folder.

    Raises:
        PiVoiceError: It cannot be written.
    """
    now = facts.system.now()
    path = out or Path.cwd() / f"pi-voice-report-{now:%Y%m%d-%H%M%S}.txt"
    made = text(facts, findings)
    try:
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(made)
            if "SUDO_UID" in os.environ and os.geteuid() == 0:  # for whoever typed sudo
                own = int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "-1"))
                os.fchown(file.fileno(), *own)
    except OSError as error:
        raise PiVoiceError(
            f"{path} cannot be written ({error.strerror}). "
            "Name another file: pi-voice report --out FILE"
        ) from error
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def text(facts: Facts, findings: Sequence[Finding]) -> str:
    """All of it, without what nobody else may see."""
    made = (
        f"== {title} ==\n{body.strip() or '(nothing)'}\n" for title, body in _parts(facts, findings)
    )
    return without_secrets("\n".join(made), known_secrets(facts))


def without_secrets(text: str, known: Sequence[str] = ()) -> str:
    """Take out what looks like a secret or leads to a person, and these very words."""
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = redacted(text)
    for pattern in _PERSONAL:
        text = pattern.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    return f"{''.join(match.groups()[:2])}{HIDDEN}"


def known_secrets(facts: Facts) -> list[str]:
    """The secrets of this very box, as far as we may read them."""
    service = facts.settings.service
    words = [secret.reveal() for secret in service.headers.values()]
    words += facts.system.read(service.api_key_file).split()
    words += service.token_command[1:]
    return [word for word in words if len(word) >= SHORTEST_SECRET and not word.startswith("--")]


def _parts(facts: Facts, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    system = facts.system
    now = system.now()
    yield "pi-voice report", f"version {__version__}, {now:%Y-%m-%d %H:%M %Z}"
    yield "doctor", "\n".join(page.lines(findings, everything=True))
    yield "doctor --json", page.as_json(findings)
    yield "configuration", _configuration(facts)
    yield "versions", _versions(facts)
    yield "operating system", system.read("/etc/os-release")
    yield "cards", system.read("/proc/asound/cards") + system.read("/proc/asound/pcm")
    yield "pins", "\n".join(_pins(facts))
    yield "systemctl status", system.run("systemctl", "status", UNIT, "--no-pager", "-n", "0").out
    yield "systemctl show", system.run("systemctl", "show", UNIT, "-p", _ASKED_OF_UNIT).out
    yield f"last {JOURNAL_LINES} lines of the log", _journal(system)
    yield (
        "the run that ended by a fault of its own",
        system.read(facts.settings.device.state_dir / LAST_RUN),
    )


def _configuration(facts: Facts) -> str:
    if facts.system.closed(facts.question.config):
        return "It may only be read by others; try: sudo pi-voice report"
    if facts.question.problems:
        return "\n".join(("It cannot be used:", *facts.question.problems))
    return config.dump(_public(facts.settings))


def _public(settings: Settings) -> Settings:
    """The settings without what an owner may have put between the lines."""
    service = settings.service
    told = f"({len(service.instructions)} characters)"
    shown = dataclasses.replace(
        service,
        instructions=told,
        token_command=(*service.token_command[:1], *(HIDDEN for _ in service.token_command[1:])),
        token_url=_without_query(service.token_url) if service.token_url else None,
        url=_without_query(service.url),
        headers=MappingProxyType(dict(service.headers)),
    )
    return dataclasses.replace(settings, service=shown)


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=HIDDEN if parts.query else "").geturl()


def _versions(facts: Facts) -> str:
    system = facts.system
    found: Mapping[str, str] = {name: _version(name) for name in PACKAGES}
    lines = [f"Python {system.python()}, {system.machine()}, {facts.board or 'no Raspberry Pi'}"]
    lines.append(system.read("/proc/version").strip())
    lines += [f"{name} {version}" for name, version in found.items()]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"


def _pins(facts: Facts) -> Iterator[str]:
    for chip in facts.chips:
        used = ", ".join(f"GPIO {pin} by {user!r}" for pin, user in sorted(chip.users.items()))
        label = chip.label or "may not be opened"
        yield f"{chip.path}: {label}" + (f"; in use: {used}" if used else "")
    yield from (f"configured: GPIO {pin} ({key})" for pin, key in sorted(facts.pins.items()))


def _journal(system: System) -> str:
    command = ("journalctl", "-u", UNIT, "-n", JOURNAL_LINES, "--no-pager", "--no-hostname")
    told = system.run(*command, "-o", "short-iso", limit_s=JOURNAL_S)
    return told.out if told.ok else "could not be read; try: sudo pi-voice report"
