from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.installer.machine import InstallError
from pi_voice.installer.manifest import Manifest
from pi_voice.installer.start import Started, deafness
from tests.fake_debian import FakeDebian


@pytest.fixture
def debian(tmp_path: Path) -> FakeDebian:
    """A machine that goes from version 1, which runs, to version 2."""
    made = FakeDebian(tmp_path)
    made.machine.note(Manifest(versions=("1", "2"), current="1"))
    (tmp_path / "opt/pi-voice/current").symlink_to("versions/2")
    return made


def test_a_version_that_is_ready_lives_and_hears_is_good(debian: FakeDebian) -> None:
    Started("2").do(debian.machine)
    assert debian.calls == ["systemctl daemon-reload", "systemctl restart"]


def test_the_last_words_of_a_version_that_does_not_start_are_told(debian: FakeDebian) -> None:
    debian.broken["2"] = "config.toml: [audio] unknown key"
    with pytest.raises(InstallError, match=r"^version 2 does not start: config\.toml: \[audio\]"):
        Started("2").do(debian.machine)


def test_a_version_that_dies_after_it_was_ready_is_not_believed(debian: FakeDebian) -> None:
    def die(_: float) -> None:
        debian.pids += 1

    debian.machine.pause = die
    with pytest.raises(InstallError, match="does not live: see journalctl"):
        Started("2").do(debian.machine)


def test_a_version_that_hears_no_more_is_not_good(debian: FakeDebian) -> None:
    debian.deaf["2"] = "no sound card found"
    with pytest.raises(InstallError, match="does not hear: no sound card found"):
        Started("2").do(debian.machine)


def test_a_microphone_may_take_its_time(debian: FakeDebian) -> None:
    debian.deaf["2"] = "not yet"
    paused: list[float] = []

    def wait(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 5:
            debian.deaf.clear()

    debian.machine.pause = wait
    Started("2").do(debian.machine)
    assert len(paused) == 5


def test_a_version_is_not_blamed_for_a_microphone_that_was_not_there_before(
    debian: FakeDebian,
) -> None:
    debian.deaf |= {"1": "no sound card found", "2": "no sound card found"}
    Started("2").do(debian.machine)


def test_what_is_no_json_is_no_reason(debian: FakeDebian) -> None:
    debian.fails["runuser"] = "no such verb {"
    assert deafness(debian.machine, "2") == ""


def test_a_service_that_lost_its_microphone_is_deaf(debian: FakeDebian) -> None:
    debian.fails["status --json"] = '{"microphone": "lost", "microphone_reason": "unplugged"}'
    assert deafness(debian.machine, "2") == "unplugged"
