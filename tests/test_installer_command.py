"""The verbs of install.sh on a machine made of a folder."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pi_voice import config
from pi_voice.installer import command, release, wishes
from pi_voice.installer.release import Release, in_checkout
from pi_voice.installer.wishes import Wishes
from tests.fake_debian import FakeDebian

ROOT = Path(__file__).parent.parent


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDebian:
    """A machine, and a checkout of the program beside it, small enough to copy often."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_USER", raising=False)
    checkout = tmp_path / "checkout"
    for part in release.PARTS:
        if (ROOT / part).is_file():
            checkout.mkdir(exist_ok=True)
            (checkout / part).write_bytes((ROOT / part).read_bytes())
    (checkout / "pi_voice").mkdir()
    (checkout / "pi_voice" / "__init__.py").write_text("")
    for folder in ("config", "systemd"):
        (checkout / folder).mkdir()
        for file in (ROOT / folder).iterdir():
            (checkout / folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(command, "HERE", checkout)
    return FakeDebian(tmp_path / "machine")


def run(debian: FakeDebian, *words: str) -> int:
    debian.calls.clear()
    return command.main(words, debian.machine)


def another(version: str) -> Release:
    """Make the checkout another version."""
    project = command.HERE / "pyproject.toml"
    text = project.read_text()
    begins = text.index('version = "')
    line = text[begins : text.index("\n", begins)]
    project.write_text(text.replace(line, f'version = "{version}"', 1))
    return in_checkout(command.HERE)


def test_one_command_makes_a_running_service(debian: FakeDebian) -> None:
    now = in_checkout(command.HERE)
    assert run(debian) == 0
    assert debian.running == now.version
    assert (debian.service, debian.enabled) == ("active", True)
    assert debian.accounts["gpio"] == {"pi-voice"}
    assert (debian.root / "usr/local/bin/pi-voice").readlink() == Path(
        "/opt/pi-voice/current/bin/pi-voice"
    )


def test_the_second_run_has_nothing_to_do(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    before = debian.files()
    capsys.readouterr()
    assert run(debian) == 0
    assert capsys.readouterr().out == "Everything is in place; nothing to do.\n"
    assert debian.files() == before
    assert debian.calls == []


def test_what_was_made_is_unmade(debian: FakeDebian) -> None:
    before, accounts = debian.files(), {name: set(who) for name, who in debian.accounts.items()}
    run(debian)
    assert run(debian, "uninstall", "--purge") == 0
    assert debian.files() == before
    assert debian.accounts == accounts


def test_an_uninstall_keeps_the_configuration_and_says_how_to_go_on(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    before = debian.files()
    run(debian)
    config = debian.root / "etc/pi-voice/config.toml"
    config.write_text("# mine\n")
    run(debian, "uninstall")
    assert "sudo ./install.sh uninstall --purge" in capsys.readouterr().out
    assert config.read_text() == "# mine\n"
    assert run(debian) == 0
    assert config.read_text() == "# mine\n"
    run(debian, "uninstall")
    run(debian, "uninstall", "--purge")
    assert debian.files() == before


def test_nothing_to_uninstall_is_no_fault(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(debian, "uninstall") == 0
    assert capsys.readouterr().out == "pi_voice is not installed here.\n"


def test_a_dry_run_tells_every_step_and_takes_none(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    before = debian.files()
    assert run(debian, "--dry-run") == 0
    told = capsys.readouterr().out
    missing = "python3-lgpio, python3-spidev"
    assert f"This would be done:\n  - install the packages {missing}\n" in told
    assert "  - write /etc/systemd/system/pi-voice.service\n" in told
    assert debian.files() == before
    assert debian.calls == []


def test_an_upgrade_keeps_one_version_to_go_back_to(debian: FakeDebian) -> None:
    run(debian)
    versions = [in_checkout(command.HERE).version]
    for number in ("8.0", "9.0"):
        versions.append(another(number).version)
        assert run(debian, "upgrade") == 0
    assert debian.running == versions[2]
    assert sorted(os.listdir(debian.root / "opt/pi-voice/versions")) == sorted(versions[1:])


def test_a_rollback_goes_back_and_forth(debian: FakeDebian) -> None:
    run(debian)
    first, second = in_checkout(command.HERE).version, another("9.0").version
    run(debian, "upgrade")
    assert run(debian, "rollback") == 0
    assert debian.running == first
    assert run(debian, "rollback") == 0
    assert debian.running == second


def test_a_rollback_brings_the_unit_of_its_version(debian: FakeDebian) -> None:
    run(debian)
    unit = command.HERE / "systemd/pi-voice.service"
    old = unit.read_text()
    unit.write_text(f"{old}# new\n")
    run(debian, "upgrade")
    installed = debian.root / "etc/systemd/system/pi-voice.service"
    assert installed.read_text() == f"{old}# new\n"
    run(debian, "rollback")
    assert installed.read_text() == old


def test_without_an_earlier_version_there_is_no_way_back(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    assert run(debian, "rollback") == 1
    assert "there is no earlier version here to go back to" in capsys.readouterr().err


def test_an_upgrade_needs_an_installation(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(debian, "upgrade") == 1
    assert capsys.readouterr().err.startswith(
        "install.sh: nothing is installed here yet; run: sudo ./install.sh"
    )


@pytest.mark.parametrize("fault", ["broken", "deaf"])
def test_a_version_that_does_not_work_gives_way_to_the_one_before(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    run(debian)
    old, bad = in_checkout(command.HERE).version, another("9.0").version
    getattr(debian, fault)[bad] = "planted"
    assert run(debian, "upgrade") == 1
    assert debian.running == old
    assert debian.service == "active"
    assert os.listdir(debian.root / "opt/pi-voice/versions") == [old]
    told = capsys.readouterr().err
    assert "planted" in told
    assert f"Version {old} runs again" in told
    assert run(debian, "rollback") == 1


def test_a_rollback_to_a_version_that_broke_meanwhile_comes_back(debian: FakeDebian) -> None:
    run(debian)
    old, new = in_checkout(command.HERE).version, another("9.0").version
    run(debian, "upgrade")
    debian.broken[old] = "a library went away"
    assert run(debian, "rollback") == 1
    assert debian.running == new
    assert debian.service == "active"


def test_a_box_without_a_microphone_is_installed_and_told_about(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.deaf[in_checkout(command.HERE).version] = "no sound card found"
    assert run(debian) == 0
    assert "It cannot hear yet: no sound card found" in capsys.readouterr().out


def test_a_box_without_a_service_is_told_what_goes_where(
    debian: FakeDebian, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(debian) == 0
    told = capsys.readouterr().out
    *_, key, address, check = told.splitlines()
    assert key.split("#")[0].split() == ["sudo", "nano", "/etc/pi-voice/api_key"]
    line = address.partition("below [service]: ")[2]
    assert config.parse(f"[service]\n{line}\n").service.url == wishes.WITH_A_KEY
    assert check == "  sudo pi-voice config check --service && sudo systemctl restart pi-voice"


@pytest.mark.parametrize("text", [f'[service]\nurl = "{wishes.WITH_A_KEY}"\n', "nonsense"])
def test_a_box_with_a_service_of_its_own_is_left_alone(
    debian: FakeDebian, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = debian.root / "etc/pi-voice/config.toml"
    place.parent.mkdir()
    place.write_text(text)
    assert run(debian) == 0
    assert "repeats" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--purge",), "--purge goes with uninstall: sudo ./install.sh uninstall --purge"),
        (("--profle", "kiosk"), "unrecognized arguments: --profle"),
        (("--dry-run", "kiosk"), "there is no 'kiosk'; there are install, upgrade, rollback, "),
    ],
)
def test_a_slip_of_the_keyboard_is_named_and_nothing_is_done(
    debian: FakeDebian, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(debian, *words)
    assert (ended.value.code, debian.calls) == (2, [])
    assert f"install.sh: error: {told}" in capsys.readouterr().err


def test_what_failed_is_finished_by_the_next_run(debian: FakeDebian) -> None:
    before = debian.files()
    debian.fails["-m pip"] = "Temporary failure in name resolution"
    assert run(debian) == 1
    debian.fails.clear()
    assert run(debian) == 0
    assert debian.service == "active"
    run(debian, "uninstall", "--purge")
    assert debian.files() == before


def test_one_installation_at_a_time(debian: FakeDebian, capsys: pytest.CaptureFixture[str]) -> None:
    with debian.machine.alone():
        assert run(debian) == 1
        assert capsys.readouterr().err == (
            "install.sh: another install.sh is at work here: "
            "wait for its end, then run this again\n"
        )
        assert run(debian, "--dry-run") == 0
    assert run(debian) == 0


class PowerCut(BaseException):
    """Nothing else happens."""


def cut_at(debian: FakeDebian, number: int, words: Sequence[str]) -> bool:
    """Cut the power at a verb's so-and-so-manieth removal; False if it has no more."""
    remove, left = debian.machine.remove, number

    def interrupted(path: str) -> None:
        nonlocal left
        if not left:
            place = debian.machine.at(path)
            for file in sorted(place.rglob("*")) if place.is_dir() else ():
                if file.is_file() and file.name != "pi-voice":
                    file.unlink()  # the program stays, and what it needs is gone
            raise PowerCut
        left -= 1
        remove(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(debian.machine, "remove", interrupted)
        try:
            run(debian, *words)
        except PowerCut:
            return True
    return False


def is_complete(debian: FakeDebian) -> bool:
    """What runs has all its files."""
    folder = debian.root / "opt/pi-voice/versions" / debian.running
    return (folder / "release/pyproject.toml").exists() and (folder / "bin/pi-voice").exists()


@pytest.mark.parametrize("words", [("uninstall",), ("uninstall", "--purge"), ("upgrade",)])
def test_after_a_cut_at_any_removal_an_installation_heals_the_box(
    debian: FakeDebian, words: Sequence[str]
) -> None:
    for number in range(50):
        for name in ("1.0", "2.0"):
            another(name)
            assert run(debian) == 0
        another("3.0" if words == ("upgrade",) else "2.0")
        if not cut_at(debian, number, words):
            assert number > 1
            return
        for name in ("1.0", "2.0"):
            another(name)
            assert run(debian) == 0
            assert is_complete(debian)
            assert debian.service == "active"
        assert run(debian, "uninstall", "--purge") == 0
        assert not debian.machine.exists("/opt/pi-voice")
    raise AssertionError("it never came to its end")


def test_an_upgrade_that_was_cut_before_it_was_seen_to_work_can_be_taken_back(
    debian: FakeDebian,
) -> None:
    run(debian)
    old, new = in_checkout(command.HERE).version, another("9.0").version
    run(debian, "upgrade", "--no-start")
    assert debian.running == new
    assert run(debian, "rollback") == 0
    assert (debian.running, debian.service) == (old, "active")
    assert debian.machine.manifest.current == old


def test_a_version_that_a_new_python_does_not_run_is_built_again(debian: FakeDebian) -> None:
    run(debian)
    debian.rotten.add(debian.running)
    assert run(debian) == 0
    assert "python3 -m venv" in debian.calls
    assert debian.calls[-1] == "systemctl restart"
    assert debian.machine.manifest.versions == (debian.running,)


def test_a_full_disk_is_told_though_nothing_can_be_noted_of_it(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    debian.fails["-m pip"] = "[Errno 28] No space left on device"
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    assert run(debian) == 1
    assert capsys.readouterr().err == (
        "install.sh: python failed: the disk is full: make room, then run this again\n"
    )


def test_where_the_version_before_does_not_come_back_both_reasons_are_told(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    old, bad = in_checkout(command.HERE).version, another("9.0").version
    debian.broken |= {old: "the card is gone", bad: "planted"}
    assert run(debian, "upgrade") == 1
    told = capsys.readouterr().err
    assert f"version {bad} does not start: planted" in told
    assert f"Version {old} did not come back, either" in told
    assert "the card is gone" in told


def test_what_was_stopped_stays_so_when_an_upgrade_fails(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    debian.service = "inactive"
    another("9.0")
    debian.fails["-m pip"] = "planted"
    assert run(debian, "upgrade", "--no-start") == 1
    assert debian.service == "inactive"
    assert "is in its place again" in capsys.readouterr().err


def test_a_damaged_list_of_changes_is_told_with_what_to_do(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    manifest = debian.root / "opt/pi-voice/manifest.json"
    for damage in ("\0\0", "[]"):
        manifest.write_text(damage)
        assert run(debian) == 1
        told = capsys.readouterr().err
        assert told.startswith("install.sh: /opt/pi-voice/manifest.json is damaged")
        assert "sudo rm /opt/pi-voice/manifest.json" in told
    manifest.unlink()
    assert run(debian) == 0


def test_what_the_service_remembers_goes_with_a_purge_also_the_second_time(
    debian: FakeDebian,
) -> None:
    before = debian.files()
    run(debian, "--no-start")
    run(debian, "uninstall")
    run(debian)
    run(debian, "uninstall", "--purge")
    assert debian.files() == before


def test_a_failure_is_one_sentence_with_what_to_do(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.fails["-m pip"] = "Temporary failure in name resolution"
    run(debian)
    sentence, place = capsys.readouterr().err.splitlines()
    assert sentence == (
        "install.sh: python failed: the package servers cannot be reached: check the network"
    )
    log = Path(place.removeprefix("What was done and said until then: "))
    assert "Temporary failure in name resolution" in log.read_text()
    log.unlink()


def test_without_root_only_a_dry_run_is_done(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = debian.files()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run(debian, "--profile", "kiosk") == 1
    told = capsys.readouterr().err
    assert told == "install.sh: this needs root; run: sudo ./install.sh --profile kiosk\n"
    assert run(debian, "--dry-run") == 0
    assert debian.files() == before


def test_old_processors_are_refused(debian: FakeDebian) -> None:
    assert "ARMv7 or newer" in command.refusal(debian.machine, "armv6l")
    assert command.refusal(debian.machine, "armv7l") == ""
    assert command.refusal(debian.machine, "aarch64") == ""


def test_other_systems_are_refused(debian: FakeDebian) -> None:
    (debian.root / "etc/os-release").write_text("ID=fedora\n")
    assert "no Debian" in command.refusal(debian.machine, "x86_64")
    (debian.root / "etc/os-release").write_text("ID=debian\n")
    (debian.root / "usr/bin/systemctl").unlink()
    assert "no systemd" in command.refusal(debian.machine, "x86_64")


def test_a_root_that_forgets_everything_at_a_restart_is_refused(debian: FakeDebian) -> None:
    (debian.root / "proc/self").mkdir(parents=True)
    cmdline, mounts = debian.root / "proc/cmdline", debian.root / "proc/self/mounts"
    cmdline.write_text("console=tty1 overlayroot=tmpfs root=/dev/mmcblk0p2\n")
    mounts.write_text("/dev/mmcblk0p2 /media/root-ro ext4 ro 0 0\noverlayroot / overlay rw 0 0\n")
    assert "forgets everything at a restart" in command.refusal(debian.machine, "aarch64")
    mounts.write_text("/dev/mmcblk0p2 / ext4 rw 0 0\n")  # through overlayroot-chroot
    assert command.refusal(debian.machine, "aarch64") == ""
    mounts.write_text("overlay / overlay rw 0 0\n")  # in a container
    cmdline.write_text("console=tty1\n")
    assert command.refusal(debian.machine, "aarch64") == ""


def test_no_start_leaves_the_service_to_you_and_says_how(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(debian, "--no-start") == 0
    assert "is installed.\nStart it: sudo systemctl restart pi-voice\n" in capsys.readouterr().out
    assert (debian.service, debian.enabled) == ("inactive", True)
    assert run(debian) == 0
    assert debian.calls == ["systemctl daemon-reload", "systemctl restart"]


def test_a_version_that_was_not_started_is_started_by_the_next_run(debian: FakeDebian) -> None:
    run(debian)
    another("9.0")
    run(debian, "upgrade", "--no-start")
    assert "systemctl restart" not in debian.calls
    run(debian, "upgrade")
    assert "systemctl restart" in debian.calls


def test_in_an_image_that_is_being_made_nothing_is_started(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    (debian.root / "run/systemd/system").rmdir()
    assert run(debian) == 0
    assert "is installed.\nIt starts with the box.\n" in capsys.readouterr().out
    assert [call for call in debian.calls if call.startswith("systemctl")] == ["systemctl enable"]


def test_an_unattended_installation_has_its_answers_from_a_file(
    debian: FakeDebian, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sk-secret\n")
    answers = tmp_path / "answers.toml"
    answers.write_text('profile = "kiosk"\nkey_file = "key"\n[config.button]\npin = 5\n')
    assert run(debian, "--unattended", str(answers)) == 0
    config = (debian.root / "etc/pi-voice/config.toml").read_text()
    assert "\npin = 5\n" in config
    assert 'url = "wss://api.openai.com/v1/realtime"' in config
    key = debian.root / "etc/pi-voice/api_key"
    assert key.read_text() == "sk-secret\n"
    assert key.stat().st_mode & 0o777 == 0o600


def test_whoever_called_sudo_may_use_the_commands(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")  # whom every system knows
    run(debian)
    assert "usermod -aG pi-voice daemon" in debian.calls


def test_a_new_box_reads_its_lists_of_packages_first(debian: FakeDebian) -> None:
    offered, debian.offered = debian.offered, set()
    debian.update = lambda: setattr(debian, "offered", offered)
    assert run(debian) == 0
    assert "python3-lgpio" in debian.packages


def test_nobody_is_no_member(debian: FakeDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "somebody-who-left")
    assert run(debian) == 0
    assert not [call for call in debian.calls if call.startswith("usermod")]


def test_every_command_that_the_readme_shows_is_known() -> None:
    shown = re.findall(
        r"^    sudo .*install\.sh ?([^#\n]*)", (ROOT / "README.md").read_text(), re.M
    )
    for words in shown:
        command.understood(words.split())


def test_every_verb_and_option_is_in_the_help_of_the_script() -> None:
    told = (ROOT / "install.sh").read_text().split("<<'END'\n")[1].split("\nEND\n")[0]
    _, *options = command.parser()._actions
    words = [f"sudo ./install.sh {word}" for word in command._VERBS if word != "install"]
    words += [word for option in options for word in option.option_strings]
    assert [word for word in words if word not in told] == []
    assert len(words) == 8


@pytest.mark.parametrize(
    ("words", "asked"),
    [((), True), (("--dry-run",), False), (("--unattended", "answers.toml"), False)],
)
def test_a_person_is_asked_where_there_is_one(
    debian: FakeDebian,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    asked: bool,
) -> None:
    questions: list[Wishes] = []

    def ask(said: Wishes) -> Wishes:
        questions.append(said)
        return replace(said, profile="kiosk")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "answers.toml").touch()
    monkeypatch.setattr(wishes, "somebody_is_there", lambda: True)
    monkeypatch.setattr(wishes, "asked", ask)
    for _ in range(2):  # the second time there is a configuration
        run(debian, *words)
    assert len(questions) == asked
    would = "You would be asked what this box is, and for its key.\n"
    assert (would in capsys.readouterr().out) is ("--dry-run" in words)


@pytest.mark.parametrize(
    ("words", "profile"), [((), "hobby-kit"), (("--profile", "kiosk", "--dry-run"), "kiosk")]
)
def test_without_a_terminal_nothing_is_asked_and_what_is_assumed_is_told_first(
    debian: FakeDebian,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    profile: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(debian, *words) == 0
    assert capsys.readouterr().out.startswith(
        f"There is no terminal to ask at: the profile is {profile}, and there is no key. "
        "Have it otherwise with --unattended FILE.\n"
    )


def test_with_a_configuration_in_place_nothing_is_assumed(
    debian: FakeDebian, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debian)
    capsys.readouterr()
    run(debian, "upgrade", "--no-start")
    assert "terminal" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--profile", "kiosk"), ("--unattended", "answers.toml")])
def test_a_wish_that_comes_too_late_for_the_configuration_is_told(
    debian: FakeDebian,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answers.toml").write_text("[config.button]\npin = 5\n")
    run(debian)
    capsys.readouterr()
    assert run(debian, *words) == 0
    assert capsys.readouterr().out == (
        "/etc/pi-voice/config.toml stays as it is; a profile and [config.…] are for a new box.\n"
        "Everything is in place; nothing to do.\n"
    )
