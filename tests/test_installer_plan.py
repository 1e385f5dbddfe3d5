from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.installer import plan
from pi_voice.installer.machine import CURRENT, ETC
from pi_voice.installer.manifest import Manifest
from pi_voice.installer.release import in_checkout
from pi_voice.installer.start import Started
from pi_voice.installer.wishes import Wishes
from tests.fake_debian import FakeDebian

HERE = in_checkout(Path(__file__).parent.parent)
PI_OS = ("python3-venv", "python3-pyaudio", "python3-lgpio", "python3-spidev")


@pytest.fixture
def debian(tmp_path: Path) -> FakeDebian:
    return FakeDebian(tmp_path)


@pytest.mark.parametrize("python", [(3, 11), (3, 13)])
def test_raspberry_pi_os_needs_no_compiler(debian: FakeDebian, python: tuple[int, int]) -> None:
    debian.packages.clear()
    assert plan.packages(debian.machine, python) == PI_OS


def test_what_is_there_is_not_needed_again(debian: FakeDebian) -> None:
    assert plan.packages(debian.machine, (3, 11)) == ("python3-lgpio", "python3-spidev")


def test_a_debian_without_lgpio_gets_a_wheel_of_it(debian: FakeDebian) -> None:
    debian.offered.remove("python3-lgpio")
    assert "gcc" not in plan.packages(debian.machine, (3, 11))


def test_where_there_is_no_wheel_of_lgpio_it_is_built(debian: FakeDebian) -> None:
    debian.offered.remove("python3-lgpio")
    assert {"gcc", "swig", "python3-dev"} <= set(plan.packages(debian.machine, (3, 13)))


def test_in_32_bits_numpy_is_the_distributions(debian: FakeDebian) -> None:
    debian.architecture = "armhf"
    needed = plan.packages(debian.machine, (3, 11))
    assert {"python3-numpy", "gcc"} <= set(needed)
    assert len(needed) == len(set(needed))


def test_the_key_is_in_no_words(debian: FakeDebian) -> None:
    steps = plan.installation(HERE, Wishes(key="sk-secret"), PI_OS, plan.Start.NOW)
    assert "sk-secret" not in f"{steps} {plan.told(steps)}"


def test_the_unit_and_the_account_name_the_same_groups() -> None:
    unit = HERE.read("systemd/pi-voice.service").decode()
    (line,) = (line for line in unit.splitlines() if line.startswith("SupplementaryGroups="))
    sysusers = HERE.read("systemd/pi-voice.sysusers.conf").decode()
    assert plan.groups(sysusers) == ("pi-voice", *line.partition("=")[2].split())


def test_the_unit_runs_what_the_installer_makes() -> None:
    unit = HERE.read("systemd/pi-voice.service").decode()
    assert f"ExecStart={CURRENT}/bin/pi-voice run --config {ETC}/config.toml" in unit
    assert f"ExecStopPost=-{CURRENT}/bin/pi-voice lights off" in unit


def test_a_program_is_started_anew_when_something_before_it_changes(debian: FakeDebian) -> None:
    steps = plan.installation(HERE, Wishes(), PI_OS, plan.Start.NOW)
    for step in plan.pending(steps, debian.machine):
        step.do(debian.machine)
    assert plan.pending(steps, debian.machine) == []
    (debian.root / "etc/systemd/system/pi-voice.service").write_text("")
    kinds = [type(step) for step in plan.pending(steps, debian.machine)]
    assert Started in kinds


def test_what_is_yours_goes_only_with_a_purge() -> None:
    manifest = Manifest(made=("/etc/pi-voice", "/etc/pi-voice/config.toml", "/opt/pi-voice/x"))
    kept = plan.told(plan.removal(manifest, purge=False))
    assert "config.toml" not in kept
    assert "remove /opt/pi-voice/x" in kept
    assert "remove /etc/pi-voice/config.toml" in plan.told(plan.removal(manifest, purge=True))
