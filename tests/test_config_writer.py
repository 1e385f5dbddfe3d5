from __future__ import annotations

import tomllib
from types import MappingProxyType

import pytest

from pi_voice import config
from pi_voice.config.schema import MASK, Secret
from pi_voice.config.settings import Audio, Button, Leds, Limits, Prices, Service, Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Wish

FULL = Settings(
    service=Service(token_command=('a"b', "c\\d", "e\nf\x7f"), max_output_tokens=7, speed=1.25),
    audio=Audio(microphone="ümläut", batch_ms=20, microphone_channel=2),
    button=Button(hold=None, tap=Wish.TALK, double=Wish.SAY_STATUS),
    leds=Leds(
        driver="my.own:Leds",
        night="21:30-06:00",
        patterns=MappingProxyType({Pattern.IDLE: "off", Pattern.MUTED: "red pulse"}),
    ),
    limits=Limits(prices=MappingProxyType({"a b": Prices(text_in=0.1), "c": Prices()})),
)


@pytest.mark.parametrize("settings", [Settings(), FULL], ids=["defaults", "full"])
def test_what_is_shown_loads_again_equal(settings: Settings) -> None:
    shown = config.dump(settings)
    if settings is FULL:  # this combination is for writing only
        shown = shown.replace('mode = "push_to_talk"', 'mode = "toggle"')
        loaded = config.parse(shown)
        assert loaded.leds == FULL.leds
        assert loaded.limits == FULL.limits
        assert loaded.service == FULL.service
        assert (loaded.audio, loaded.button) == (FULL.audio, FULL.button)
    else:
        assert config.parse(shown) == settings


def test_what_is_shown_masks_every_secret() -> None:
    settings = config.parse('[service.headers]\n"api-key" = "sesame"\nx = "open"')
    shown = config.dump(settings)
    assert "sesame" not in shown + repr(settings)
    assert "open" not in shown
    assert tomllib.loads(shown)["service"]["headers"] == {"api-key": MASK, "x": MASK}
    assert config.parse(shown).service.headers["x"] == Secret(MASK)


def test_the_readme_table_has_every_key() -> None:
    table = config.markdown_table()
    rows = table.splitlines()
    document = tomllib.loads(config.dump(Settings()))
    for title, keys in document.items():
        if isinstance(keys, dict):
            assert all(f"| `[{title}] {key}` |" in table for key in keys)
    price = "| `[limits.prices.MODEL] audio_in` | `0` | Sound to the model (at least 0)"
    assert f"{price} |" in rows
    assert '| `[button] pull` | `"up"` | up: the button connects the pin to ground; ' in table
    assert all(row.count("|") == 4 for row in rows)
