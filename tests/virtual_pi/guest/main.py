"""What the guest does at each boot: the scenarios of that boot, then on to the next, or off."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from . import scenarios
from .board import MUTE, TALK, drive, run

HOST = Path("/host")
BOOTS = Path("/var/lib/boots")  # on the disk of the guest, which outlives a restart
FIRST = (
    scenarios.install,
    scenarios.talk,
    scenarios.unplug,
    scenarios.presses,
    scenarios.mute,
    scenarios.mute_for_the_night,
)
SECOND = (scenarios.wake, scenarios.stop)


def main() -> None:
    boot = int(BOOTS.read_text()) + 1 if BOOTS.exists() else 1
    BOOTS.write_text(str(boot))
    for line in (TALK, MUTE):
        drive(line, down=False)
    is_well = all(play(scenario) for scenario in (FIRST if boot == 1 else SECOND))
    (HOST / f"journal-{boot}.txt").write_text(journal())
    run("sync")
    run("systemctl", "--no-block", "reboot" if boot == 1 and is_well else "poweroff")


def journal(*options: str) -> str:
    """What the service said since this boot."""
    form = ("-b", "-u", "pi-voice", "-o", "short-monotonic", "--no-pager")
    return run("journalctl", *form, *options)


def play(scenario: Callable[[], scenarios.Facts]) -> bool:
    """Leave the facts, or why there are none, for the host; false if there is no box at all."""
    name = scenario.__name__
    began_s = time.monotonic()
    try:
        facts = scenario()
    except Exception:  # noqa: BLE001  # whatever it is, the test tells it
        facts = {"error": f"{traceback.format_exc()}\n{journal('-n', '40')}"}
    took_s = time.monotonic() - began_s
    (HOST / f"{name}.json").write_text(json.dumps({**facts, "scenario_s": took_s}))
    sys.stdout.write(f"{name}: {took_s:.1f} s\n")
    return name != "install" or facts.get("code") == 0


if __name__ == "__main__":
    main()
