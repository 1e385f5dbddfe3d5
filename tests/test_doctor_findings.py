from __future__ import annotations

import json

import pytest

from pi_voice.core.failures import Failure
from pi_voice.doctor.findings import Finding, exit_code, fault, note, ok, warning, worst
from pi_voice.hints import HINTS

FINE, HINT = ok("clock.time", "it is noon"), note("board.journal", "the log is in memory", "tee")
WARNED, BROKEN = warning("board.power", "undervoltage", "a supply"), fault("sound.cards", "none")


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([FINE, HINT], 0),
        ([FINE, WARNED, HINT], 1),
        ([BROKEN, WARNED, FINE], 2),
    ],
)
def test_the_worst_finding_decides_the_exit_code(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code


def test_the_worst_of_none_is_fine() -> None:
    assert worst([]) == "ok"


def test_a_fault_without_a_better_repair_gets_the_hint_of_its_failure() -> None:
    found = fault("network.service", "refused", failure=Failure.KEY_REFUSED)
    assert found.fix == HINTS[Failure.KEY_REFUSED].fix


def test_a_repair_is_the_command_itself() -> None:
    assert fault("sound.cards", "none", "Run: pi-voice devices").fix == "pi-voice devices"


@pytest.mark.parametrize(
    "finding", [FINE, WARNED, fault("clock.time", "1970", failure=Failure.CLOCK_WRONG)]
)
def test_a_finding_survives_the_way_through_json(finding: Finding) -> None:
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding
