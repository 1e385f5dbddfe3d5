from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pi_voice import drivers
from pi_voice.config.settings import Leds
from pi_voice.errors import ConfigError


def leds(driver: str) -> Leds:
    return Leds(driver=driver, brightness=7)


LAMP = "class Lamp:\n    def __init__(self, settings):\n        self.settings = settings\n"


def test_a_class_in_the_folder_of_drivers_is_made_with_its_table(tmp_path: Path) -> None:
    (tmp_path / "lamp_of_mine.py").write_text(LAMP)
    lamp = drivers.make("leds", leds("lamp_of_mine:Lamp"), tmp_path)
    assert lamp.settings.brightness == 7


def test_an_installed_module_works_too(tmp_path: Path) -> None:
    assert "brightness=7" in drivers.make("leds", leds("builtins:repr"), tmp_path)


def test_a_method_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "lamp_of_mine.py").write_text(LAMP)
    with pytest.raises(ConfigError) as caught:
        drivers.make("leds", leds("lamp_of_mine:Lamp"), tmp_path, "show", "show_mic")
    assert str(caught.value) == (
        "[leds] driver = 'lamp_of_mine:Lamp': it has no method show, show_mic; "
        "ports.py says what each part must have"
    )


def test_names_of_parts_that_ship_are_not_own() -> None:
    assert drivers.is_own("my_module:MyLeds")
    assert not drivers.is_own("gpio")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "No module named 'lamp_missing'; put lamp_missing.py into"),
        ("x = 1\n", "lamp_missing has no Lamp; name a class of it"),
        (
            "class Lamp:\n    def __init__(self, settings):\n        1 / 0\n",
            "it does not start (ZeroDivisionError: division by zero); mend it",
        ),
        ("1 / 0\n", "the module does not load (ZeroDivisionError: division by zero); mend it"),
    ],
)
def test_what_is_wrong_with_a_driver_is_one_sentence(
    tmp_path: Path, source: str | None, problem: str
) -> None:
    if source is not None:
        (tmp_path / "lamp_missing.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        drivers.make("leds", leds("lamp_missing:Lamp"), tmp_path)
    assert str(caught.value).startswith("[leds] driver = 'lamp_missing:Lamp': ")
    assert problem in str(caught.value)


def test_a_library_that_is_not_installed_is_named_with_the_command() -> None:
    with pytest.raises(ConfigError) as caught:
        drivers.extra('[detector] driver = "silero"', "no_such_module", "no-such-package")
    assert str(caught.value) == (
        '[detector] driver = "silero" needs a library that is not installed '
        "(No module named 'no_such_module'); "
        f"run: {sys.executable} -m pip install no-such-package"
    )


def test_a_library_that_is_installed_is_given() -> None:
    assert drivers.extra("[a] b", "json", "json") is json
