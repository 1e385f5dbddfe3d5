from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.core.failures import Failure
from pi_voice.doctor import configuration
from pi_voice.errors import ConfigError, LinkError
from tests.fake_system import Patient, levels, words

KEY = Path("/etc/pi-voice/api_key")
REAL = parse('[service]\nurl = "wss://example.org/v1/realtime"\n')


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_every_problem_of_the_file_is_a_finding_with_its_fix(pi: Patient) -> None:
    pi.problems = (
        "config.toml: [audio] unknown key 'mic' (line 2); did you mean 'microphone'?",
        "config.toml: [audio] batch_ms = 30 (line 3): must be 20, 40 or 60, e.g. batch_ms = 40",
        "config.toml: nonsense",
    )
    first, second, third, below = configuration.file(pi.facts)
    assert first.what == "config.toml: [audio] unknown key 'mic' (line 2)"
    assert first.fix == "did you mean 'microphone'?"
    assert first.failure is Failure.MISCONFIGURED
    assert second.what == "config.toml: [audio] batch_ms = 30 (line 3): must be 20, 40 or 60"
    assert second.fix == "e.g. batch_ms = 40"
    file = "/etc/pi-voice/config.toml"
    assert third.fix == f"Change it: nano {file}; then: pi-voice doctor --config {file}"
    assert below.fix == third.fix


def test_the_file_of_the_service_is_changed_and_then_used(pi: Patient) -> None:
    pi.system.unit(ActiveState="failed")
    pi.problems = ("config.toml: nonsense",)
    assert {found.fix for found in configuration.file(pi.facts)} == {
        "Change it: sudo nano /etc/pi-voice/config.toml; then: sudo systemctl restart pi-voice"
    }


def test_a_part_that_cannot_be_made_is_a_failure(pi: Patient) -> None:
    assert levels(configuration.parts(pi.facts)) == ["ok"]
    pi.part = ConfigError("[leds] driver: there is no module 'x'; put x.py there")
    (found,) = configuration.parts(pi.facts)
    assert (found.what, found.fix) == ("[leds] driver: there is no module 'x'", "put x.py there")
    pi.part = ConfigError("nonsense")
    (found,) = configuration.parts(pi.facts)
    assert (found.what, found.failure) == ("nonsense", Failure.MISCONFIGURED)
    assert found.fix == configuration.mend(pi.facts)


def test_a_part_that_only_lacks_the_key_is_left_to_its_check(pi: Patient) -> None:
    pi.part = LinkError("there is no key")
    assert words(configuration.parts(pi.facts)) == []
    pi.problems = ("config.toml: nonsense",)
    assert words(configuration.parts(pi.facts)) == []


def test_a_box_without_a_file_runs_on_the_defaults(pi: Patient) -> None:
    assert words(configuration.file(pi.facts)) == [
        ("ok", "no /etc/pi-voice/config.toml: the defaults hold")
    ]


def test_a_good_file_is_fine(pi: Patient) -> None:
    pi.system.write("/etc/pi-voice/config.toml")
    assert words(configuration.file(pi.facts)) == [("ok", "/etc/pi-voice/config.toml is fine")]


def test_a_file_that_is_closed_to_us_is_said_to_be_so(pi: Patient) -> None:
    pi.system.closed = lambda name: True  # type: ignore[method-assign]  # root reads everything
    (found,) = configuration.file(pi.facts)
    assert (found.level, found.fix) == ("note", "sudo pi-voice doctor")
    pi.settings = REAL
    (found,) = configuration.key(pi.facts)
    assert (found.level, found.fix) == ("note", "sudo pi-voice doctor")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (None, "there is no key in /etc/pi-voice/api_key"),
        (" \n", "/etc/pi-voice/api_key is empty"),
        ("key = sk-1234\n", "/etc/pi-voice/api_key holds more than one word; the key must stand"),
    ],
)
def test_a_key_that_cannot_be_one_is_found(pi: Patient, text: str | None, fact: str) -> None:
    pi.settings = REAL
    if text is not None:
        pi.system.write(str(KEY), text)
    (found,) = configuration.key(pi.facts)
    assert found.what.startswith(fact)
    assert found.failure is Failure.KEY_REFUSED
    assert found.fix == (
        "Put the key there, alone on one line: sudo nano /etc/pi-voice/api_key; "
        "then: sudo systemctl restart pi-voice"
    )


def test_a_key_that_everybody_can_read_is_a_warning(pi: Patient) -> None:
    pi.settings = REAL
    pi.system.write(str(KEY), "sk-1234\n")
    pi.system.path(KEY).chmod(0o644)
    (found,) = configuration.key(pi.facts)
    assert (found.level, found.fix.split(" && ")[1]) == ("warning", f"sudo chmod 600 {KEY}")
    pi.system.path(KEY).chmod(0o600)
    assert words(configuration.key(pi.facts)) == [("ok", f"there is a key in {KEY}")]


def test_where_no_key_is_needed_none_is_looked_for(pi: Patient) -> None:
    assert levels(configuration.key(pi.facts)) == ["ok"]
    service = dataclasses.replace(REAL.service, url="ws://127.0.0.1:8765")
    pi.settings = dataclasses.replace(REAL, service=service)
    assert levels(configuration.key(pi.facts)) == ["ok"]
