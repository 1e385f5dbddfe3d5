from __future__ import annotations

from pi_voice import config
from pi_voice.config import Settings
from pi_voice.config.unbuilt import refusals


def test_a_choice_that_cannot_be_made_yet_is_refused_with_one_that_can() -> None:
    settings = config.parse('[activation]\nmode = "server"\n[audio]\necho = "hardware"\n')
    assert list(refusals(settings)) == [
        '[activation] mode = "server": comes with a later version; '
        'choose another, e.g. mode = "push_to_talk"'
    ]
    assert list(refusals(Settings())) == []
