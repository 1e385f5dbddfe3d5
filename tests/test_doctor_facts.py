from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.config import parse
from tests.fake_system import Patient


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_what_systemd_says_is_asked_once(pi: Patient) -> None:
    pi.system.unit(NRestarts="7")
    facts = pi.facts
    assert (facts.unit.active, facts.unit.pid, facts.unit.restarts) == (True, 812, 7)
    assert facts.unit.known
    assert len(pi.system.ran) == 1


def test_a_machine_without_systemd_has_no_unit(pi: Patient) -> None:
    unit = pi.facts.unit
    assert (unit.known, unit.active, unit.pid, unit["Result"]) == (False, False, 0, "")


def test_the_first_group_of_a_user_counts_too(pi: Patient) -> None:
    pi.system.write("/etc/passwd", "pi-voice:x:999:29::/:\nnonsense\n")
    pi.system.write("/etc/group", "audio:x:29:\ngpio:x:30:pi,pi-voice\nbroken\n")
    assert pi.facts.members == {"audio": {"pi-voice"}, "gpio": {"pi", "pi-voice"}}


def test_a_user_without_a_name_is_a_number(pi: Patient) -> None:
    pi.system.user = 4711
    assert pi.facts.me == "uid 4711"


def test_a_folder_lies_on_the_nearest_mount(pi: Patient) -> None:
    pi.system.write(
        "/proc/self/mounts", "/dev/a / ext4 ro 0 0\n/dev/b /var ext4 rw,noatime 0 0\nbroken\n"
    )
    mount = pi.facts.mount_of(Path("/var/lib/pi-voice"))
    assert mount is not None
    assert (mount.folder, mount.read_only) == ("/var", False)
    root = pi.facts.mount_of(Path("/etc"))
    assert root is not None
    assert root.read_only


def test_every_pin_is_known_by_the_key_that_names_it(pi: Patient) -> None:
    pi.settings = parse('[leds]\ndriver = "rgb"\nmic_pin = 25\n[mute_switch]\npin = 6\n')
    assert pi.facts.pins == {
        6: "[mute_switch] pin",
        17: "[button] pin",
        22: "[leds] pins",
        23: "[leds] pins",
        24: "[leds] pins",
        25: "[leds] mic_pin",
    }


def test_what_the_service_says_of_mute_goes_before_what_is_on_disk(pi: Patient) -> None:
    pi.muted = True
    assert pi.facts.muted
    pi.status = {"muted": False}
    assert not pi.facts.muted
