from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pi_voice.installer.machine import InstallError
from pi_voice.installer.release import PARTS, PROFILES, in_checkout

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for part in PARTS:
        if (ROOT / part).is_file():
            shutil.copy(ROOT / part, tmp_path)
        else:
            (tmp_path / part).mkdir()
            (tmp_path / part / "file").write_text(part)
    return tmp_path


def test_the_same_files_are_the_same_version_wherever_they_are(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "copy"
    here = in_checkout(checkout)
    here.copy_to(other)
    assert in_checkout(other).version == here.version
    assert here.version.startswith("0.")


@pytest.mark.parametrize("name", ["pi_voice/file", "config/more.toml", "install.sh"])
def test_a_changed_file_is_another_version(checkout: Path, name: str) -> None:
    before = in_checkout(checkout).version
    (checkout / name).write_text("changed")
    assert in_checkout(checkout).version != before


@pytest.mark.parametrize("name", ["tests/test.py", "pi_voice/__pycache__/x.pyc", ".venv/x"])
def test_what_tools_and_tests_leave_is_no_part_of_it(checkout: Path, name: str) -> None:
    before = in_checkout(checkout)
    (checkout / name).parent.mkdir(parents=True)
    (checkout / name).write_text("left")
    assert in_checkout(checkout) == before
    before.copy_to(checkout / "copy")
    assert not (checkout / "copy" / name).exists()


def test_half_a_checkout_is_refused(checkout: Path) -> None:
    shutil.rmtree(checkout / "systemd")
    with pytest.raises(InstallError, match=r"systemd is missing\. Get it again"):
        in_checkout(checkout)


def test_every_profile_ships() -> None:
    here = in_checkout(ROOT)
    assert [name for name in PROFILES if not here.profile(name)] == []
    shipped = {path.stem for path in (ROOT / "config").iterdir()}
    assert shipped == {*PROFILES, "config", "unattended"}
