"""From what a card delivers to 20 ms frames, judged by the speech detector."""

from __future__ import annotations

from pi_voice.audio.resample import Resampler, to_mono
from pi_voice.audio.vad import level_db
from pi_voice.core.events import MicFrame, MicHeard
from pi_voice.frames import DETECTOR, FRAME_MS, SAMPLE_BYTES, AudioBatch, AudioFormat
from pi_voice.ports import SpeechDetector


class FrontEnd:
    """Cuts batches of any length, rate and number of channels into frames for the wire.

    No sample is lost or doubled: the frames joined are the resampled stream. Stamps follow the
    newest batch, so a card whose clock drifts cannot carry them away.
    """

    def __init__(
        self, wire: AudioFormat, detector: SpeechDetector, channel: int | None = None
    ) -> None:
        """Take the shape of the frames.

        Args:
            wire: What the frames shall be; mono.
            detector: Asked once per whole frame.
            channel: Which channel of the card to use, from 0; None averages them.
        """
        self._wire = wire
        self._detector = detector
        self._channel = channel
        self._frame_bytes = wire.size_bytes(FRAME_MS)
        self._judged_bytes = DETECTOR.size_bytes(FRAME_MS)
        self._format = wire
        self._begin(wire)

    def process(self, batch: AudioBatch) -> MicHeard:
        """Give the frames that are complete by now.

        Where sound is missing before the batch, what was left over comes first, as a short frame.
        """
        frames: tuple[MicFrame, ...] = ()
        if batch.lost or batch.format != self._format:
            frames = self.flush().frames
            self._begin(batch.format)
        mono = to_mono(batch.pcm, batch.format.channels, self._channel)
        self._batch_at_s, self._batch_begins = batch.at_s, self._native_samples
        self._native_samples += len(mono) // SAMPLE_BYTES
        self._wire_pcm += self._to_wire.process(mono)
        self._judged_pcm += self._to_judged.process(mono)
        return MicHeard(frames + self._whole_frames())

    def flush(self) -> MicHeard:
        """Give the rest when the microphone was closed, and begin anew.

        The last frame is as short as what is left: nothing is invented, and nothing is lost.
        """
        self._wire_pcm += self._to_wire.flush()
        self._judged_pcm += self._to_judged.flush()
        frames = list(self._whole_frames())
        while self._wire_pcm:
            frames.append(self._next_frame(speech=self._speech))
        self._begin(self._format)
        return MicHeard(tuple(frames))

    def reset(self) -> None:
        """Forget what is left over, as after a mute."""
        self._begin(self._format)

    def _begin(self, card: AudioFormat) -> None:
        self._format = card
        self._to_wire = Resampler(card.rate_hz, self._wire.rate_hz)
        self._to_judged = Resampler(card.rate_hz, DETECTOR.rate_hz)
        self._wire_pcm = self._judged_pcm = b""
        self._native_samples = self._wire_samples = 0
        self._batch_at_s, self._batch_begins = 0.0, 0
        self._speech = False
        self._detector.reset()

    def _whole_frames(self) -> tuple[MicFrame, ...]:
        frames = []
        while self._is_ready():
            judged, self._judged_pcm = self._split(self._judged_pcm, self._judged_bytes)
            self._speech = self._detector.hears_speech(judged)
            frames.append(self._next_frame(speech=self._speech))
        return tuple(frames)

    def _is_ready(self) -> bool:
        wire, judged = len(self._wire_pcm), len(self._judged_pcm)
        return wire >= self._frame_bytes and judged >= self._judged_bytes

    def _next_frame(self, *, speech: bool) -> MicFrame:
        at_s = self._at_s(self._wire_samples - self._to_wire.delay_samples)
        pcm, self._wire_pcm = self._split(self._wire_pcm, self._frame_bytes)
        self._wire_samples += len(pcm) // SAMPLE_BYTES
        return MicFrame(pcm, at_s, speech, level_db(pcm))

    def _at_s(self, wire_sample: int) -> float:
        """When a sample of the wire was taken, counted from the newest batch."""
        native = wire_sample * self._format.rate_hz / self._wire.rate_hz
        return self._batch_at_s + (native - self._batch_begins) / self._format.rate_hz

    @staticmethod
    def _split(pcm: bytes, size_bytes: int) -> tuple[bytes, bytes]:
        return pcm[:size_bytes], pcm[size_bytes:]
