"""The volume: in the card where it has a control for it, else as a factor on the samples.

A card that turns itself down keeps all bits of the sound, and its own setting, which a boot or a
cable may have lost, is what the configuration says again at every opening.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

AUTO, NONE = "auto", "none"
# What cards call the control behind which all of their sound passes, the widest first.
CONTROLS = ("Master", "Speaker", "PCM", "Headphone", "Digital", "Playback", "Line Out", "Lineout")
# A control of so few decibels has no silence at its low end: its steps are loudness as they are
# (as in alsa-utils, volume_mapping.c).
SMALL_SPAN_DB = 24.0


@dataclass(frozen=True, slots=True)
class Span:
    """From the lowest to the highest value of a control; minus infinity dB is silence."""

    low: float
    high: float


class Control(Protocol):
    """One volume of a card.

    Attributes:
        name: As alsamixer shows it.
        span_db: In decibels; None if the card does not tell.
        span: In steps.
    """

    name: str

    @property
    def span_db(self) -> Span | None: ...

    @property
    def span(self) -> Span: ...

    def set_db(self, level_db: float) -> None:
        """Raises: OSError."""

    def set_step(self, step: float) -> None:
        """Raises: OSError."""

    def switch_on(self) -> None:
        """End the muting, if the control can mute. Raises: OSError."""


Mixer = Callable[[str], AbstractContextManager[Sequence[Control]]]


def gain(percent: float) -> float:
    """The factor on the samples, from 0 to 1.

    Cubic, as alsamixer and sound servers have it: loudness is heard in ratios, and so every ten
    percent sound like a step of their own. 50 % is -18 dB, 80 % is -6 dB.
    """
    return float((percent / 100) ** 3)


def level_db(percent: float, span: Span) -> float:
    """Where a control of this span is for the percentage that alsamixer shows."""
    if span.high - span.low <= SMALL_SPAN_DB:
        return span.low + (span.high - span.low) * percent / 100
    lowest = 10 ** ((span.low - span.high) / 60)  # the part of the scale below the control
    part = lowest + (1 - lowest) * percent / 100
    return span.high + 60 * math.log10(part) if part > 0 else span.low


def choose(controls: Sequence[Control], wanted: str) -> Control | None:
    """The control that is meant; for "auto" the first that is known, or the only one."""
    by_name = {control.name: control for control in reversed(controls)}
    names = CONTROLS if wanted == AUTO else (wanted,)
    found = next((by_name[name] for name in names if name in by_name), None)
    if found is None and wanted == AUTO and len(controls) == 1:
        return controls[0]
    return found


class CardVolume:
    """Sets the volume of a card that was opened, and tells what is left to do in software.

    Args:
        percent: The volume.
        wanted: Name of the control, "auto" or "none".
        mixer: Opens the controls of a card by the name that ALSA has for it.

    Attributes:
        left: The factor for the samples since the last opening: 1 where the card does it all.
    """

    def __init__(self, percent: int, wanted: str, mixer: Mixer) -> None:
        self._percent = percent
        self._wanted = wanted
        self._mixer = mixer
        self._told = ""
        self.left = gain(percent)

    def set(self, card: int | None, pcm: str) -> float:
        """Turn the card to the volume, as far as it can; returns `left`.

        The volume of a sound server is for all programs, so it is touched only by name.

        Args:
            card: The number of the sound card that plays; None if a sound server does.
            pcm: What ALSA calls the way to it.
        """
        may = self._wanted != NONE and (card is not None or self._wanted != AUTO)
        done = may and self._set_card(card, pcm)
        full = 1.0 if self._percent else 0.0  # the lowest step of a card may be heard
        self.left = full if done else gain(self._percent)
        return self.left

    def _set_card(self, card: int | None, pcm: str) -> bool:
        name = pcm if card is None else f"hw:{card}"
        try:
            with self._mixer(name) as controls:
                control = choose(controls, self._wanted)
                if control is not None:
                    self._turn(control)
                    return True
                names = ", ".join(repr(known.name) for known in controls) or "none"
            self._tell(f"{name} has no volume control {self._wanted!r}; it has: {names}")
        except OSError as error:
            self._tell(f"the volume control of {name} cannot be used ({error.strerror or error})")
        return False

    def _turn(self, control: Control) -> None:
        span = control.span_db
        if span is not None:
            control.set_db(level_db(self._percent, span))
        else:
            steps = control.span
            control.set_step(steps.low + (steps.high - steps.low) * self._percent / 100)
        control.switch_on()
        logger.debug("= %r is at %d %%", control.name, self._percent)

    def _tell(self, fact: str) -> None:
        """Where the owner named the control, it is a mistake; else most cards have none."""
        is_news = fact != self._told and self._wanted != AUTO
        self._told = fact
        level = logging.WARNING if is_news else logging.DEBUG
        logger.log(
            level, '%s; the volume is set in software. Set [audio] mixer = "auto", or a name', fact
        )
