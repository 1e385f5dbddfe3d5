"""Mute: a machine of its own, beside the turn and the connection."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.core import actions as do
from pi_voice.core.actions import Action, Sound


class Mute:
    """Muted by wish, by the latching switch, or by both.

    Attributes:
        asked: Somebody asked for it; this outlives a power cut.
        switched_off: The switch is closed: nothing else can unmute.
    """

    def __init__(self, *, has_switch: bool) -> None:
        self.asked = False
        self.switched_off = has_switch  # until it was read
        self._unanswered = 0  # wishes that may not be kept yet
        self._untold = False

    @property
    def muted(self) -> bool:
        return self.asked or self.switched_off

    @property
    def is_kept(self) -> bool:
        """What was asked for would outlive a power cut, or cannot be kept."""
        return not self._unanswered

    def change(self, *, asked: bool, switched_off: bool) -> Iterator[Action]:
        """Take what is true now; yields what to keep and to say about it."""
        was_muted, was_asked = self.muted, self.asked
        self.asked, self.switched_off = asked, switched_off
        if asked is not was_asked:
            self._unanswered += 1
            yield do.Remember(asked)
        if self.muted is was_muted:
            return
        self._untold = asked
        if not self.muted:
            yield do.PlaySound(Sound.UNMUTED)
        elif not asked:
            yield do.PlaySound(Sound.MUTED)

    def remembered(self) -> Iterator[Action]:
        """Only with the last answer not even a power cut unmutes the box."""
        self._unanswered = max(0, self._unanswered - 1)
        if self.is_kept and self._untold:
            self._untold = False
            yield do.PlaySound(Sound.MUTED)
