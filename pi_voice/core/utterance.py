"""What the user says in one turn, kept until its reply is heard."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pi_voice.core.events import MicFrame
from pi_voice.frames import FRAME_MS, AudioFormat


class Utterance:
    """The sound of one turn, from its first sample, and how much of it the session has.

    It outlives the session: when the link breaks, nothing of it counts as sent any more and all of
    it goes to the next session. Its size is bounded by the longest turn (60 s are 2.9 MB).
    """

    def __init__(self, wire: AudioFormat, pre_roll: Iterable[MicFrame] = ()) -> None:
        self.sent_again = False
        self._done_s = inf
        self._until_s = inf
        self._held_bytes = 0
        self._wire = wire
        self._pieces = [frame.pcm for frame in pre_roll]
        self._sent = 0
        self._whole = True

    @property
    def duration_ms(self) -> float:
        return self._wire.duration_ms(sum(map(len, self._pieces)))

    @property
    def held_ms(self) -> float:
        """How much of it was heard before the user was done; the tail does not count."""
        return self._wire.duration_ms(self._held_bytes)

    def hear(self, frames: Iterable[MicFrame]) -> None:
        """Add what was heard, up to the end of the tail."""
        for frame in frames:
            if frame.at_s < self._until_s:
                self._pieces.append(frame.pcm)
            if frame.at_s < self._done_s:
                self._held_bytes += len(frame.pcm)

    def close(self, done_s: float, tail_ms: float) -> None:
        """The user was done at this moment; the tail still belongs to the turn."""
        self._done_s = done_s
        self._until_s = done_s + tail_ms / 1000

    def reopen(self) -> None:
        """The user was not done after all."""
        self._done_s = self._until_s = inf

    def is_complete(self, frames: tuple[MicFrame, ...]) -> bool:
        """True once a frame reaches to the end of the tail."""
        return bool(frames) and frames[-1].at_s + FRAME_MS / 1000 >= self._until_s

    def take_unsent(self) -> bytes:
        """What the session does not have yet; it counts as sent from now on."""
        unsent = b"".join(self._pieces[self._sent :])
        self._sent = len(self._pieces)
        return unsent

    def lose(self) -> None:
        """The session does not have all that was sent: it must be sent again as a whole."""
        self._whole = not self._sent  # what was not sent yet cannot be lost

    def take_whole(self) -> bytes:
        """All of it, for a session that has none of it; it counts as sent from now on."""
        self._sent = 0
        self._whole = self.sent_again = True
        return self.take_unsent()

    @property
    def is_whole(self) -> bool:
        """False when a part of what was sent got lost."""
        return self._whole

    def forget(self) -> None:
        """Nothing of it is kept."""
        self._pieces.clear()
        self._sent = self._held_bytes = 0
