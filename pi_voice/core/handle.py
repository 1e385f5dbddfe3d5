"""The capture handle, as the device knows it from wishes and reports."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.core import actions as do
from pi_voice.core.actions import Action
from pi_voice.core.states import Mic


class Handle:
    """What became of the handle, and whether it is wanted.

    Attributes:
        mic: What the last report said.
        wanted: It was asked for, and not given up since.
    """

    def __init__(self) -> None:
        self.mic = Mic.CLOSED
        self.wanted = False
        self._closings = 0  # asked for, and not reported

    @property
    def may_be_open(self) -> bool:
        """Nobody can promise that it is closed: it was asked for, or is not given back yet."""
        return self.mic is Mic.OPEN or self._closings > 0 or (self.wanted and not self.is_lost)

    @property
    def is_lost(self) -> bool:
        """It was not to be had when it was wanted last."""
        return self.mic is Mic.LOST

    @property
    def is_looked_for(self) -> bool:
        """It is wanted, and not to be had."""
        return self.wanted and self.is_lost

    @property
    def promise(self) -> Mic:
        """What can be told of it: open in doubt, and lost only while it is wanted."""
        if self.may_be_open:
            return Mic.OPEN
        return Mic.LOST if self.is_looked_for else Mic.CLOSED

    def want(self, wanted: bool) -> Iterator[Action]:
        """Ask for it, or give it back; says only what changed."""
        if wanted is self.wanted:
            return
        self.wanted = wanted
        if not wanted:
            self._closings += 1
        yield do.OpenMic() if wanted else do.CloseMic()

    def opened(self) -> None:
        self.mic = Mic.OPEN

    def closed(self) -> None:
        self._closings = max(0, self._closings - 1)
        if self.mic is Mic.OPEN:
            self.mic = Mic.CLOSED

    def lost(self) -> None:
        self.mic = Mic.LOST
