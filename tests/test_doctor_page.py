from __future__ import annotations

import json

from pi_voice import __version__
from pi_voice.core.failures import Failure
from pi_voice.doctor.findings import fault, note, ok, warning
from pi_voice.doctor.page import as_json, lines

FINDINGS = [
    fault("sound.microphone", "microphone 'usb' not found", "pi-voice devices"),
    ok("clock.time", "it is noon"),
    warning("network.power_save", "wlan0 saves power", "sudo iw dev wlan0 set power_save off"),
    note("board.memory", "no limits of memory"),
]


def test_only_what_is_wrong_is_shown_in_groups_with_its_repair() -> None:
    assert list(lines(FINDINGS)) == [
        "Sound",
        "  FAILURE  microphone 'usb' not found",
        "           -> pi-voice devices",
        "",
        "Network",
        "  warning  wlan0 saves power",
        "           -> sudo iw dev wlan0 set power_save off",
        "",
        "Board",
        "  note     no limits of memory",
        "",
        "1 failure, 1 warning, 1 note; 1 check is fine.",
    ]


def test_everything_is_shown_on_demand() -> None:
    assert "  ok       it is noon" in list(lines(FINDINGS, everything=True))


def test_a_healthy_box_is_one_line() -> None:
    found = [ok("clock.time", "it is noon"), ok("board.heat", "cool")]
    assert list(lines(found)) == ["Nothing is wrong; 2 checks are fine."]


def test_a_program_reads_the_same_findings_in_a_shape_with_a_number() -> None:
    told = json.loads(as_json([fault("clock.time", "1970", "wait", Failure.CLOCK_WRONG)]))
    finding = {
        "level": "failure",
        "name": "clock.time",
        "what": "1970",
        "fix": "wait",
        "failure": "clock_wrong",
    }
    assert told == {
        "shape": 1,
        "version": __version__,
        "worst": "failure",
        "exit_code": 2,
        "findings": [finding],
    }
