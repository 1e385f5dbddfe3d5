from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.config.schema import Secret
from pi_voice.config.toml_text import key_text, line_numbers, value_text


def test_lines_are_found_through_every_way_to_write_a_key() -> None:
    text = "\n".join(
        [
            "# [no]",
            'a = "x # [y]"  # [z]',
            "[t]  # comment",
            'many = """',
            "[not.a.table]",
            'b = 1 \\"""" # three quotes and one more',
            "lits = '''",
            "c = 1'''",
            "list = [  # ]",
            "[ 2 ], [ 3, '[' ]",
            "]",
            "d.e.'f.g' = { h = 1,  i = { j = 2 } }",
            '[ "q\\"t" . u ]',
            "last = 1",
            "[[many.tables]]",
            "in_it = 1",
        ]
    )
    tomllib.loads(text)
    assert line_numbers(text) == {
        ("a",): 2,
        ("t",): 3,
        ("t", "many"): 4,
        ("t", "lits"): 7,
        ("t", "list"): 9,
        ("t", "d"): 12,
        ("t", "d", "e"): 12,
        ("t", "d", "e", "f.g"): 12,
        ('q"t', "u"): 13,
        ('q"t', "u", "last"): 14,
        ("many", "tables"): 15,
        ("many", "tables", "in_it"): 16,
    }


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False))
def test_every_value_is_written_so_that_it_reads_back(text: str, number: float) -> None:
    document = tomllib.loads(f"a = {value_text([text, number, {text: True}])}")
    assert document["a"] == [text, number, {text: True}]


def test_a_secret_is_written_as_its_mask() -> None:
    assert value_text(Secret("sesame")) == '"********"'


@pytest.mark.parametrize(("key", "text"), [("a-b_1", "a-b_1"), ("a.b", '"a.b"'), ("ü", '"ü"')])
def test_a_key_is_quoted_only_where_it_must_be(key: str, text: str) -> None:
    assert key_text(key) == text
