"""Checks of the configuration and of the key."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.config.checks import EMBEDDED
from pi_voice.core.failures import Failure
from pi_voice.doctor.facts import Facts
from pi_voice.doctor.findings import Finding, fault, note, ok, warning
from pi_voice.errors import LinkError, PiVoiceError

FILE, PARTS, KEY = "configuration.file", "configuration.parts", "configuration.key"


def file(facts: Facts) -> Iterator[Finding]:
    question = facts.question
    if facts.system.closed(question.config):
        what = f"{question.config} may only be read by others: the defaults were examined instead"
        yield note(FILE, what, "sudo pi-voice doctor")
        return
    for problem in question.problems:
        fact, fix = _parted(problem)
        yield fault(FILE, fact, fix or mend(facts), Failure.MISCONFIGURED)
    if question.problems:
        what = "until that is mended, everything below was examined with the defaults"
        yield note(FILE, what, mend(facts))
    if not question.problems:
        there = facts.system.exists(question.config)
        what = f"{question.config} is fine" if there else f"no {question.config}: the defaults hold"
        yield ok(FILE, what)


def _parted(problem: str) -> tuple[str, str]:
    """What is wrong, and what to write; "" if the problem does not say it."""
    for between, begin in (("; ", ""), (", e.g. ", "e.g. ")):
        fact, parted, fix = problem.rpartition(between)
        if parted:
            return fact, f"{begin}{fix}"
    return problem, ""


def mend(facts: Facts) -> str:
    """How the file is changed, and the change put to use."""
    path = facts.question.config
    if facts.unit.known:
        return f"Change it: sudo nano {path}; then: sudo systemctl restart pi-voice"
    return f"Change it: nano {path}; then: pi-voice doctor --config {path}"


def parts(facts: Facts) -> Iterator[Finding]:
    """Are the drivers there, also the owner's own, and the libraries that they need?"""
    if facts.question.problems:
        return
    try:
        facts.question.rehearse()
    except LinkError:
        return  # the key, which has a check of its own
    except PiVoiceError as error:
        fact, fix = _parted(str(error))
        yield fault(PARTS, fact, fix or mend(facts), Failure.MISCONFIGURED)
    else:
        yield ok(PARTS, "every part that is configured can be made")


def key(facts: Facts) -> Iterator[Finding]:
    """Is there a key, and is it kept from other people; the service judges whether it is good."""
    service, system = facts.settings.service, facts.system
    if service.url == EMBEDDED or service.token_command or service.token_url:
        yield ok(KEY, "no key on this box is needed")
        return
    path = service.api_key_file
    if system.closed(path):
        yield note(KEY, f"{path} may only be read by others: not checked", "sudo pi-voice doctor")
    elif not system.exists(path):
        if service.url.startswith("ws://"):  # on this machine, which may ask for none
            yield ok(KEY, "no key, and the service is on this machine")
            return
        yield fault(KEY, f"there is no key in {path}", _write(path), Failure.KEY_REFUSED)
    elif not system.read(path).strip():
        yield fault(KEY, f"{path} is empty", _write(path), Failure.KEY_REFUSED)
    elif len(system.read(path).split()) > 1:
        fact = f"{path} holds more than one word; the key must stand there alone"
        yield fault(KEY, fact, _write(path), Failure.KEY_REFUSED)
    elif system.path(path).stat().st_mode & 0o007:
        fix = f"sudo chown root:root {path} && sudo chmod 600 {path}"
        yield warning(KEY, f"every user of this machine can read {path}", fix)
    else:
        yield ok(KEY, f"there is a key in {path}")


def _write(path: object) -> str:
    restart = "sudo systemctl restart pi-voice"
    return f"Put the key there, alone on one line: sudo nano {path}; then: {restart}"
