"""Server-side voice activity detection by loudness alone: enough for a parrot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pi_voice.sim.service_formats import WireAudio
from pi_voice.sim.service_wire import Wire

FRAME_MS = 20
STRIDE = 4  # every fourth sample tells the loudness well enough, at a quarter of the cost
ONSET_MS = 60  # shorter sounds are clicks, not speech
QUIETEST_DB, SPAN_DB = -60.0, 40.0  # threshold 0 … 1: the default 0.5 asks for -40 dB
SEMANTIC_SILENCE_MS = 500  # nothing here understands words, so a fixed pause ends the turn
SEMANTIC_PADDING_MS = 300
FULL_SCALE = 32768


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """Somebody began or ceased to talk.

    Attributes:
        started: True at the beginning.
        at_ms: Position in the audio of the session: the beginning less the padding, or the end
            with its silence.
    """

    started: bool
    at_ms: float


class TurnDetector:
    """Finds turns in the audio as it arrives; time is audio time, never wall time."""

    def __init__(self, config: Wire, audio: WireAudio, position_ms: float) -> None:
        self._audio = audio
        self._frame_bytes = audio.size_bytes(FRAME_MS)
        self._threshold_db = QUIETEST_DB + SPAN_DB * config.get("threshold", 0.5)
        self._padding_ms = config.get("prefix_padding_ms", SEMANTIC_PADDING_MS)
        self._silence_ms = config.get("silence_duration_ms", SEMANTIC_SILENCE_MS)
        self._rest = b""
        self._position_ms = position_ms
        self._floor_ms = position_ms  # no turn reaches back behind the one before
        self._run_ms = 0.0  # of sound while waiting for speech, of silence while in speech
        self.talking = False

    def feed(self, data: bytes) -> Iterator[SpeechEdge]:
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        for start in range(0, whole, self._frame_bytes):
            self._position_ms += FRAME_MS
            loud = self._is_loud(data[start : start + self._frame_bytes])
            yield from self._step(loud)

    def reset(self) -> None:
        """The buffer was emptied: what came so far belongs to no later turn."""
        self._floor_ms = self._position_ms
        self._run_ms = 0.0
        self.talking = False

    def _step(self, loud: bool) -> Iterator[SpeechEdge]:
        self._run_ms = self._run_ms + FRAME_MS if loud is not self.talking else 0.0
        if not self.talking and self._run_ms >= ONSET_MS:
            self.talking = True
            start_ms = self._position_ms - self._run_ms - self._padding_ms
            self._run_ms = 0.0
            yield SpeechEdge(started=True, at_ms=max(start_ms, self._floor_ms))
        elif self.talking and self._run_ms and self._run_ms >= self._silence_ms:
            self.reset()
            yield SpeechEdge(started=False, at_ms=self._position_ms)

    def _is_loud(self, frame: bytes) -> bool:
        samples = self._audio.decode(frame)[::STRIDE]
        power = sum(sample * sample for sample in samples) / len(samples)
        return power > 0 and 10 * math.log10(power / FULL_SCALE**2) > self._threshold_db
