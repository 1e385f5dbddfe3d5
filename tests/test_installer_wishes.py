from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.config.toml_text import KeyPath
from pi_voice.installer import wishes
from pi_voice.installer.machine import InstallError
from pi_voice.installer.release import PROFILES, USUAL
from pi_voice.installer.wishes import Wishes, configuration

CONFIG = Path(__file__).parent.parent / "config"
PROFILE = """# for you
version = 1

[button]
pin = 17                # physical pin 11
hold = "talk"
"""


def answers(tmp_path: Path, text: str) -> Wishes:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    return wishes.read(path)


def test_the_example_of_answers_is_valid_as_it_is_and_uncommented(tmp_path: Path) -> None:
    text = (CONFIG / "unattended.toml").read_text()
    assert answers(tmp_path, text) == Wishes(profile="hobby-kit")
    (tmp_path / "key.txt").write_text("sk-1\n")
    bare = text.replace("# [", "[").replace("# pin", "pin").replace("# url", "url")
    said = answers(tmp_path, bare.replace("# key_file", "key_file"))
    assert said.key == "sk-1"
    assert said.settings == {
        ("service", "url"): "wss://api.openai.com/v1/realtime",
        ("button", "pin"): 5,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profil = 'kiosk'", "unknown key 'profil'; there are profile, key_file, start and"),
        ("profile = 'bar'", "no profile 'bar'; there are hobby-kit, smart-speaker, kiosk"),
        ("start = 'yes'", "start = 'yes' is of the wrong kind"),
        ("key_file = 'nowhere'", "nowhere, cannot be read: there is none"),
        ("key_file = '.'", "cannot be read: is a directory"),
        ("start =", "cannot be used"),
    ],
)
def test_a_wrong_answer_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InstallError) as caught:
        answers(tmp_path, f"{text}\n")
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_of_answers_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    with pytest.raises(InstallError) as caught:
        wishes.read(path)
    assert str(caught.value) == f"the file of answers, {path}, cannot be read: there is none"


def test_an_answer_replaces_a_value_and_leaves_the_rest_of_the_file() -> None:
    text = configuration(PROFILE, Wishes(settings={("button", "pin"): 5}))
    assert text == PROFILE.replace("pin = 17                # physical pin 11", "pin = 5")


def test_an_answer_goes_into_its_table_or_makes_it() -> None:
    settings: dict[KeyPath, object] = {("button", "double"): "mute", ("service", "voice"): "marin"}
    text = configuration(PROFILE, Wishes(settings=settings))
    assert tomllib.loads(text)["button"] == {"pin": 17, "hold": "talk", "double": "mute"}
    assert tomllib.loads(text)["service"] == {"voice": "marin"}
    assert text.startswith("# for you\n")


def test_a_key_brings_the_address_that_it_is_for_unless_there_is_another() -> None:
    assert parse(configuration(PROFILE, Wishes(key="sk-1"))).service.url == wishes.WITH_A_KEY
    elsewhere: dict[KeyPath, object] = {("service", "url"): "wss://example.org/v1"}
    text = configuration(PROFILE, Wishes(key="sk-1", settings=elsewhere))
    assert parse(text).service.url == "wss://example.org/v1"
    assert parse(configuration(PROFILE, Wishes())).service.url == "embedded"


def test_answers_that_make_no_configuration_are_refused_with_the_reason() -> None:
    with pytest.raises(InstallError, match="the header has GPIO 0–27"):
        configuration(PROFILE, Wishes(settings={("button", "pin"): 47}))


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_takes_answers(name: str) -> None:
    settings: dict[KeyPath, object] = {("service", "model"): "mine", ("button", "pin"): 5}
    text = configuration((CONFIG / f"{name}.toml").read_text(), Wishes(settings=settings))
    assert (parse(text).service.model, parse(text).button.pin) == ("mine", 5)


def test_a_person_is_asked_for_the_profile_and_the_key_and_nothing_else() -> None:
    lines, asked = ["7", "3"], []

    def ask(question: str) -> str:
        asked.append(question)
        return lines.pop(0)

    def secretly(question: str) -> str:
        asked.append(question)
        return " sk-1 "

    said = wishes.asked(Wishes(), ask, secretly)
    assert (said.profile, said.key) == ("kiosk", "sk-1")
    assert len(asked) == 3
    assert [name for name, use in PROFILES.items() if f"{name}: {use}\n" not in asked[0]] == []


def test_what_was_said_before_is_not_asked() -> None:
    said = Wishes(profile="kiosk", key="sk-1")

    def nobody(question: str) -> str:
        raise AssertionError(question)

    assert wishes.asked(said, nobody, nobody) == said


def test_enter_is_the_first_profile_and_no_key() -> None:
    said = wishes.asked(Wishes(), lambda _: "", lambda _: "")
    assert (said.profile, said.key) == (USUAL, None)


def test_a_key_is_never_shown() -> None:
    assert "sk-1" not in repr(Wishes(key="sk-1"))
