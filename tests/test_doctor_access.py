from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.doctor import access
from pi_voice.doctor.chips import Chip
from tests.fake_system import Patient, levels, words

STRIP = parse('[leds]\ndriver = "apa102"\n')
NO_PINS = parse(
    '[activation]\nmode = "voice"\n[button]\ndriver = "none"\n[leds]\ndriver = "none"\n'
)


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_a_missing_group_is_named_with_what_it_does(pi: Patient) -> None:
    pi.system.unit()
    pi.system.accounts(audio="pi-voice", users="")
    (found,) = access.groups(pi.facts)
    assert found.what == "there is no group gpio: the unit ends with 216/GROUP"
    assert found.fix == "sudo groupadd -r gpio"


def test_a_service_outside_its_groups_is_told_the_command(pi: Patient) -> None:
    pi.settings = STRIP
    pi.system.accounts(audio="pi,pi-voice", gpio="pi", spi="")
    (found,) = access.groups(pi.facts)
    assert found.what == "pi-voice is not in gpio, spi"
    assert found.fix.startswith("sudo usermod -aG gpio,spi pi-voice")


def test_a_unit_without_its_user_is_a_failure(pi: Patient) -> None:
    assert words(access.groups(pi.facts)) == []
    pi.system.unit()
    (found,) = access.groups(pi.facts)
    assert (found.level, found.fix) == ("failure", "sudo systemd-sysusers")


def test_a_user_in_all_groups_is_fine(pi: Patient) -> None:
    pi.system.accounts(audio="pi-voice", gpio="pi,pi-voice")
    assert words(access.groups(pi.facts)) == [("ok", "pi-voice is in audio, gpio")]


def test_whoever_tries_by_hand_is_told_which_group_is_missing(pi: Patient) -> None:
    pi.system.user = 1000
    pi.system.accounts(audio="pi", gpio="pi")
    pi.system.write("/proc/self/status", "Name:\tpython\nGroups:\t30 1000 \n")
    (found,) = access.user(pi.facts)
    assert (found.level, found.fix) == (
        "note",
        "sudo usermod -aG gpio pi; then log in again",
    )
    pi.system.write("/proc/self/status", "Groups:\t30 31 1000\n")
    assert words(access.user(pi.facts)) == [("ok", "pi may use cards and pins")]


def test_root_may_use_everything(pi: Patient) -> None:
    assert levels(access.user(pi.facts)) == ["ok"]


def test_a_missing_library_is_named_with_its_package(pi: Patient) -> None:
    assert [f.fix for f in access.libraries(pi.facts)] == ["sudo apt install python3-gpiozero"]
    pi.system.modules = {"gpiozero"}
    (found,) = access.libraries(pi.facts)
    assert found.fix.startswith("sudo apt install python3-lgpio")
    pi.system.modules = {"gpiozero", "lgpio"}
    assert levels(access.libraries(pi.facts)) == ["ok"]


@pytest.mark.parametrize(
    ("chips", "level", "fact"),
    [
        ([Chip("/dev/gpiochip4", "pinctrl-rp1")], "ok", "the header is gpiochip4 (pinctrl-rp1)"),
        ([], "failure", "this machine has no GPIO chip"),
        ([Chip("/dev/gpiochip0")], "warning", "uid 0 may not open gpiochip0"),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_label(
    pi: Patient, chips: list[Chip], level: str, fact: str
) -> None:
    pi.system.found = chips
    assert words(access.chip(pi.facts)) == [(level, fact)]


def test_a_board_of_another_kind_is_told_what_was_seen(pi: Patient) -> None:
    pi.system.found = [Chip("/dev/gpiochip0", "raspberrypi-exp-gpio")]
    (found,) = access.chip(pi.facts)
    assert found.what.endswith("; gpiochip0 is 'raspberrypi-exp-gpio'")


def test_who_has_no_pins_is_told_a_configuration_that_works(pi: Patient) -> None:
    (found,) = access.chip(pi.facts)
    told = re.findall(r'(\w+ = "\w+") in (\[\w+\])(?: and (\[\w+\]))?', found.fix)
    text = "".join(f"{table}\n{line}\n" for line, *tables in told for table in tables if table)
    pi.settings = parse(text)
    assert len(told) == 2
    assert words(access.chip(pi.facts)) == []


def test_a_pin_in_use_is_named_with_its_holder_and_its_key(pi: Patient) -> None:
    pi.system.found = [Chip("/dev/gpiochip0", "pinctrl-bcm2711", {17: "w1"})]
    assert words(access.pins(pi.facts)) == [
        ("failure", "GPIO 17 ([button] pin) is in use by 'w1'"),
        ("ok", "GPIO 27 ([leds] pin) is free"),
    ]


def test_the_service_may_use_its_own_pins(pi: Patient) -> None:
    pi.system.found = [Chip("/dev/gpiochip0", "pinctrl-bcm2711", {17: "lg", 27: "lg"})]
    assert levels(access.pins(pi.facts)) == ["failure", "failure"]
    pi.system.unit()
    assert levels(access.pins(pi.facts)) == ["ok", "ok"]


def test_a_strip_needs_the_bus_and_its_library(pi: Patient) -> None:
    assert words(access.spi(pi.facts)) == []
    pi.settings = STRIP
    assert levels(access.spi(pi.facts)) == ["failure", "failure"]
    pi.system.modules = {"spidev"}
    (found,) = access.spi(pi.facts)
    assert found.fix.endswith(": sudo raspi-config nonint do_spi 0 && sudo reboot")
    pi.system.write("/dev/spidev0.0")
    assert words(access.spi(pi.facts)) == [("ok", "the SPI bus is on")]


def test_a_box_without_pins_needs_nothing_of_that(pi: Patient) -> None:
    pi.settings = NO_PINS
    checks = (access.libraries, access.chip, access.pins, access.spi, access.folder)
    assert [finding for check in checks for finding in check(pi.facts)] == []


def test_the_folder_where_lgpio_makes_its_pipes_belongs_to_the_service(pi: Patient) -> None:
    pi.system.unit()
    assert levels(access.folder(pi.facts)) == ["warning"]
    pi.system.path("/run/pi-voice").mkdir(parents=True)
    pi.system.write("/etc/passwd", f"pi-voice:x:{os.getuid()}:1::/:\n")
    assert levels(access.folder(pi.facts)) == ["ok"]
