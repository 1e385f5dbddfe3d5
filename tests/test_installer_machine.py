from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pi_voice.installer import machine
from pi_voice.installer.machine import InstallError, Machine


def said(code: int, text: str) -> Machine:
    return Machine(run=lambda _: (code, text))


def test_a_command_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(InstallError, match=r"^groupdel failed: group is in use$"):
        said(1, "first\ngroup is in use\n\n").call("groupdel", "gpio")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full: make room"),
        ("E: Could not get lock /var/lib/dpkg/lock", "another program installs packages"),
        ("Temporary failure resolving 'deb'", "check the network"),
        ("certificate verify failed: certificate is not yet valid", "the clock is wrong: sudo"),
        ("Release file for … is not valid yet (invalid for another 3d)", "the clock is wrong"),
        ("E: Packages need to be removed but remove is disabled.", "none is ever removed"),
    ],
)
def test_known_causes_are_told_with_their_repair(words: str, told: str) -> None:
    with pytest.raises(InstallError) as caught:
        said(100, f"{words}\nand more\n").call("/usr/bin/apt-get", "install")
    assert str(caught.value).startswith("apt-get failed: ")
    assert told in str(caught.value)


def test_everything_that_was_said_is_kept_for_the_log() -> None:
    on = said(0, "fine\n")
    on.ask("true", "indeed")
    assert on.transcript() == "$ true indeed\nfine\n"


def test_commands_run_without_the_path_of_the_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/checkout")
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    script = "import os, sys; print({k: os.environ.get(k) for k in sys.argv[1:]})"
    names = ("PYTHONPATH", "PIP_NO_CACHE_DIR", "DEBIAN_FRONTEND")
    code, told = machine.run([sys.executable, "-c", script, *names])
    assert code == 0
    assert told == (
        "{'PYTHONPATH': None, 'PIP_NO_CACHE_DIR': '1', 'DEBIAN_FRONTEND': 'noninteractive'}\n"
    )


def test_folders_that_are_missing_on_the_way_are_ours_too(tmp_path: Path) -> None:
    on = Machine(tmp_path)
    (tmp_path / "etc").mkdir()
    on.claim("/etc/new/folder/file")
    assert on.manifest.made == ("/etc/new", "/etc/new/folder", "/etc/new/folder/file")
    on.claim("/etc/new/folder/file")
    assert len(on.manifest.made) == 3


def test_what_is_there_already_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/file").touch()
    on = Machine(tmp_path)
    on.claim("/etc/file")
    assert on.manifest.made == ()
