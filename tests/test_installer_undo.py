from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.installer.manifest import Manifest
from pi_voice.installer.undo import Gone, Kept, NoAccount, Stopped
from tests.fake_debian import FakeDebian


@pytest.fixture
def debian(tmp_path: Path) -> FakeDebian:
    return FakeDebian(tmp_path)


def test_a_folder_of_ours_goes_with_all_that_is_in_it(debian: FakeDebian) -> None:
    place = debian.root / "etc/pi-voice/drivers"
    place.mkdir(parents=True)
    (place / "mine.py").touch()
    Gone("/etc/pi-voice").do(debian.machine)
    assert not place.parent.exists()


def test_a_folder_of_the_system_stays_when_others_use_it_by_now(debian: FakeDebian) -> None:
    place = debian.root / "etc/sysusers.d"
    place.mkdir()
    (place / "theirs.conf").touch()
    Gone("/etc/sysusers.d").do(debian.machine)
    assert place.exists()
    (place / "theirs.conf").unlink()
    Gone("/etc/sysusers.d").do(debian.machine)
    assert not place.exists()


def test_a_link_that_leads_nowhere_is_removed(debian: FakeDebian) -> None:
    (debian.root / "usr/local/bin/pi-voice").symlink_to("nowhere")
    step = Gone("/usr/local/bin/pi-voice")
    assert not step.is_done(debian.machine)
    step.do(debian.machine)
    assert step.is_done(debian.machine)


def test_what_a_power_cut_left_beside_a_file_goes_with_it(debian: FakeDebian) -> None:
    draft = debian.root / "usr/local/bin/.pi-voice.new"
    draft.touch()
    step = Gone("/usr/local/bin/pi-voice")
    assert not step.is_done(debian.machine)
    step.do(debian.machine)
    assert not draft.exists()


def test_a_group_that_somebody_else_joined_stays(debian: FakeDebian) -> None:
    debian.accounts |= {"pi-voice": {"pi-voice", "pi"}, "gpio": {"pi-voice", "pi"}, "spi": set()}
    step = NoAccount(True, ("pi-voice", "gpio", "spi"))
    step.do(debian.machine)
    assert debian.calls == ["userdel pi-voice", "groupdel pi-voice", "groupdel spi"]
    assert debian.accounts["gpio"] == {"pi"}


@pytest.mark.parametrize(
    ("step", "made"),
    [
        (NoAccount(True, ("pi-voice", "gpio")), "the user pi-voice and the groups pi-voice, gpio"),
        (NoAccount(True, ()), "the user pi-voice"),
        (NoAccount(False, ("spi",)), "the group spi"),
    ],
)
def test_users_and_groups_are_told_apart(step: NoAccount, made: str) -> None:
    assert str(step) == f"remove what was made for the service: {made}"


def test_an_account_that_was_there_before_stays(debian: FakeDebian) -> None:
    debian.accounts["pi-voice"] = {"pi-voice"}
    assert NoAccount(False, ()).is_done(debian.machine)


def test_a_service_is_stopped_only_where_one_runs(debian: FakeDebian) -> None:
    Stopped().do(debian.machine)
    assert debian.calls == ["systemctl stop", "systemctl disable"]
    debian.calls.clear()
    (debian.root / "run/systemd/system").rmdir()
    Stopped().do(debian.machine)
    assert debian.calls == ["systemctl disable"]


def test_what_stays_is_still_on_the_list(debian: FakeDebian) -> None:
    (debian.root / "etc/pi-voice").mkdir()
    made = ("/etc/pi-voice", "/opt/pi-voice/versions")
    debian.machine.note(Manifest(made, True, ("gpio",), versions=("1",), current="1"))
    Kept().do(debian.machine)
    assert debian.machine.manifest == Manifest(("/etc/pi-voice",), True, ("gpio",))
