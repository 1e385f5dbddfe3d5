"""The virtual sound card for tests: `pytest_plugins = ["tests.rigs.sound.plugin"]`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from tests.rigs.sound import pulse
from tests.rigs.sound.card import SoundCard


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """A sound card for one test, to which ALSA in this process and its children is bound.

    Skipped where PulseAudio cannot be had; a failure on the machines that are there to run it.
    """
    with contextlib.ExitStack() as stack:
        try:
            card = stack.enter_context(SoundCard(pulse.find()))
        except pulse.Missing as missing:
            end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            end(f"no virtual sound card: {missing}")
        for name, value in card.environment.items():
            monkeypatch.setenv(name, value)
        yield card
