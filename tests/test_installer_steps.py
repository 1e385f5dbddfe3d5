from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_voice.installer.manifest import Manifest
from pi_voice.installer.release import in_checkout
from pi_voice.installer.steps import Account, Build, File, Link, Member, Packages, Settled, Step
from pi_voice.installer.wishes import Wishes
from tests.fake_debian import FakeDebian

ROOT = Path(__file__).parent.parent


@pytest.fixture
def debian(tmp_path: Path) -> FakeDebian:
    made = FakeDebian(tmp_path)
    made.accounts["pi"] = {"pi"}
    (tmp_path / "etc/sysusers.d").mkdir()
    sysusers = "u pi-voice - x /var/lib/pi-voice\nm pi-voice audio\nm pi-voice gpio\n"
    (tmp_path / "etc/sysusers.d/pi-voice.conf").write_text(sysusers)
    return made


STEPS: list[Step] = [
    Packages(("python3-venv", "python3-lgpio")),
    File("/etc/pi-voice/file", b"text"),
    Link("/opt/pi-voice/current", "versions/1"),
    Account(("pi-voice", "audio", "gpio")),
    Member("pi"),
    Settled("1"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_step_knows_whether_it_is_done(debian: FakeDebian, step: Step) -> None:
    debian.accounts.setdefault("pi-voice", set())
    assert not step.is_done(debian.machine)
    step.do(debian.machine)
    if isinstance(step, Member):
        debian.accounts["pi-voice"].add("pi")
    assert step.is_done(debian.machine)


def test_only_packages_that_are_missing_are_installed_and_noted(debian: FakeDebian) -> None:
    Packages(("python3-venv", "python3-lgpio")).do(debian.machine)
    assert debian.calls == [
        "apt-get update",
        "apt-get install -y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=120 "
        "python3-lgpio",
    ]
    assert debian.machine.manifest.packages == ("python3-lgpio",)


def test_only_groups_that_were_missing_are_ours(debian: FakeDebian) -> None:
    Account(("pi-voice", "audio", "gpio")).do(debian.machine)
    known = debian.machine.manifest
    assert (known.user, known.groups) == (True, ("pi-voice", "gpio"))


def test_a_file_of_yours_is_made_once_and_never_changed(debian: FakeDebian) -> None:
    step = File("/etc/pi-voice/config.toml", b"profile", is_yours=True)
    step.do(debian.machine)
    place = debian.root / "etc/pi-voice/config.toml"
    assert place.read_bytes() == b"profile"
    place.write_text("mine")
    assert step.is_done(debian.machine)


def test_a_secret_is_never_readable_for_others_and_in_no_words(debian: FakeDebian) -> None:
    step = File("/etc/pi-voice/api_key", b"sk-1\n", 0o600)
    step.do(debian.machine)
    assert (debian.root / "etc/pi-voice/api_key").stat().st_mode & 0o777 == 0o600
    assert "sk-1" not in f"{step} {step!r} {Wishes(key='sk-1')!r}"
    assert [path.name for path in (debian.root / "etc/pi-voice").iterdir()] == ["api_key"]


def test_a_file_that_stood_there_before_is_not_ours_to_remove(debian: FakeDebian) -> None:
    (debian.root / "etc/file").write_text("old")
    File("/etc/file", b"new").do(debian.machine)
    assert debian.machine.manifest.made == ()


def test_a_link_is_replaced_in_one_step(debian: FakeDebian) -> None:
    for version in ("1", "2"):
        Link("/opt/current", f"versions/{version}").do(debian.machine)
    assert (debian.root / "opt/current").readlink() == Path("versions/2")
    assert not (debian.root / "opt/.current.new").exists()


def test_settling_keeps_the_version_before_and_drops_older_ones(debian: FakeDebian) -> None:
    paths = tuple(f"/opt/pi-voice/versions/{number}" for number in "123")
    debian.machine.note(Manifest(made=paths, versions=("1", "2", "3"), current="2", previous="1"))
    for path in paths:
        (debian.root / path.lstrip("/")).mkdir(parents=True)
    Settled("3").do(debian.machine)
    known = debian.machine.manifest
    assert (known.current, known.previous, known.versions) == ("3", "2", ("2", "3"))
    assert known.made == paths[1:]
    assert not (debian.root / paths[0].lstrip("/")).exists()


def test_a_version_is_on_the_disk_before_it_is_on_the_list(
    debian: FakeDebian, tmp_path: Path
) -> None:
    step = Build(in_checkout(ROOT))
    program = debian.root / "opt/pi-voice/versions" / step.release.version / "bin/pi-voice"
    seen: list[tuple[bool, bool]] = []
    debian.at_sync = lambda: seen.append((program.exists(), step.is_done(debian.machine)))
    step.do(debian.machine)
    assert seen == [(True, False)]
    assert step.is_done(debian.machine)


def test_a_file_is_on_the_disk_before_it_has_its_name(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it is there and empty after a power cut, and counts as done if it is yours."""
    place = debian.root / "etc/pi-voice/config.toml"
    seen: list[tuple[bytes, bool]] = []

    def fsync(handle: int) -> None:
        content = Path(f"/proc/self/fd/{handle}").read_bytes()
        seen.append((content, place.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    File("/etc/pi-voice/config.toml", b"profile", is_yours=True).do(debian.machine)
    assert (b"profile", False) in seen
