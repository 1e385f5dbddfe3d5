"""The configuration of a box that crashes again and again: what it can do without is left out.

Left out is code that is not ours, and libraries that only a wish needs: a fault in one of them ends
the whole process, where ours tells its own. What a box cannot do without stays: its card, its pins,
the lights that ship, which must tell of it, and everything that protects somebody: mute, limits,
`led_required`. Nothing is connected in place of a button or light of the owner's own: nobody knows
what is at the usual pins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pi_voice import drivers
from pi_voice.config import Settings


@dataclass(frozen=True, slots=True)
class SafeMode:
    """How the box gets by.

    Attributes:
        settings: What it runs with.
        left_out: What it does without, as the configuration names it.
    """

    settings: Settings
    left_out: tuple[str, ...]


def without_what_may_crash(settings: Settings) -> SafeMode:
    """Leave out what can be left out; a wish that was not made is not named."""
    left_out = []
    for table, key, plain in _replacements(settings):
        part = getattr(settings, table)
        left_out.append(f'[{table}] {key} = "{getattr(part, key)}"')
        changed: Any = {table: replace(part, **{key: plain})}
        settings = replace(settings, **changed)
    return SafeMode(settings, tuple(left_out))


def _replacements(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Table, key, and what is put in its place."""
    if drivers.is_own(settings.button.driver):
        yield "button", "driver", "none"
    if drivers.is_own(settings.leds.driver):
        yield "leds", "driver", "none"
    if settings.detector.driver != "webrtcvad":
        yield "detector", "driver", "webrtcvad"
    if settings.audio.echo == "aec":
        yield "audio", "echo", "half_duplex"
    if settings.audio.mixer != "none":
        yield "audio", "mixer", "none"
