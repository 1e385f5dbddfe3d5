from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice import __version__
from pi_voice.core.failures import Failure
from pi_voice.doctor import unit
from tests.fake_system import Patient, levels, words


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_a_machine_without_systemd_starts_nothing(pi: Patient) -> None:
    assert levels(unit.installed(pi.facts)) == ["note"]
    assert words(unit.running(pi.facts)) == []


def test_a_service_that_is_not_installed_is_a_note(pi: Patient) -> None:
    pi.system.unit(LoadState="not-found", ActiveState="inactive")
    (found,) = unit.installed(pi.facts)
    assert (found.level, found.fix) == ("note", "In the folder of the program: sudo ./install.sh")
    assert words(unit.running(pi.facts)) == []


def test_a_service_that_does_not_start_by_itself_is_a_warning(pi: Patient) -> None:
    pi.system.unit(UnitFileState="disabled")
    (found,) = unit.installed(pi.facts)
    assert (found.level, found.fix) == ("warning", "sudo systemctl enable --now pi-voice")


def test_a_changed_unit_wants_to_be_read_again(pi: Patient) -> None:
    pi.system.unit(NeedDaemonReload="yes")
    assert levels(unit.installed(pi.facts)) == ["ok", "warning"]


def test_a_running_service_is_fine(pi: Patient) -> None:
    pi.system.unit()
    checks = (unit.installed, unit.running, unit.restarts)
    assert levels(f for check in checks for f in check(pi.facts)) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("properties", "level", "fact"),
    [
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "1"},
            "failure",
            "the service has failed (exit-code, status 1)",
        ),
        (
            {
                "ActiveState": "activating",
                "SubState": "auto-restart",
                "Result": "exit-code",
                "ExecMainStatus": "243",
            },
            "failure",
            "the service ends and is started again and again (exit-code, status 243)",
        ),
        ({"ActiveState": "inactive"}, "warning", "the service is inactive"),
    ],
)
def test_a_service_that_does_not_run_is_told_with_its_reason(
    pi: Patient, properties: dict[str, str], level: str, fact: str
) -> None:
    pi.system.unit(**properties)
    assert words(unit.running(pi.facts)) == [(level, fact)]


def test_a_service_that_starts_is_not_yet_in_trouble(pi: Patient) -> None:
    pi.system.unit(ActiveState="activating", SubState="start")
    assert levels(unit.running(pi.facts)) == ["note"]


def test_a_service_that_ended_for_its_configuration_says_so(pi: Patient) -> None:
    pi.system.unit(ActiveState="failed", Result="exit-code", ExecMainStatus="78")
    (found,) = unit.running(pi.facts)
    assert found.failure is Failure.MISCONFIGURED
    assert found.fix == (
        "Mend what stands below Configuration, if anything does; then: "
        "sudo systemctl restart pi-voice"
    )


def test_a_service_that_died_is_a_warning(pi: Patient) -> None:
    pi.system.unit(NRestarts="3")
    assert words(unit.restarts(pi.facts)) == [
        ("warning", "the service died and was started again 3 times")
    ]


def test_a_service_that_does_not_answer_is_told_with_the_way_in(pi: Patient) -> None:
    assert words(unit.control(pi.facts)) == []
    pi.system.unit()
    (found,) = unit.control(pi.facts)
    assert (found.level, found.what, found.fix) == ("warning", "nobody answers", "Start it")


def test_what_the_service_says_of_itself_is_passed_on(pi: Patient) -> None:
    pi.system.unit()
    wrong = {"name": "no_speaker", "text": "the speaker is gone", "hint": "plug it in"}
    pi.status = {"muted": False, "findings": [wrong]}
    answers, found = unit.control(pi.facts)
    assert answers.level == "ok"
    assert (found.what, found.fix) == ("the service says: the speaker is gone", "plug it in")


def test_an_old_version_that_still_runs_is_a_warning(pi: Patient) -> None:
    pi.system.unit()
    pi.system.path("/opt/pi-voice").mkdir(parents=True)
    pi.system.path("/opt/pi-voice/current").symlink_to("versions/2.0.0-a1b2c3d4")
    python = "/opt/pi-voice/versions/{}/bin/python\0/opt/pi-voice/current/bin/pi-voice\0run\0"
    pi.system.write("/proc/812/cmdline", python.format("1.9.0"))
    (found,) = unit.version(pi.facts)
    assert found.what == "version 1.9.0 runs, and 2.0.0-a1b2c3d4 is installed"
    pi.system.write("/proc/812/cmdline", python.format("2.0.0-a1b2c3d4"))
    assert levels(unit.version(pi.facts)) == ["ok"]


def test_versions_are_shown(pi: Patient) -> None:
    (found,) = unit.version(pi.facts)
    assert found.what.startswith(f"pi-voice {__version__}, Python 3.")


def test_the_last_words_of_a_run_are_pointed_out(pi: Patient) -> None:
    assert words(unit.last_run(pi.facts)) == []
    pi.system.write("/var/lib/pi-voice/last-run.log", "died\n")
    (found,) = unit.last_run(pi.facts)
    assert (found.level, found.fix) == ("note", "sudo pi-voice logs --last-run")
