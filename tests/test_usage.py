"""The tokens of a reply, split as they are paid for."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.core.events import Used
from pi_voice.transport.messages import Usage
from pi_voice.transport.usage import used


def test_what_the_service_remembered_is_in_no_other_number() -> None:
    cached = {"text_tokens": 60, "audio_tokens": 20}
    given = {"text_tokens": 100, "audio_tokens": 50, "cached_tokens": 80}
    given_details: dict[str, Any] = {**given, "cached_tokens_details": cached}
    made = {"text_tokens": 7, "audio_tokens": 90}
    assert used(Usage(150, 97, 247, given_details, made)) == Used(40, 60, 7, 30, 20, 90)


def test_without_details_what_was_remembered_counts_as_text() -> None:
    given = {"text_tokens": 100, "audio_tokens": 50, "cached_tokens": 120}
    assert used(Usage(150, 0, 150, given)) == Used(text_cached=100, audio_in=50)


@pytest.mark.parametrize("wrong", [None, "7", -3, True, 2.5, []])
def test_what_is_no_number_counts_as_none(wrong: object) -> None:
    assert used(Usage(9, 9, 18, {"text_tokens": wrong}, {"audio_tokens": wrong})) == Used()


def test_what_is_not_told_counts_as_none() -> None:
    assert used(Usage(100, 100, 200)) == Used()
