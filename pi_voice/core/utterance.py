"""What the user says in one turn, kept until its reply is heard."""

from __future__ import annotations

from collections.abc import Iterable

from pi_voice.core.events import MicFrame
from pi_voice.frames import FRAME_MS, AudioFormat


class Utterance:
    """The sound of one turn, from its first sample, and how much of it the session has.

    It outlives the session: when the link breaks, nothing of it counts as sent any more and all of
    it goes to the next session. Its size is bounded by the longest turn (60 s are 2.9 MB).
    """

    def __init__(self, wire: AudioFormat) -> None:
        self.until_s: float | None = None
        self.committed = False
        self._wire = wire
        self._pieces: list[bytes] = []
        self._sent = 0
        self._whole = True

    @property
    def duration_ms(self) -> float:
        return self._wire.duration_ms(sum(map(len, self._pieces)))

    def hear(self, frames: Iterable[MicFrame]) -> None:
        """Add what was heard, up to the moment at which the user was done."""
        until_s = self.until_s
        for frame in frames:
            if until_s is None or frame.at_s < until_s:
                self._pieces.append(frame.pcm)

    def is_complete(self, frames: tuple[MicFrame, ...]) -> bool:
        """True once a frame reaches to the moment at which the user was done."""
        if self.until_s is None or not frames:
            return False
        return frames[-1].at_s + FRAME_MS / 1000 >= self.until_s

    def take_unsent(self) -> bytes:
        """What the session does not have yet; it counts as sent from now on."""
        unsent = b"".join(self._pieces[self._sent :])
        self._sent = len(self._pieces)
        return unsent

    def lose(self) -> None:
        """The session does not have all that was sent: it must be sent again as a whole."""
        self._whole = False
        self.committed = False

    def take_whole(self) -> bytes:
        """All of it, for a session that has none of it; it counts as sent from now on."""
        self._sent = 0
        self._whole = True
        return self.take_unsent()

    @property
    def is_whole(self) -> bool:
        """False when a part of what was sent got lost."""
        return self._whole

    def forget(self) -> None:
        """Nothing of it is kept."""
        self._pieces.clear()
        self._sent = 0
