"""The words between the box and the command line: one JSON object per line, each way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SOCKET = "control.sock"  # in [device] runtime_dir
REQUEST_BYTES = 4096  # nobody has that much to say to the box
SAY_CHARS = 1000  # a minute of speech, and at most 4,000 bytes


class Verb(StrEnum):
    """What can be asked of the box."""

    STATUS = "status"
    MUTE = "mute"
    UNMUTE = "unmute"
    INTERRUPT = "interrupt"
    SAY = "say"
    LOGS = "logs"


class RequestError(ValueError):
    """A request that nobody understands; says why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One line to the box.

    Attributes:
        verb: What is asked for.
        text: What to say.
        last_run: For logs: those of the run that ended by a fault of its own.
    """

    verb: Verb
    text: str = ""
    last_run: bool = False

    def encode(self) -> bytes:
        wire = {"verb": self.verb, "text": self.text, "last_run": self.last_run}
        return _line({key: value for key, value in wire.items() if value})

    @classmethod
    def decode(cls, line: bytes) -> Request:
        """Read what somebody sent.

        Raises:
            RequestError: It is not a request.
        """
        wire = _mapping(line)
        verb, text, last_run = wire.get("verb"), wire.get("text", ""), wire.get("last_run", False)
        if verb not in tuple(Verb):
            raise RequestError(f"the box knows the verbs {', '.join(Verb)}")
        if not isinstance(text, str) or not isinstance(last_run, bool):
            raise RequestError("text is a string, and last_run is true or false")
        if verb == Verb.SAY and not text.strip():
            raise RequestError("there is nothing to say; give a text")
        if len(text) > SAY_CHARS:
            raise RequestError(f"the text has {len(text)} characters; {SAY_CHARS} are allowed")
        return cls(Verb(verb), text.strip(), last_run)


@dataclass(frozen=True, slots=True)
class Answer:
    """One line from the box.

    Attributes:
        ok: What was asked for is done.
        text: One sentence about it; if it is not done, why and what to do.
        status: How things stand now; None where nobody may know.
        lines: Of the log.
    """

    ok: bool
    text: str = ""
    status: Mapping[str, object] | None = None
    lines: tuple[str, ...] = ()

    def encode(self) -> bytes:
        return _line({"ok": self.ok, "text": self.text, "status": self.status, "lines": self.lines})

    @classmethod
    def decode(cls, line: bytes) -> Answer:
        """Read what the box sent.

        Raises:
            RequestError: It is not an answer.
        """
        wire = _mapping(line)
        status, lines = wire.get("status"), wire.get("lines", ())
        if not isinstance(wire.get("ok"), bool) or not isinstance(lines, list):
            raise RequestError("this is not an answer of the box")
        known = status if isinstance(status, dict) else None
        return cls(wire["ok"], str(wire.get("text", "")), known, tuple(map(str, lines)))


def _line(wire: Mapping[str, object]) -> bytes:
    text = json.dumps(wire, ensure_ascii=False, default=str)
    return text.encode(errors="replace") + b"\n"


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        wire = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError("this is not one JSON object on one line") from error
    if not isinstance(wire, dict):
        raise RequestError("this is not a JSON object")
    return wire
