from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice import drivers
from pi_voice.errors import ConfigError


def test_a_class_is_found_in_the_folder_of_drivers(tmp_path: Path) -> None:
    (tmp_path / "lamp_of_mine.py").write_text("class Lamp:\n    watts = 5\n")
    assert drivers.load("leds", "lamp_of_mine:Lamp", tmp_path).watts == 5


def test_an_installed_module_works_too(tmp_path: Path) -> None:
    assert drivers.load("leds", "collections:deque", tmp_path).__name__ == "deque"


def test_names_of_parts_that_ship_are_not_own() -> None:
    assert drivers.is_own("my_module:MyLeds")
    assert not drivers.is_own("gpio")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "No module named 'lamp_missing'; put lamp_missing.py into"),
        ("x = 1\n", "lamp_missing has no Lamp; name a class of it"),
        ("1 / 0\n", "the module does not load (ZeroDivisionError: division by zero); mend it"),
    ],
)
def test_what_is_wrong_with_a_driver_is_one_sentence(
    tmp_path: Path, source: str | None, problem: str
) -> None:
    if source is not None:
        (tmp_path / "lamp_missing.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        drivers.load("leds", "lamp_missing:Lamp", tmp_path)
    assert str(caught.value).startswith("[leds] driver = 'lamp_missing:Lamp': ")
    assert problem in str(caught.value)
