from __future__ import annotations

from dataclasses import fields

from pi_voice.config.settings import Button, Settings
from pi_voice.config.tables import default_of, hints, rule_of, title

KEYS = {key.name: key for key in fields(Button)}


def test_a_key_knows_its_type_its_default_and_its_rule() -> None:
    assert hints(Button)["pin"] is int
    assert default_of(KEYS["pin"]) == 17
    assert (rule_of(KEYS["pin"]).low, rule_of(KEYS["pin"]).high) == (0, 27)


def test_the_default_of_a_table_is_made() -> None:
    tables = {key.name: key for key in fields(Settings)}
    assert default_of(tables["button"]) == Button()


def test_a_title_is_written_as_in_the_file() -> None:
    assert title(("limits", "prices", "my model")) == '[limits.prices."my model"]'
    assert title(()) == ""
