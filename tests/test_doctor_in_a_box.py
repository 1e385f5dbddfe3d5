"""The doctor on an installed system, as root and as somebody who may do nothing."""

from __future__ import annotations

import json

from tests.rigs.systemd.box import Box

pytest_plugins = ["tests.rigs.systemd.plugin"]

AS_NOBODY = ("runuser", "-u", "nobody", "--")


def levels(out: str) -> dict[str, str]:
    return {finding["name"]: finding["level"] for finding in json.loads(out)["findings"]}


def test_the_doctor_finds_an_installed_box_in_order(systemd_box: Box) -> None:
    done = systemd_box.ask("pi-voice", "doctor", "--json", "--offline")
    found = levels(done.stdout)
    assert done.returncode == 2  # it has neither a card nor pins
    assert {name for name, level in found.items() if level == "failure"} == {
        "access.chip",
        "sound.cards",
        "sound.microphone",
        "sound.speaker",
    }
    for name in ("access.groups", "unit.installed", "unit.running", "unit.control", "unit.version"):
        assert found[name] == "ok"


def test_whoever_may_do_nothing_is_told_what_could_not_be_seen(systemd_box: Box) -> None:
    done = systemd_box.ask(*AS_NOBODY, "pi-voice", "doctor", "--json", "--offline")
    found = levels(done.stdout)
    assert found["access.groups"] == "ok"
    assert found["access.user"] == "note"
    assert found["unit.control"] == "warning"


def test_a_report_of_an_installed_box_holds_its_log(systemd_box: Box) -> None:
    systemd_box.run("pi-voice", "report", "--offline", "--out", "/run/report.txt")
    report = systemd_box.run("cat", "/run/report.txt")
    systemd_box.run("rm", "/run/report.txt")
    assert "Started pi-voice.service" in report
    assert "ActiveState=active" in report
