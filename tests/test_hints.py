from __future__ import annotations

import pytest

from pi_voice.core.failures import Failure
from pi_voice.hints import HINTS


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_its_words_and_its_repair(failure: Failure) -> None:
    hint = HINTS[failure]
    assert hint.fact[0].islower()
    assert not hint.fact.endswith(".")
    assert hint.fix
