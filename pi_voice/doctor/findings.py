"""What a check says: how bad, what it is, what repairs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pi_voice.core.failures import Failure
from pi_voice.hints import HINTS


class Level(StrEnum):
    """How bad; the order is from best to worst."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


EXIT_CODES: Mapping[Level, int] = {
    Level.OK: 0,
    Level.NOTE: 0,
    Level.WARNING: 1,
    Level.FAILURE: 2,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw.

    Attributes:
        level: How bad it is.
        name: Group and subject, "sound.microphone"; the same in every version.
        what: The fact, in lower case without full stop.
        fix: The command that repairs it; "" where nothing is to be done.
        failure: By which name the light, the sound and the log tell of it, if they do.
    """

    level: Level
    name: str
    what: str
    fix: str = ""
    failure: Failure | None = None

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    def to_json(self) -> dict[str, str | None]:
        return {
            "level": self.level,
            "name": self.name,
            "what": self.what,
            "fix": self.fix,
            "failure": self.failure,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        failure = told["failure"]
        return cls(
            Level(told["level"]),
            told["name"],
            told["what"],
            told["fix"],
            None if failure is None else Failure(failure),
        )


def ok(name: str, what: str) -> Finding:
    return Finding(Level.OK, name, what)


def note(name: str, what: str, fix: str = "") -> Finding:
    return Finding(Level.NOTE, name, what, _command(fix))


def warning(name: str, what: str, fix: str = "") -> Finding:
    return Finding(Level.WARNING, name, what, _command(fix))


def fault(name: str, what: str, fix: str = "", failure: Failure | None = None) -> Finding:
    """Something that keeps the box from working; the fix of its failure, if no better is known."""
    known = HINTS[failure].fix if failure else ""
    return Finding(Level.FAILURE, name, what, _command(fix) or known, failure)


def _command(fix: str) -> str:
    """The command alone, out of a sentence of an error."""
    return fix.removeprefix("Run: ").removeprefix("run: ")


def worst(findings: Iterable[Finding]) -> Level:
    return max((f.level for f in findings), key=lambda level: level.rank, default=Level.OK)


def exit_code(findings: Iterable[Finding]) -> int:
    """0: fine, or only notes; 1: the worst is a warning; 2: something is broken."""
    return EXIT_CODES[worst(findings)]
