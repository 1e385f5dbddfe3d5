from __future__ import annotations

import json

import pytest

from pi_voice import __version__
from pi_voice.budget import Caps, Date, Ledger, Spent
from pi_voice.frames import AudioFormat
from pi_voice.spending import Spending
from pi_voice.status import SHAPE, Finding, Status, duration, lines

WIRE = AudioFormat(24_000)
FULL = Status(
    state="no_network",
    state_s=75,
    muted=True,
    switched_off=True,
    microphone="lost",
    microphone_reason="microphone 'usb' not found",
    connection="failing",
    connection_s=7260,
    connection_reason="example.org has no address",
    trouble="no_network",
    spent={"day_s": 90, "day_tokens": 12345, "day_limit_s": 7200, "money": 0.25},
    findings=(Finding("clock_wrong", "the clock is wrong", "sudo timedatectl set-ntp true"),),
    name="hall",
    pid=812,
    uptime_s=90_000,
    version="1.2.3",
    more={
        "restarts": 2,
        "dropped_frames": 3,
        "open_cards": ["usb", "hdmi"],
        "echo": None,
        "hot": False,
    },
)


def test_a_person_reads_everything_in_a_few_lines() -> None:
    assert list(lines(FULL.as_dict())) == [
        "hall: no network for 1 min",
        "  microphone   lost: microphone 'usb' not found",
        "  connection   failing for 2 h 1 min: example.org has no address",
        "  muted        by the switch at the box",
        "  trouble      no network",
        "  spent        1 min of 2 h today, 12345 tokens today, money 0.25",
        "  running      1 d 1 h, started again 2 times, version 1.2.3, process 812",
        "  dropped frames 3",
        "  open cards   usb, hdmi",
        "  echo         none",
        "  hot          no",
        "  wrong        clock wrong: the clock is wrong → sudo timedatectl set-ntp true",
    ]


def test_a_box_that_is_well_says_little() -> None:
    box = Status("idle", muted=False, microphone="closed", connection="online")
    assert list(lines(box.as_dict())) == [
        "pi-voice: idle for 0 s",
        "  microphone   closed",
        "  connection   online for 0 s",
        f"  running      0 s, version {__version__}, process 0",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "0 s of 30 min this hour, 0 s of 2 h today, 48 tokens today"),
        ({"hour_limit_s": 0.0}, "0 s this hour, 0 s of 2 h today, 48 tokens today"),
        (
            {"day_tokens_limit": 900, "day_money": 0.02, "day_money_limit": 2.0},
            "0 s of 30 min this hour, 0 s of 2 h today, 48 of 900 tokens today, "
            "0.02 of 2 USD today",
        ),
        (
            {"day_money": 0.02},
            "0 s of 30 min this hour, 0 s of 2 h today, 48 tokens today, 0.02 USD today",
        ),
    ],
)
def test_what_was_spent_stands_beside_its_limit(change: dict[str, object], words: str) -> None:
    ledger = Ledger(Caps(hour_s=1800, day_s=7200), spent=Spent(day_tokens=48))
    spending = Spending(ledger, WIRE, post=print, keep=print, now=lambda: Date(0, 0))
    spent = spending.report() | change
    assert list(lines({"spent": spent}))[3] == f"  spent        {words}"


def test_a_program_gets_plain_json_with_the_version_of_its_shape() -> None:
    facts = json.loads(json.dumps(FULL.as_dict()))
    assert facts["shape"] == SHAPE
    assert facts["findings"][0]["hint"] == "sudo timedatectl set-ntp true"
    assert facts["spent"]["day_tokens"] == 12345
    assert facts["dropped_frames"] == 3
    assert "more" not in facts


def test_further_facts_never_cover_ours() -> None:
    box = Status("idle", muted=True, microphone="closed", connection="online", more={"muted": 0})
    assert box.as_dict()["muted"] is True


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"state": 5, "state_s": "long", "findings": "many", "spent": [1], "pid": None},
        {"findings": [7, {"name": "x"}], "uptime_s": None, "restarts": "often", "_s": 1, "": 2},
    ],
)
def test_the_words_of_another_version_are_shown_and_never_fatal(facts: dict[str, object]) -> None:
    assert all(isinstance(line, str) for line in lines(facts))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (59.6, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3 * 3600 + 125, "3 h 2 min"),
        (86_400, "1 d"),
        (100 * 86_400 + 7300, "100 d 2 h"),
    ],
)
def test_a_length_of_time_is_told_in_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
