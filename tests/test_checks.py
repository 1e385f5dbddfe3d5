from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.config import checks


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "wss://api.openai.com/v1/realtime",
        "ws://127.0.0.1:8765/v1/realtime?model=x",
        "ws://[::1]:8765",
        "ws://localhost",
    ],
)
def test_an_address_that_keeps_the_key_safe_is_fine(url: str) -> None:
    assert checks.service_url(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "ws://example.org",
        "ws://127.0.0.1.example.org",
        "ws://127.0.0.1@example.org",
        "http://localhost",
        "wss://",
        "wss://host:99999",
        "wss://[::1",
        "Embedded!",
        "",
    ],
)
def test_an_address_that_could_leak_the_key_is_not(url: str) -> None:
    assert checks.service_url(url)


def test_a_token_comes_over_https_or_from_this_machine() -> None:
    assert checks.token_url("https://example.org/token") == ""
    assert checks.token_url("http://127.0.0.1:3000") == ""
    assert checks.token_url("http://example.org") == (
        "would send the key unencrypted; use https:// (http:// only to 127.0.0.1)"
    )


def test_a_key_in_place_of_its_file_is_noticed() -> None:
    assert checks.absolute(Path("sk-proj-abc")).startswith("is the key itself; ")
    assert checks.absolute(Path("keys/api_key")).startswith("must begin at the root; ")
    assert checks.absolute(Path("/etc/pi-voice/api_key")) == ""


@pytest.mark.parametrize("hours", ["22:00-07:00", "9:30-23:59", "0:00-0:00"])
def test_hours_of_the_night_have_minutes(hours: str) -> None:
    assert checks.night(hours) == ""


@pytest.mark.parametrize("hours", ["22-7", "24:00-7:00", "22:60-7:00", "22:00", ""])
def test_other_hours_do_not_exist(hours: str) -> None:
    assert checks.night(hours)


@pytest.mark.parametrize(
    "light",
    ["off", "red solid", "#00fF80 pulse", "blue pulse 2000", "white blink", "red blink 100 400"],
)
def test_a_light_is_a_colour_and_what_it_does(light: str) -> None:
    assert checks.light(light) == ""


@pytest.mark.parametrize(
    "light",
    ["red", "solid", "redd solid", "#ff solid", "red pulse 5", "red blink 100", "red blink 0 100"],
)
def test_what_is_not_a_light_shows_one_that_is(light: str) -> None:
    assert 'write e.g. "blue blink 100 400"' in checks.light(light)


def test_what_is_empty_says_so() -> None:
    assert checks.not_empty(" \t") == "is empty"
    assert checks.not_empty("x") == ""
