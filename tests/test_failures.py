from __future__ import annotations

import pytest

from pi_voice.core.actions import Pattern, Sound
from pi_voice.core.failures import Failure


@pytest.mark.parametrize("failure", Failure)
def test_the_light_and_the_sound_of_a_failure_have_its_name(failure: Failure) -> None:
    assert Pattern(failure).value == Sound(failure).value == failure.value
