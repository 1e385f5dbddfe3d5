"""What waits to be sent, in order: audio is bounded and drops the oldest, the rest never is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

ROUNDING_MS = 1e-3  # what sums of many durations are wrong by is far less, a sample far more


@dataclass(slots=True)
class _Waiting:
    text: bytes  # emptied when it was dropped
    audio_ms: float
    since_s: float


class Outbox:
    """Messages that the kernel did not take yet.

    Attributes:
        dropped_audio_ms: Audio that was put in and will never come out.
    """

    def __init__(self, *, audio_s: float, audio_bytes: int) -> None:
        """Start empty.

        Args:
            audio_s: How much older than the newest the oldest audio may be. Audio that comes all at
                once, such as a whole turn after a reconnect, is not old, however long it plays.
            audio_bytes: How much audio may wait however fast it came.
        """
        self.dropped_audio_ms = 0.0
        self._audio_s = audio_s
        self._audio_bytes = audio_bytes
        self._all: deque[_Waiting] = deque()
        self._audio: deque[_Waiting] = deque()
        self._size_bytes = 0

    @property
    def audio_ms(self) -> float:
        return sum(waiting.audio_ms for waiting in self._audio)

    def put(self, text: bytes, audio_ms: float, now_s: float) -> None:
        waiting = _Waiting(text, audio_ms, now_s)
        self._all.append(waiting)
        if not audio_ms:
            return
        self._audio.append(waiting)
        self._size_bytes += len(text)
        while len(self._audio) > 1 and (
            now_s - self._audio[0].since_s > self._audio_s or self._size_bytes > self._audio_bytes
        ):
            self._drop(self._audio.popleft())

    def forget(self, newest_ms: float) -> None:
        """Drop so much of the audio that was put in last."""
        while self._audio and newest_ms > ROUNDING_MS:
            newest_ms -= self._audio[-1].audio_ms
            self._drop(self._audio.pop())

    def take(self) -> tuple[bytes, float] | None:
        """Remove the next message and its audio in ms; None when there is none."""
        while self._all:
            waiting = self._all.popleft()
            if not waiting.text:
                continue
            if waiting.audio_ms:
                self._audio.popleft()
                self._size_bytes -= len(waiting.text)
            return waiting.text, waiting.audio_ms
        return None

    def clear(self) -> None:
        self.dropped_audio_ms += self.audio_ms
        self._all.clear()
        self._audio.clear()
        self._size_bytes = 0

    def _drop(self, waiting: _Waiting) -> None:
        self.dropped_audio_ms += waiting.audio_ms
        self._size_bytes -= len(waiting.text)
        waiting.text = b""
