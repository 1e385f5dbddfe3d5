from __future__ import annotations

import getpass
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice import config
from pi_voice.config.schema import nearest
from pi_voice.config.settings import (
    Settings,
)
from pi_voice.config.toml_text import value_text
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Wish
from pi_voice.errors import EXIT_CONFIG, ConfigError

REFERENCE = (Path(__file__).parents[1] / "config" / "config.toml").read_text()


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    return list(caught.value.problems)


def tried(text: str) -> tuple[str, ...]:
    try:
        config.parse(text)
    except ConfigError as error:
        return error.problems
    return ()


def test_nothing_written_is_the_defaults() -> None:
    assert config.parse("") == Settings()


def test_what_is_written_is_what_is_set() -> None:
    text = """
        [service]
        url = "wss://example.org/v1/realtime?x=1"
        token_command = ["get-key", "--box", "7"]
        max_output_tokens = 500
        headers = { api-key = "sesame" }
        transcription = "whisper-1"
        [button]
        pin = 22
        hold = "none"
        tap = "talk"
        [activation]
        mode = "toggle"
        longest_turn_s = 30
        [leds]
        patterns.listening = "#00ff80 solid"
    """
    settings = config.parse(text)
    assert settings.service.url == "wss://example.org/v1/realtime?x=1"
    assert settings.service.token_command == ("get-key", "--box", "7")
    assert settings.service.headers["api-key"].reveal() == "sesame"
    assert settings.service.transcription == "whisper-1"
    assert (settings.button.hold, settings.button.tap) == (None, Wish.TALK)
    assert settings.activation.longest_turn_s == 30.0
    assert settings.leds.patterns == {Pattern.LISTENING: "#00ff80 solid"}


ONE_PROBLEM = {
    "[button]\npin = 47": "[button] pin = 47 (line 2): "
    "the header has GPIO 0–27; use the BCM number, e.g. pin = 17",
    "\n[audio]\nmicrofone = 'x'": "[audio] unknown key 'microfone' (line 3); "
    "did you mean 'microphone'?",
    "[audio]\nvolume = 120": "[audio] volume = 120 (line 2): must be 0–100 %, e.g. volume = 80",
    "[audio]\nvolume = true": "[audio] volume = true (line 2): "
    "must be a whole number, e.g. volume = 80",
    "[audio]\nbatch_ms = 30": "[audio] batch_ms = 30 (line 2): "
    "must be 20, 40 or 60, e.g. batch_ms = 40",
    "[audio]\necho = 'hardwear'": '[audio] echo = "hardwear" (line 2): must be "half_duplex", '
    '"gate", "aec" or "hardware"; did you mean "hardware"?',
    "[button]\ntap = 'tolk'": '[button] tap = "tolk" (line 2): must be "talk", "interrupt", '
    '"mute", "hang_up", "say_status" or "none"; did you mean "talk"?',
    "[button]\ntap = 'unmute'": '[button] tap = "unmute" (line 2): must be "talk", "interrupt", '
    '"mute", "hang_up" or "say_status"; did you mean "mute"?',
    "[button]\ndriver = 'my:'": '[button] driver = "my:" (line 2): '
    'must be "gpio", "none" or "my_module:MyClass", e.g. driver = "gpio"',
    "[mute_button]\npin = '17'": '[mute_button] pin = "17" (line 2): '
    'must be a whole number or "none", e.g. pin = 5',
    "[leds]\npins = [1, 2]": "[leds] pins = [1, 2] (line 2): "
    "must be a list in brackets of 3 whole numbers, e.g. pins = [22, 23, 24]",
    "[leds]\nnight = 'ten'": '[leds] night = "ten" (line 2): '
    'must be from-to in hours and minutes, e.g. night = "22:00-07:00"',
    "[leds.patterns]\nlistning = 'blue'": "[leds.patterns] unknown key 'listning' (line 2); "
    "did you mean 'listening'?",
    "[leds.patterns]\nidle = 'bleu solid'": '[leds.patterns] idle = "bleu solid" (line 2): '
    "must be a colour and solid, pulse or blink with its times in ms; "
    'write e.g. "blue blink 100 400"; '
    "colours: white, red, orange, yellow, green, cyan, blue, purple or #rrggbb",
    "[device]\nstate_dir = 'state'": '[device] state_dir = "state" (line 2): '
    "must begin at the root; write it with a leading /",
    "[device]\nname = ' '": '[device] name = " " (line 2): is empty, e.g. name = "pi-voice"',
    "[device]\nname = 3": "[device] name = 3 (line 2): must be text in quotes, e.g. name = "
    '"pi-voice"',
    "[service]\nurl = 'ws://example.org'": '[service] url = "ws://example.org" (line 2): '
    "would send the key unencrypted; use wss:// (ws:// only to 127.0.0.1)",
    "[service]\nurl = 'example.org'": '[service] url = "example.org" (line 2): '
    'must begin with wss://, e.g. url = "wss://api.openai.com/v1/realtime"',
    "[service]\nurl = 'wss://[x'": '[service] url = "wss://[x" (line 2): '
    'is not an address, e.g. url = "wss://api.openai.com/v1/realtime"',
    "[service]\ntoken_command = 'x'": '[service] token_command = "x" (line 2): '
    "must be a list in brackets of text in quotes, e.g. token_command = []",
    "[service]\ntranscription = 3": "[service] transcription = 3 (line 2): "
    "must be true or false or text in quotes, e.g. transcription = true",
    "[service]\nvoice = 3": "[service] voice = 3 (line 2): "
    'must be text in quotes or "default", e.g. voice = "default"',
    "[service]\nspeed = nan": "[service] speed = nan (line 2): must be a number, e.g. speed = 1",
    "[limits]\nday_min = -1": "[limits] day_min = -1 (line 2): "
    "must be 0–1440 min, e.g. day_min = 120",
    "[limits]\nhour_min = 1800": "[limits] hour_min = 1800 (line 2): "
    "must be 0–60 min, e.g. hour_min = 30",
    "[limits.prices.x]\ntext_inn = 1": "[limits.prices.x] unknown key 'text_inn' (line 2); "
    "did you mean 'text_in'?",
    "versoin = 1": "unknown key 'versoin' (line 1); did you mean 'version'?",
    "version = 0": "version = 0 (line 1): must be at least 1, e.g. version = 1",
    "[buton]\npin = 3": "unknown table [buton] (line 1); did you mean [button]?",
    "pull = 'up'": "unknown key 'pull' (line 1); it belongs to [button]",
    "[log]\nzzz = 1": "[log] unknown key 'zzz' (line 2); known are: level",
    "button = 3": "button = 3 (line 1): must be a table; write [button]",
    "[service]\nheaders = 3": "[service] headers = 3 (line 2): "
    "must be a table; write [service.headers]",
    "version = 2\nfoo = 1": "version = 2 (line 1): this program knows version 1; upgrade it, "
    "or begin again from the config.toml that came with it",
    "a = 1\na = 2": "cannot overwrite a value (line 2 column 6); "
    "write every key and every table once",
    "[button]\n[audio]\n[button]": "the table [button] stands twice (line 3 column 8); join them",
    "[a.'b c']\n[a.'b c']": 'the table [a."b c"] stands twice (line 2 column 9); join them',
    "name = kitchen": 'invalid value (line 1 column 8); text needs quotes, e.g. name = "kitchen"',
    "a = " + "9" * 5000: "a number has too many digits; shorten it",
    "a = " + "[" * 5000: "too many brackets inside each other; remove some",
}


@pytest.mark.parametrize(("text", "problem"), ONE_PROBLEM.items())
def test_a_mistake_is_one_sentence_with_its_place_and_its_fix(text: str, problem: str) -> None:
    assert problems(text) == [f"config.toml: {problem}"]


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = "[button]\npin = 47\n[audio]\nvolume = 'x'\n[leds]\ncuont = 3\n[mute_button]\npin = 27"
    found = problems(text)
    assert [re.findall(r"\(line (\d+)", problem)[0] for problem in found] == ["2", "4", "6", "8"]


def test_a_wrong_value_does_not_cause_a_second_problem() -> None:
    assert len(problems("[button]\npin = 47\n[mute_button]\npin = 17\n[log]\nlevel = 1")) == 2


def test_a_key_in_the_wrong_place_is_not_repeated() -> None:
    text = """[service]
        api_key_file = "sk-proj-abcdef0123456789"
        api_key = "sk-proj-abcdef0123456789"
        model = ["ek_abcdef0123456789"]
        headers.authorization = 12345
    """
    found = problems(text)
    assert found[0] == (
        'config.toml: [service] api_key_file = "…" (line 2): is the key itself; '
        "put the key into a file of its own and name that file here"
    )
    assert len(found) == 4
    assert "abcdef" not in "".join(found)
    assert "12345" not in "".join(found)


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("[service]", 'api_key = "sk-proj-abcdef0123456789"'),
        ("[service]", 'api_key = "0123456789abcdef"'),
        ("[service]", 'OPENAI_API_KEY = ""'),
        ("[service]", 'secret = "sk-proj-abcdef0123456789"'),
        ("", 'api_key = "sk-proj-abcdef0123456789"'),
    ],
)
def test_who_writes_the_key_here_is_told_at_once_where_it_belongs(table: str, wrong: str) -> None:
    place = f"{table} " if table else ""
    assert problems(f"{table}\n{wrong}\n") == [
        f"config.toml: {place}unknown key {wrong.split()[0]!r} (line 2): the key belongs in a file "
        "of its own; write it alone into /etc/pi-voice/api_key, and remove this line"
    ]


def test_a_file_for_the_key_under_another_name_is_no_key() -> None:
    assert problems('[service]\napi_key = "/etc/pi-voice/api_key"') == [
        "config.toml: [service] unknown key 'api_key' (line 2); did you mean 'api_key_file'?"
    ]


def test_the_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for text in ("[button]\npin = 47", "name = kitchen"):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            config.load(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: no such file; name the right one with --config"
    assert caught.value.exit_code == EXIT_CONFIG


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=": is a directory; name a file with --config"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("user", "way_in"),
    [
        (
            "ann",
            "use sudo, or join the group pi-voice and log in again: sudo usermod -aG pi-voice ann",
        ),
        ("pi-voice", "run: sudo chgrp pi-voice {path} && sudo chmod 640 {path}"),
    ],
)
def test_a_file_that_is_closed_to_somebody_names_the_way_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, way_in: str
) -> None:
    path = tmp_path / "config.toml"

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    told = f"{path}: may not be read by {user}; {way_in.format(path=path)}"
    assert str(caught.value) == told


def test_a_file_that_is_not_text_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: is not UTF-8 text (byte 8); save it as UTF-8"


def test_a_file_made_on_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes("\ufeff[button]\r\npin = 5\r\n".encode())
    assert config.load(path).button.pin == 5


WORD = re.compile(r"^(\w+) = ", re.MULTILINE)
KEYS = [(match.start(1), match[1]) for match in WORD.finditer(REFERENCE)]
LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyz_")


@given(st.sampled_from(KEYS), st.data())
def test_a_mistyped_key_always_names_the_nearest(
    where: tuple[int, str], data: st.DataObject
) -> None:
    start, key = where
    at = data.draw(st.integers(0, len(key) - 1))
    typed = data.draw(
        st.sampled_from([key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:]])
        | LETTERS.map(lambda letter: key[:at] + letter + key[at + 1 :])
    )
    text = REFERENCE[:start] + typed + REFERENCE[start + len(key) :]
    line = REFERENCE.count("\n", 0, start) + 1
    found = tried(text)
    assert found or typed == key
    for problem in found:
        if f"(line {line} column" not in problem:  # the typo is another key: written twice
            assert f"unknown key {typed!r} (line {line}); did you mean '" in problem
            assert nearest(typed, [key]) == key


@given(st.integers(0, len(REFERENCE) - 1), st.integers(0, 12), st.text(max_size=4))
def test_random_damage_never_gives_a_traceback(at: int, cut: int, text: str) -> None:
    damaged = REFERENCE[:at] + text + REFERENCE[at + cut :]
    for problem in tried(damaged):
        assert problem.startswith("config.toml: ")
        assert "\n" not in problem


SCHEMA = [
    (table, key)
    for table, keys in tomllib.loads(REFERENCE).items()
    if isinstance(keys, dict)
    for key in [*keys, "headers", "patterns", "prices"]
]
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab."), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(SCHEMA), VALUES)
def test_any_value_at_any_key_is_taken_or_refused_in_words(
    where: tuple[str, str], value: object
) -> None:
    table, key = where
    for problem in tried(f"[{table}]\n{key} = {value_text(value)}"):
        assert problem.startswith("config.toml: [")
        assert "line 2" in problem


def test_loading_needs_nothing_heavy() -> None:
    code = "import sys, pi_voice.config; print({'numpy', 'asyncio', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
