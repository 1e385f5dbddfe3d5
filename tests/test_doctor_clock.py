from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_voice.core.failures import Failure
from pi_voice.doctor import clock
from tests.fake_system import Patient, levels, words


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


@pytest.mark.parametrize("year", [1970, 2025, 2099])
def test_a_year_that_cannot_be_is_a_failure(pi: Patient, year: int) -> None:
    pi.system.time = datetime(year, 12, 31, tzinfo=UTC)
    (found,) = clock.time(pi.facts)
    assert found.failure is Failure.CLOCK_WRONG
    assert found.what == f"the clock says {year}-12-31 00:00 UTC"


def test_a_clock_of_today_is_fine(pi: Patient) -> None:
    assert words(clock.time(pi.facts)) == [("ok", "it is 2026-11-20 12:00 UTC")]


@pytest.mark.parametrize(
    ("told", "fix"),
    [
        ("NTP=no\nNTPSynchronized=no\n", "sudo timedatectl set-ntp true"),
        ("NTP=yes\nNTPSynchronized=no\n", "timedatectl timesync-status"),
    ],
)
def test_a_clock_that_nobody_sets_is_a_warning(pi: Patient, told: str, fix: str) -> None:
    pi.system.answer("timedatectl show", told)
    (found,) = clock.sync(pi.facts)
    assert found.level == "warning"
    assert found.fix.startswith(fix)


def test_a_synchronized_clock_is_fine(pi: Patient) -> None:
    pi.system.answer("timedatectl show", "NTP=yes\nNTPSynchronized=yes\n")
    assert levels(clock.sync(pi.facts)) == ["ok"]


def test_the_mark_of_timesyncd_counts_where_nobody_answers(pi: Patient) -> None:
    assert levels(clock.sync(pi.facts)) == ["note"]
    pi.system.write("/run/systemd/timesync/synchronized")
    assert levels(clock.sync(pi.facts)) == ["ok"]


def test_a_board_without_a_clock_chip_is_told_what_that_means(pi: Patient) -> None:
    assert words(clock.rtc(pi.facts)) == []
    pi.system.write("/proc/device-tree/model", "Raspberry Pi 4 Model B\0")
    (found,) = clock.rtc(pi.facts)
    assert found.what.startswith("there is no clock chip")
    pi.system.write("/sys/class/rtc/rtc0/name")
    assert words(clock.rtc(pi.facts)) == [("ok", "there is a clock chip")]
