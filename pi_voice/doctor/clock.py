"""Checks of the clock: a certificate is only as good as the time it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pi_voice.core.failures import Failure
from pi_voice.doctor.facts import Facts
from pi_voice.doctor.findings import Finding, fault, note, ok, warning

TIME, SYNC, RTC = "clock.time", "clock.sync", "clock.rtc"
OLDEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program is younger
YEARS_AHEAD = 20
SYNCHRONIZED = "/run/systemd/timesync/synchronized"


def time(facts: Facts) -> Iterator[Finding]:
    now = facts.system.now()
    shown = now.strftime("%Y-%m-%d %H:%M %Z")
    if now >= OLDEST and now.year < OLDEST.year + YEARS_AHEAD:
        yield ok(TIME, f"it is {shown}")
    else:
        yield fault(TIME, f"the clock says {shown}", failure=Failure.CLOCK_WRONG)


def sync(facts: Facts) -> Iterator[Finding]:
    told = facts.system.run("timedatectl", "show")
    known = dict(line.split("=", 1) for line in told.out.splitlines() if "=" in line)
    if known.get("NTPSynchronized") == "yes" or facts.system.exists(SYNCHRONIZED):
        yield ok(SYNC, "the clock is synchronized")
    elif not told.ok:
        yield note(SYNC, "nobody here tells whether the clock is synchronized: not checked")
    elif known.get("NTP") == "no":
        fix = "sudo timedatectl set-ntp true"
        yield warning(SYNC, "the clock is not synchronized: network time is switched off", fix)
    else:
        what = "the clock is not synchronized yet: is UDP port 123 open, and the network there?"
        yield warning(
            SYNC, what, "timedatectl timesync-status; sudo systemctl restart systemd-timesyncd"
        )


def rtc(facts: Facts) -> Iterator[Finding]:
    if facts.system.glob("/sys/class/rtc/rtc*"):
        yield ok(RTC, "there is a clock chip")
    elif facts.board:
        what = (
            "there is no clock chip: after a power cut the time is wrong until the network is there"
        )
        yield ok(RTC, what)
