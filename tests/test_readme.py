from __future__ import annotations

import re

import pytest

from pi_voice.cli import _parser
from tests.readme import README, SECTIONS, section

TEXT = README.read_text()


@pytest.mark.parametrize("name", SECTIONS)
def test_what_comes_from_the_code_is_up_to_date(name: str) -> None:
    assert section(TEXT, name) == SECTIONS[name]().strip(), "run: python -m tests.readme"


def test_every_command_that_is_shown_exists() -> None:
    for command in re.findall(r"^    pi-voice ([a-z][^#\n]*)", TEXT, re.MULTILINE):
        _parser().parse_args(command.split())


def test_every_file_of_the_tree_exists() -> None:
    tree = TEXT.split("```text\npi_voice/\n")[1].split("```")[0]
    folder = README.parent / "pi_voice"
    for line in tree.splitlines():
        for name in re.findall(r"[\w/]+\.py|\w+/", line[:33]):
            assert list(folder.rglob(name.rstrip("/"))), name
