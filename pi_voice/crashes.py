"""Does the service crash again and again? Then it runs in safe mode, without what may crash it.

systemd knows best how a run ended, so it is asked after each end, and counts every crash in the
folder of the control socket. That folder is in memory: no card wears out, a full or read-only disk
changes nothing, and a power cut begins anew. Who cuts the power, or restarts the service, has
perhaps mended it: a clean end forgets all crashes, so the next start is a full one.

Where nobody comes, safe mode ends by itself after an hour, as soon as nobody talks: what crashed
the box may have passed. If it has not, that costs three starts within the hour, some ten seconds
each; trying more often would take the voice away more often, and less often would leave a box
half as good for longer than it has to be.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pi_voice.errors import EXIT_CONFIG, EXIT_TAKEN

LOOP = 3  # two may be bad luck
WINDOW_S = 300.0
GOOD_S = 60.0  # a run that lives so long is no part of a loop
SAFE_S = 3600.0
CRASHES = "crashes"  # in [device] runtime_dir
FROM_SYSTEMD = 200  # from here on it is systemd's own: the program never ran (systemd.exec(5))
FAULTS = {  # $SERVICE_RESULT (systemd.exec(5)): what it is called here
    "exit-code": "ended with status",
    "signal": "was ended by",
    "core-dump": "was ended by",
    "oom-kill": "took more memory than there is",
    "watchdog": "gave no sign of life to systemd",
    "timeout": "took too long to start or to end",
    "protocol": "ended without a word to systemd",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """A run that ended by a fault.

    Attributes:
        at_s: When, in s of the monotonic clock, which all processes share until the power is cut.
        how: What systemd saw, in words that follow "it".
    """

    at_s: float
    how: str


def fault(environment: Mapping[str, str]) -> str:
    """How a run crashed, by the environment of ExecStopPost=; "" if it did not.

    What safe mode does not mend is no crash either: a wrong configuration, a second box, a program
    that systemd could not even start.
    """
    result = environment.get("SERVICE_RESULT", "")
    status = environment.get("EXIT_STATUS", "")
    if result in ("signal", "core-dump"):
        return f"{FAULTS[result]} SIG{status}"
    if result != "exit-code":
        return FAULTS.get(result, "")
    if not status.isdecimal() or int(status) in (EXIT_CONFIG, EXIT_TAKEN):
        return ""
    return f"{FAULTS[result]} {status}" if int(status) < FROM_SYSTEMD else ""


def recent(crashes: Sequence[Crash], now_s: float) -> list[Crash]:
    """Those of the last five minutes; what seems to come is from before a power cut."""
    return [crash for crash in crashes if 0 <= now_s - crash.at_s <= WINDOW_S]


def is_loop(crashes: Sequence[Crash], now_s: float) -> bool:
    """Is it time for safe mode?"""
    return len(recent(crashes, now_s)) >= LOOP


class CrashFile:
    """Where crashes are counted. A folder that cannot be read or written has seen none.

    Args:
        folder: [device] runtime_dir.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / CRASHES

    def load(self) -> list[Crash]:
        """All that count, the oldest first."""
        try:
            kept = json.loads(self._path.read_text())
            return [Crash(float(one["at_s"]), str(one["how"])) for one in kept]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def note(self, how: str, now_s: float) -> None:
        """Count one more."""
        kept = [*recent(self.load(), now_s), Crash(now_s, how)][-LOOP:]
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text(json.dumps([{"at_s": one.at_s, "how": one.how} for one in kept]))
            new.replace(self._path)

    def forget(self) -> None:
        """Begin anew."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def take_in(self, environment: Mapping[str, str], now_s: float) -> None:
        """Learn how the run before ended.

        Args:
            environment: Of ExecStopPost=; anywhere else it tells nothing.
            now_s: The monotonic clock.
        """
        if environment.get("SERVICE_RESULT") == "success":
            self.forget()
        elif how := fault(environment):
            self.note(how, now_s)


class Probation:
    """A run from its start on: good after a minute, and in safe mode over after an hour. Pure.

    Args:
        is_safe_mode: It is one in safe mode.
        good: Called once it has lived long enough.
        over: Called again and again once safe mode has lasted long enough and nobody talks.
    """

    def __init__(
        self, good: Callable[[], None], over: Callable[[], None], *, is_safe_mode: bool
    ) -> None:
        self._good = good
        self._over = over
        self._is_safe_mode = is_safe_mode
        self._is_good = False
        self._began_s: float | None = None

    def look(self, now_s: float, *, is_idle: bool) -> None:
        """See how long it has lived.

        Args:
            now_s: Any clock that does not jump.
            is_idle: Nobody talks, nor waits for a reply.
        """
        if self._began_s is None:
            self._began_s = now_s
        lived_s = now_s - self._began_s
        if lived_s >= GOOD_S and not self._is_good:
            self._is_good = True
            self._good()
        if lived_s >= SAFE_S and is_idle and self._is_safe_mode:
            self._over()
