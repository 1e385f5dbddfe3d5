from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from pi_voice.config.schema import Rule, Secret, UnfitError, bounds, choices, convert, nearest
from pi_voice.core.events import Wish

FREE = Rule("")


def test_a_secret_is_never_printed() -> None:
    secret = Secret("sk-geheim")
    shown = f"{secret} {secret!r} {[secret]}"
    assert "geheim" not in shown
    assert secret.reveal() == "sk-geheim"
    assert secret == Secret("sk-geheim")
    assert len({secret, Secret("sk-geheim"), Secret("other")}) == 2


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (bool, True, True),
        (int, 3, 3),
        (float, 3, 3.0),
        (float, 0.5, 0.5),
        (str, "x", "x"),
        (Path, "/x", Path("/x")),
        (Secret, "x", Secret("x")),
        (bool | str, "x", "x"),
        (bool | str, False, False),
        (int | None, "none", None),
        (int | None, 3, 3),
        (Wish, "talk", Wish.TALK),
        (Literal[20, 40], 40, 40),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[str, ...], [], ()),
        (tuple[int, int], [1, 2], (1, 2)),
    ],
)
def test_a_value_becomes_what_its_annotation_says(kind: Any, raw: object, value: object) -> None:
    converted = convert(kind, raw, FREE)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (bool, 1),
        (int, True),
        (int, 3.0),
        (int, "3"),
        (float, True),
        (float, float("nan")),
        (float, float("inf")),
        (str, 3),
        (Wish, "tolk"),
        (Literal[1, 2], True),
        (Literal[20, 40], 30),
        (tuple[str, ...], ["a", 3]),
        (tuple[str, ...], "a"),
        (tuple[int, int], [1]),
        (int | None, "nothing"),
    ],
)
def test_nothing_is_guessed(kind: Any, raw: object) -> None:
    with pytest.raises(UnfitError):
        convert(kind, raw, FREE)


def test_a_range_includes_its_ends() -> None:
    rule = Rule("", low=1, high=3)
    assert [convert(int, number, rule) for number in (1, 2, 3)] == [1, 2, 3]
    for number in (0, 4):
        with pytest.raises(UnfitError, match="must be 1–3"):
            convert(int, number, rule)
    with pytest.raises(UnfitError, match="must be 1–3"):
        convert(tuple[int, int], [1, 4], rule)


def test_a_driver_is_one_that_ships_or_a_class_of_a_module() -> None:
    rule = Rule("", names=("gpio", "none"))
    for name in ("gpio", "none", "my:Leds", "my.own.module_2:Leds"):
        assert convert(str, name, rule) == name
    for name in ("", "gpi", "my:", ":Leds", "my.:Leds", "my:Leds()", "my/own:Leds", "2my:Leds"):
        with pytest.raises(UnfitError):
            convert(str, name, rule)


def test_a_check_says_the_fact_and_after_a_semicolon_the_fix() -> None:
    with pytest.raises(UnfitError) as caught:
        convert(str, "x", Rule("", check=lambda text: f"is {text}; write y"))
    assert (caught.value.fact, caught.value.fix) == ("is x", "write y")


def test_the_words_that_may_be_written_are_known() -> None:
    assert choices(Literal["a", "b"] | None, Rule("", none="off")) == ["a", "b", "off"]
    assert choices(Wish, Rule("", only=(Wish.TALK,))) == ["talk"]
    assert choices(str, FREE) == []


def test_the_nearest_name_is_found_or_none() -> None:
    assert nearest("microfone", ["speaker", "microphone"]) == "microphone"
    assert nearest("PIN", ["pin"]) == "pin"
    assert nearest("qqq", ["pin"]) is None


def test_a_range_is_said_with_its_unit() -> None:
    assert bounds(Rule("", low=0, high=100, unit="%")) == "0–100 %"
    assert bounds(Rule("", low=0, unit="min")) == "at least 0 min"
