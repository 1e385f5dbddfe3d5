from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from pi_voice import config
from pi_voice.config import schema
from pi_voice.config.schema import Rule, Secret
from pi_voice.config.settings import Button, Limits, Prices, Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Wish

REFERENCE = Path(__file__).parents[1] / "config" / "config.toml"


def _keys(table: type, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Rule]]:
    """Every plain key of the schema with its kind and rule."""
    hints = get_type_hints(table)
    for key in fields(table):
        kind = hints[key.name]
        if is_dataclass(kind):
            yield from _keys(kind, (*path, key.name))  # type: ignore[arg-type]  # always a class
        elif get_origin(kind) is not Mapping:
            yield (*path, key.name), kind, key.metadata["rule"]


KEYS = list(_keys(Settings))


def test_a_box_without_a_file_is_a_parrot_with_a_button_and_a_light() -> None:
    settings = Settings()
    assert settings.service.url == "embedded"
    assert settings.activation.mode == "push_to_talk"
    assert (settings.button.driver, settings.button.pin) == ("gpio", 17)
    assert settings.button.hold is Wish.TALK
    assert (settings.leds.driver, settings.leds.pin) == ("gpio", 27)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().button.pin = 3  # type: ignore[misc]  # what the test is about
    with pytest.raises(TypeError):
        Settings().service.headers["x"] = Secret("y")  # type: ignore[index]  # as above


def test_the_cost_guard_is_on_by_default() -> None:
    limits = Limits()
    assert min(limits.turn_s, limits.session_min, limits.hour_min, limits.day_min) > 0
    assert limits.idle_hang_up_min == 10


@pytest.mark.parametrize(("path", "kind", "rule"), KEYS, ids=[".".join(key[0]) for key in KEYS])
def test_each_default_obeys_its_own_rule(path: tuple[str, ...], kind: Any, rule: Rule) -> None:
    raw = tomllib.loads(config.dump(Settings()))
    for name in path:
        raw = raw[name]
    default: Any = Settings()
    for name in path:
        default = getattr(default, name)
    assert schema.convert(kind, raw, rule) == default


def test_every_key_says_what_it_does() -> None:
    docs = [rule.doc for _, _, rule in KEYS]
    assert all(docs)
    assert all(path[-1].isidentifier() for path, _, _ in KEYS)


def test_every_time_says_its_unit_in_its_name() -> None:
    for path, _, rule in KEYS:
        if rule.unit not in ("", "%"):
            assert path[-1].endswith(f"_{rule.unit.lower()}"), path


def test_the_reference_loads_to_the_defaults() -> None:
    assert config.load(REFERENCE) == Settings()


def test_the_reference_shows_every_key_with_its_default() -> None:
    shown = tomllib.loads(REFERENCE.read_text())
    assert shown == tomllib.loads(config.dump(Settings()))


def test_the_reference_explains_every_key() -> None:
    lines = REFERENCE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+ = ", line):
            block = [line, *reversed(lines[:number])]
            assert next(
                "#" in near for near in block if "#" in near or not near.strip() or near[0] == "["
            ), line


def test_the_examples_of_the_reference_work_when_uncommented() -> None:
    text = REFERENCE.read_text()
    text = re.sub(r"^# (\[.*\]$|[\w-]+ = .*$)", r"\1", text, flags=re.MULTILINE)
    settings = config.parse(text)
    assert settings.service.headers == {"api-key": Secret("for Azure")}
    assert set(settings.leds.patterns) == {Pattern.LISTENING, Pattern.NO_NETWORK}
    assert settings.limits.prices == {"gpt-realtime-2.1": Prices()}
    prices = tomllib.loads(text)["limits"]["prices"]["gpt-realtime-2.1"]
    assert set(prices) == {key.name for key in fields(Prices)}


def test_gestures_are_wishes_of_the_core() -> None:
    for name in ("hold", "tap", "double", "long"):
        kind = get_type_hints(Button)[name]
        assert Wish in get_args(kind)
    assert config.parse('[button]\ndouble = "hang_up"').button.double is Wish.HANG_UP
