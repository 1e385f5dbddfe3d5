"""What the owner wants: from the command line, a file of answers, or two questions."""

from __future__ import annotations

import getpass
import os
import pwd
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pi_voice.config import parse
from pi_voice.config.toml_text import KeyPath, key_text, line_numbers, value_text
from pi_voice.errors import ConfigError
from pi_voice.installer.machine import InstallError
from pi_voice.installer.release import PROFILES, USUAL

WITH_A_KEY = "wss://api.openai.com/v1/realtime"  # whose keys most people have
KNOWN = ("profile", "key_file", "start", "config")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the owner decided; what was not said has its default.

    Attributes:
        profile: The name of the configuration to begin with, "" if it was not said.
        key: Of the realtime service, None if it was not said.
        settings: What the configuration shall hold instead of the profile's own.
        start: Start the service at the end.
        person: Who may use its commands without sudo, "" for nobody.
    """

    profile: str = ""
    key: str | None = field(default=None, repr=False)
    settings: Mapping[KeyPath, object] = field(default_factory=dict)
    start: bool = True
    person: str = ""


def read(path: Path) -> Wishes:
    """Read a file of answers.

    Raises:
        InstallError: It cannot be read, or holds what is not known.
    """
    try:
        said = tomllib.loads(_text(path, "the file of answers"))
    except tomllib.TOMLDecodeError as error:
        raise InstallError(f"{path} cannot be used: {error}") from error
    if unknown := sorted(said.keys() - set(KNOWN)):
        raise InstallError(
            f"{path}: unknown key {unknown[0]!r}; there are {', '.join(KNOWN[:-1])} and "
            "[config.…] for what config.toml shall hold"
        )
    kinds = {"profile": str, "key_file": str, "start": bool, "config": dict}
    for name, value in said.items():
        if not isinstance(value, kinds[name]):
            raise InstallError(f"{path}: {name} = {value!r} is of the wrong kind")
    profile = said.get("profile", "")
    if profile and profile not in PROFILES:
        raise InstallError(f"{path}: no profile {profile!r}; there are {', '.join(PROFILES)}")
    key = _key(path.parent / said["key_file"]) if "key_file" in said else None
    settings = dict(_leaves(said.get("config", {})))
    return Wishes(profile, key, settings, said.get("start", True))


def _key(path: Path) -> str:
    return _text(path, "the file of the key").strip()


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        fact = "there is none"
    except UnicodeDecodeError:
        fact = "it is no text"
    except OSError as error:
        fact = str(error.strerror).lower()
    raise InstallError(f"{what}, {path}, cannot be read: {fact}")


def _leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def asked(
    wishes: Wishes,
    ask: Callable[[str], str] = input,
    ask_secretly: Callable[[str], str] = getpass.getpass,
) -> Wishes:
    """Ask a person for what was not said: the profile and the key."""
    if not wishes.profile:
        names = dict(enumerate(PROFILES, start=1))
        listed = "".join(f"  {number} {name}: {PROFILES[name]}\n" for number, name in names.items())
        number = ask(f"What is this box?\n{listed}Its number [1]: ").strip() or "1"
        while number not in map(str, names):
            number = ask("1, 2 or 3: ").strip()
        wishes = replace(wishes, profile=names[int(number)])
    if wishes.key is None:
        question = "Key of your realtime service (not shown; Enter: none yet, be a parrot): "
        wishes = replace(wishes, key=ask_secretly(question).strip() or None)
    return wishes


def assumed(wishes: Wishes) -> str:
    """What a new box becomes where nobody is asked, and how to have it otherwise."""
    profile = wishes.profile or USUAL
    return (
        f"There is no terminal to ask at: the profile is {profile}, and there is no key. "
        "Have it otherwise with --unattended FILE"
    )


def somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def person() -> str:
    """Who called sudo, "" for root itself."""
    name = os.environ.get("SUDO_USER", "root")
    known = {entry.pw_name for entry in pwd.getpwall()}
    return name if name in known - {"root"} else ""


def configuration(profile: str, wishes: Wishes) -> str:
    """The text of config.toml: a profile's, with what the owner wants in place of its own.

    Args:
        profile: The text of the profile.
        wishes: A key without an address means the address that most keys are for.

    Raises:
        InstallError: The result is no valid configuration.
    """
    settings = dict(wishes.settings)
    if wishes.key:
        settings.setdefault(("service", "url"), WITH_A_KEY)
    text = profile
    for path, value in settings.items():
        text = _with(text, path, value)
    try:
        parse(text)
    except ConfigError as error:
        raise InstallError(f"with these answers the configuration is wrong:\n{error}") from error
    return text


def _with(text: str, path: KeyPath, value: object) -> str:
    """The document with one value set, everything else and every comment as it was."""
    lines = text.splitlines()
    places = line_numbers(text)
    *table, key = path
    assignment = f"{key_text(key)} = {value_text(value)}"
    if place := places.get(path):
        lines[place - 1] = assignment
    elif header := places.get(tuple(table)):
        lines.insert(header, assignment)
    else:
        lines += ["", f"[{'.'.join(map(key_text, table))}]", assignment]
    return "\n".join(lines) + "\n"
