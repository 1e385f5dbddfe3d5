"""Takes what the speaker plays out of what the microphone hears, with the canceller of WebRTC."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from pi_voice.frames import SAMPLE_BYTES

STEPS_PER_S = 100  # WebRTC takes 10 ms, no more and no less
BLOCKS = 50  # what is played while the microphone is closed is of no use to anybody
BACKLOG_MS = 200  # the canceller must know a sound before its echo comes


class Library(Protocol):
    """What livekit.rtc offers of WebRTC; it has no types of its own that could be named here."""

    @property
    def AudioProcessingModule(self) -> Any: ...

    @property
    def AudioFrame(self) -> Any: ...


class EchoCanceller:
    """Sits between the card and everything that listens.

    What is played comes from the thread of the audio and waits; it is taken in step with what is
    heard, so the clocks of the cards need not agree: a late block makes the echo path longer, and
    the canceller follows.
    """

    def __init__(self, library: Library) -> None:
        """Take the canceller.

        Args:
            library: `livekit.rtc`.
        """
        self._frame = library.AudioFrame
        self._engine = library.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True
        )
        self._played: deque[tuple[bytes, int]] = deque(maxlen=BLOCKS)
        self._far = b""
        self._far_hz = 0
        self._near = b""

    def far_end(self, pcm: bytes, rate_hz: int) -> None:
        """Note what the card was handed; called from any thread."""
        self._played.append((pcm, rate_hz))

    def clean(self, pcm: bytes, rate_hz: int) -> bytes:
        """Give what was heard without its echo; less than 10 ms of it stay for the next call.

        Args:
            pcm: Mono, of any length.
            rate_hz: Of what was heard; that of what was played may be another.
        """
        self._near += pcm
        self._take_played()
        size, cleaned = rate_hz // STEPS_PER_S * SAMPLE_BYTES, bytearray()
        while len(self._near) >= size:
            heard = self._frame_of(self._near[:size], rate_hz)
            self._near = self._near[size:]
            if self._far_hz:
                self._engine.process_reverse_stream(self._next_played())
            self._engine.process_stream(heard)
            cleaned += bytes(heard.data)
        return bytes(cleaned)

    def flush(self) -> bytes:
        """Give the rest as it is, and begin anew: the room is the same, the sound is not."""
        rest, self._near, self._far = self._near, b"", b""
        self._played.clear()
        return rest

    def _take_played(self) -> None:
        while self._played:
            pcm, rate_hz = self._played.popleft()
            if rate_hz != self._far_hz:
                self._far, self._far_hz = b"", rate_hz
            self._far += pcm
        longest = self._far_hz * BACKLOG_MS // 1000 * SAMPLE_BYTES
        self._far = self._far[max(0, len(self._far) - longest) :]

    def _next_played(self) -> Any:
        """The next 10 ms; silence where nothing plays."""
        size = self._far_hz // STEPS_PER_S * SAMPLE_BYTES
        part, self._far = self._far[:size], self._far[size:]
        return self._frame_of(part.ljust(size, b"\0"), self._far_hz)

    def _frame_of(self, pcm: bytes, rate_hz: int) -> Any:
        return self._frame(bytearray(pcm), rate_hz, 1, len(pcm) // SAMPLE_BYTES)
