from __future__ import annotations

from pi_voice import config
from pi_voice.config import Settings
from pi_voice.config.unbuilt import is_unbuilt, notices, refusals


def test_the_defaults_promise_nothing_that_is_not_there() -> None:
    assert list(notices(Settings())) == []


def test_a_limit_that_does_not_guard_yet_is_told() -> None:
    settings = config.parse("[limits]\nday_min = 5\n[button]\npin = 5\n")
    assert list(notices(settings)) == [
        "[limits] day_min = 5 has no effect yet: it comes with a later version"
    ]


def test_a_table_of_prices_is_told_without_its_values() -> None:
    settings = config.parse("[limits.prices.some-model]\ntext_in = 4\n")
    assert list(notices(settings)) == [
        "[limits] prices has no effect yet: it comes with a later version"
    ]


def test_a_key_is_unbuilt_with_its_table_or_alone() -> None:
    assert is_unbuilt(("limits", "turn_s"))
    assert is_unbuilt(("device", "state_dir"))
    assert not is_unbuilt(("audio", "volume"))


def test_a_choice_that_cannot_be_made_yet_is_refused_with_one_that_can() -> None:
    settings = config.parse('[activation]\nmode = "server"\n[audio]\necho = "hardware"\n')
    assert list(refusals(settings)) == [
        '[activation] mode = "server": comes with a later version; '
        'choose another, e.g. mode = "push_to_talk"'
    ]
    assert list(refusals(Settings())) == []
