from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_voice.doctor.examination import GROUPS, PATIENT_S, Group, examine
from pi_voice.doctor.facts import Facts
from pi_voice.doctor.findings import Finding, ok
from pi_voice.errors import PiVoiceError
from tests.fake_system import Patient, words

LONG_S = 60.0


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return Patient(tmp_path).facts


def fine(facts: Facts) -> Iterator[Finding]:
    yield ok("x.fine", "fine")


def breaks(facts: Facts) -> Iterator[Finding]:
    yield ok("x.breaks", "first")
    raise ZeroDivisionError("by zero")


def hangs(facts: Facts) -> Iterator[Finding]:
    yield ok("x.hangs", "first")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(3600)


def crashes(facts: Facts) -> Iterator[Finding]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield ok("x.crashes", "never")


def complains(facts: Facts) -> Iterator[Finding]:
    yield ok("x.complains", "first")
    raise PiVoiceError("there is no library. Run: sudo apt install it")


def test_findings_come_in_the_order_of_the_groups(facts: Facts) -> None:
    assert words(examine(facts, [Group("x", LONG_S, (fine,)), Group("y", LONG_S, ())])) == [
        ("ok", "fine")
    ]


def test_a_check_that_breaks_is_a_finding_and_the_next_one_runs(facts: Facts) -> None:
    found = examine(facts, [Group("x", LONG_S, (breaks, fine))])
    assert words(found) == [
        ("ok", "first"),
        ("warning", "the check broke (ZeroDivisionError: by zero)"),
        ("ok", "fine"),
    ]
    assert found[1].name == "x.breaks"


def test_a_check_that_hangs_is_ended_and_its_findings_stay(facts: Facts) -> None:
    found = examine(facts, [Group("x", 2.0, (hangs, fine)), Group("y", LONG_S, (fine,))])
    assert words(found) == [
        ("ok", "first"),
        ("warning", "the check took longer than 2 s: not finished"),
        ("ok", "fine"),
    ]


def test_a_library_that_takes_its_process_down_is_a_finding(facts: Facts) -> None:
    (found,) = examine(facts, [Group("x", LONG_S, (crashes, fine))])
    assert (found.name, found.what) == ("x.crashes", "the check ended its process: not finished")


def test_a_sentence_of_ours_is_a_finding_with_its_fix(facts: Facts) -> None:
    _, found = examine(facts, [Group("x", LONG_S, (complains,))])
    assert (found.what, found.fix) == ("there is no library", "sudo apt install it")


def test_what_two_checks_stumble_over_is_told_once(facts: Facts) -> None:
    assert len(examine(facts, [Group("x", LONG_S, (fine, fine))])) == 1


def test_what_a_check_writes_to_the_terminal_is_not_seen(
    facts: Facts, capfd: pytest.CaptureFixture[str]
) -> None:
    def chatty(facts: Facts) -> Iterator[Finding]:
        os.write(2, b"ALSA lib pcm.c: unknown PCM\n")
        yield ok("x.chatty", "fine")

    assert len(examine(facts, [Group("x", LONG_S, (chatty,))])) == 1
    assert capfd.readouterr() == ("", "")


def test_no_process_is_left_behind(facts: Facts) -> None:
    examine(facts, [Group("x", 0.2, (hangs,)), Group("y", LONG_S, (crashes,))])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_whole_examination_ends_within_its_promise(facts: Facts) -> None:
    assert max(group.limit_s for group in GROUPS) <= PATIENT_S < 15
    names = [check.__name__ for group in GROUPS for check in group.checks]
    assert len(names) == len(set(names)) + names.count("service") - 1
    found = examine(facts)
    assert not [f for f in found if "the check" in f.what]
    assert {f.group for f in found} <= {group.name for group in GROUPS}
