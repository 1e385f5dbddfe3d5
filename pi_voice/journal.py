"""The last lines of the log in memory, kept on disk when a fault ends the run; no key in any."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path

LINES = 200  # some ten minutes of an eventful life
LINE_CHARS = 1000  # 200 of them fit into an answer of the control socket
LAST_RUN = "last-run.log"  # in [device] state_dir

# A run that dies sooner, so soon after the one before, died of the same: the older lines say more,
# and a card would wear out of a box that dies every few seconds for months.
LIVED_S, AGAIN_S = 60.0, 600.0

HIDDEN = "…"
_SECRETS = (
    re.compile(r"\b[se]k[-_][\w-]{6,}"),  # keys of the service, long-lived and ephemeral
    re.compile(r"\beyJ[\w-]{8,}(\.[\w-]+)*"),  # a JSON web token
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),  # user and password in an address
    re.compile(r"(?i)\b(?:Bearer|Basic)\s+[\w.~+/=-]{6,}"),
    re.compile(
        r"(?i)(?<![\w/])((?:proxy-)?authorization|(?:x-)?api[-_]?key|cookie|password|secret"
        r"|(?:access|auth|refresh|client)[-_](?:token|secret)|token)"
        r"(['\"]?\s*[:=]\s*['\"]?)(?:(?:Bearer|Basic)\s+)?[^\s'\",;&)]+"
    ),
)


def redacted(text: str) -> str:
    """The text without keys, tokens and passwords."""
    for pattern in _SECRETS:
        text = pattern.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    name, sign = (match[1], match[2]) if match.re.groups == 2 else ("", "")
    return f"{name}{sign}{HIDDEN}"


class Redacting(logging.Formatter):
    """Another formatter's lines, tracebacks included, without keys.

    Args:
        inner: Makes the lines.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redacted(self._inner.format(record))


class Journal(logging.Handler):
    """Remembers the last lines; never raises, and writes nothing until it is told to.

    Args:
        folder: Where `keep` writes; None where nothing shall outlive the process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._ring: deque[str] = deque(maxlen=LINES)
        self._began_s = time.monotonic()
        self._is_again = folder is not None and _is_fresh(folder / LAST_RUN)
        self.setFormatter(
            Redacting(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception as fault:  # noqa: BLE001  # a wrong log line must not end what it tells about
            text = f"a line of {record.name} could not be written: {redacted(repr(fault))}"
        self._ring.extend(line[:LINE_CHARS] for line in text.splitlines())

    def lines(self) -> tuple[str, ...]:
        """The last lines, the oldest first."""
        self.acquire()
        try:
            return tuple(self._ring)
        finally:
            self.release()

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep the lines, and the fault below them, if what is done meanwhile raises one."""
        try:
            yield
        except Exception as fault:
            text = redacted("".join(traceback.format_exception(fault)))
            self._ring.extend(line[:LINE_CHARS] for line in text.splitlines())
            self.keep()
            raise

    def keep(self) -> None:
        """Write the lines to disk, in place of those kept before; silent if it cannot be done.

        Those of a run that died at once, again, are not written.

        For the last moments of a process, also inside a signal handler: it takes a few
        milliseconds on a card that works, and nothing bounds it on one that does not.
        """
        lived_s = time.monotonic() - self._began_s
        if self._folder is None or (self._is_again and lived_s < LIVED_S):
            return
        path, new = self._folder / LAST_RUN, self._folder / f"{LAST_RUN}.new"
        text = "".join(f"{line}\n" for line in self.lines())
        try:
            with open(new, "w", encoding="utf-8", errors="replace", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:  # a full or read-only disk: there is nobody left to tell
            with contextlib.suppress(OSError):
                new.unlink()


def _is_fresh(path: Path) -> bool:
    try:
        age_s = time.time() - path.stat().st_mtime  # a file has only a date
        return 0 <= age_s < AGAIN_S
    except OSError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def last_run(folder: Path) -> tuple[str, ...]:
    """The last lines of the run that ended by a fault of its own, none if all ended well.

    Args:
        folder: The same as of the Journal that kept them.

    Raises:
        PermissionError: Only root and the user of the service may read them.
    """
    try:
        return tuple((folder / LAST_RUN).read_text(errors="replace").splitlines())
    except (FileNotFoundError, NotADirectoryError):
        return ()


def last_words(folder: Path) -> str:
    """The fault that ended a run of the last minutes, in one line; "" if none is known.

    Args:
        folder: The same as of the Journal that kept them.
    """
    with contextlib.suppress(OSError):
        if _is_fresh(folder / LAST_RUN):
            return next((line.strip() for line in reversed(last_run(folder)) if line.strip()), "")
    return ""
