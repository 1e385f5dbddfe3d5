"""The input audio buffer of a session: what was appended since the last turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pi_voice.sim.service_formats import FORMATS
from pi_voice.sim.service_vad import SpeechEdge, TurnDetector
from pi_voice.sim.service_wire import Rejected, Wire

MIN_COMMIT_MS = 100
KEPT_MS = 600_000  # an utterance of ten minutes; older sound goes first
KEPT_SILENT_MS = 30_000  # while a detector waits for speech, its padding is all it needs


class InputBuffer:
    """Bytes and where they lie in the audio of the session.

    Attributes:
        audio: The format of what is appended.
    """

    def __init__(self, config: Wire) -> None:
        self._data = bytearray()
        self._start_ms = 0.0
        self._arrivals: deque[tuple[float, float]] = deque()  # (end of an append in ms, at_s)
        self._detector: TurnDetector | None = None
        self._settings: tuple[Wire, Wire | None] | None = None
        self.audio = FORMATS["audio/pcm"]
        self.configure(config)

    def configure(self, config: Wire) -> None:
        """Follow the `audio.input` of the session; sound in another format is given up."""
        given = config["audio"]["input"]
        if self._settings == (given["format"], given["turn_detection"]):
            return
        self._settings = (given["format"], given["turn_detection"])
        audio = FORMATS[given["format"]["type"]]
        if audio != self.audio:
            self._drop(self._end_ms)
            self.audio = audio
        detection = given["turn_detection"]
        self._detector = TurnDetector(detection, audio, self._end_ms) if detection else None

    @property
    def duration_ms(self) -> float:
        return self.audio.duration_ms(len(self._data))

    @property
    def first_byte_at_s(self) -> float | None:
        return self._arrivals[0][1] if self._arrivals else None

    def append(self, data: bytes, now_s: float) -> Iterator[SpeechEdge]:
        """Take sound in; an edge is yielded when the detector's whole frames have reached it."""
        self._data += data
        self._arrivals.append((self._end_ms, now_s))
        if self._detector:
            yield from self._detector.feed(data)
        silent = self._detector is not None and not self._detector.talking
        self._drop(self._end_ms - (KEPT_SILENT_MS if silent else KEPT_MS))

    def begin(self, at_ms: float) -> None:
        """Speech began here: what lies before belongs to no turn."""
        self._drop(at_ms)

    def take(self, end_ms: float | None = None) -> bytes:
        """Remove and return the turn, up to `end_ms` or all of it."""
        size = len(self._data)
        if end_ms is not None:
            size = min(size, self.audio.size_bytes(round(end_ms - self._start_ms, 3)))
        data = bytes(self._data[:size])
        self._drop(self._start_ms + self.audio.duration_ms(size))
        return data

    def take_committed(self) -> bytes:
        """The turn that the client ends itself.

        Raises:
            Rejected: It is shorter than the service accepts; the buffer stays as it is.
        """
        if self.duration_ms < MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS}ms of audio, "
                f"but buffer only has {self.duration_ms:.2f}ms of audio."
            )
            raise Rejected("input_audio_buffer_commit_empty", message)
        self._reset_detector()
        return self.take()

    def clear(self) -> None:
        self._reset_detector()
        self.take()

    @property
    def _end_ms(self) -> float:
        return self._start_ms + self.duration_ms

    def _reset_detector(self) -> None:
        if self._detector:
            self._detector.reset()

    def _drop(self, before_ms: float) -> None:
        size = min(self.audio.size_bytes(round(before_ms - self._start_ms, 3)), len(self._data))
        if size > 0:
            del self._data[:size]
            self._start_ms += self.audio.duration_ms(size)
        while self._arrivals and self._arrivals[0][0] <= self._start_ms:
            self._arrivals.popleft()
