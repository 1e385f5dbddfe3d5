"""From what a card delivers to 20 ms frames, judged by the speech detector."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from pi_voice.audio.resample import Resampler, to_mono
from pi_voice.core.events import MicFrame, MicHeard
from pi_voice.frames import DETECTOR, FRAME_MS, SAMPLE_BYTES, AudioBatch, AudioFormat
from pi_voice.ports import SpeechDetector

logger = logging.getLogger(__name__)

WAITING_FRAMES = 10  # 200 ms to judge at once take a fast core 0.3 ms, and a Zero 2 W 3 ms


class Canceller(Protocol):
    """Takes what the speaker plays out of what is heard; works on mono at the rate of the card."""

    def clean(self, pcm: bytes, rate_hz: int) -> bytes: ...

    def flush(self) -> bytes:
        """Give what was kept back, and begin anew."""


@runtime_checkable
class Sure(Protocol):
    """A detector that can wait: it knows when its verdict holds, whatever comes."""

    @property
    def sure_frames(self) -> int:
        """For how many frames to come the last verdict will hold."""

    def verdicts(self, pcm: bytes) -> list[bool]:
        """Judge whole frames, one after the other."""


class FrontEnd:
    """Cuts batches of any length, rate and number of channels into frames for the wire.

    No sample is lost or doubled: the frames joined are the resampled stream. Stamps follow the
    newest batch, so a card whose clock drifts cannot carry them away.

    Attributes:
        on_calm: Told when nobody talks any more (True), and when somebody begins to.
        gaps: Times at which sound was missing, because the card or the program was late.
    """

    def __init__(
        self,
        wire: AudioFormat,
        detector: SpeechDetector | None,
        channel: int | None = None,
        canceller: Canceller | None = None,
    ) -> None:
        """Take the shape of the frames.

        Args:
            wire: What the frames shall be; mono.
            detector: Asked once per whole frame; None where a button tells who talks. One that is
                `Sure` is asked later, and for many frames at once, while that changes nothing: a
                batch that comes alone costs six times what it costs among others.
            channel: Which channel of the card to use, from 0. None averages them, and so does a
                card that has no such channel: heard in another way is better than not at all.
            canceller: Takes the echo away before the detector or the wire hears it.
        """
        self.on_calm: Callable[[bool], None] = _ignore
        self.gaps = 0
        self._calm = self._speech = False
        self._wire = wire
        self._detector = detector
        self._sure = detector if isinstance(detector, Sure) else None
        self._wanted_channel = channel
        self._canceller = canceller
        self._frame_bytes = wire.size_bytes(FRAME_MS)
        self._judged_bytes = DETECTOR.size_bytes(FRAME_MS)
        self._adopt(wire)

    def process(self, batch: AudioBatch) -> MicHeard:
        """Give the frames that are complete by now.

        Where sound is missing before the batch, what was left over comes first, as a short frame.
        """
        frames: tuple[MicFrame, ...] = ()
        self.gaps += batch.lost
        if batch.lost or batch.format != self._format:
            frames = self.flush().frames
        if batch.format != self._format:
            self._adopt(batch.format)
            self._tell_missing_channel()
        mono = to_mono(batch.pcm, batch.format.channels, self._channel)
        if self._canceller is not None:
            mono = self._canceller.clean(mono, batch.format.rate_hz)
        self._batch_at_s, self._batch_begins = batch.at_s, self._taken
        self._take(mono)
        frames += self._whole_frames()
        if self._calm is self._speech:
            self._calm = not self._speech
            self.on_calm(self._calm)
        return MicHeard(frames)

    def flush(self) -> MicHeard:
        """Give the rest when the microphone was closed, and begin anew.

        The last frame is as short as what is left: nothing is invented, and nothing is lost.
        """
        if self._canceller is not None:
            self._take(self._canceller.flush())
        self._wire_pcm += self._to_wire.flush() if self._taken else b""
        frames = self._whole_frames()
        while self._wire_pcm:  # too little for the detector, whose last word still holds
            frames += (self._next_frame(),)
        self.reset()
        return MicHeard(frames)

    def reset(self) -> None:
        """Forget what is left over, as after a mute."""
        if self._canceller is not None:
            self._canceller.flush()
        self._to_wire.reset()
        self._to_judged.reset()
        self._wire_pcm = self._judged_pcm = self._unjudged = b""
        self._to_judge = 0
        self._taken = self._given = 0
        self._batch_at_s, self._batch_begins = 0.0, 0
        self._speech = False
        if self._detector is not None:
            self._detector.reset()

    def _take(self, mono: bytes) -> None:
        self._taken += len(mono) // SAMPLE_BYTES
        self._wire_pcm += self._to_wire.process(mono)
        if self._detector is not None:
            self._unjudged += mono

    def _adopt(self, card: AudioFormat) -> None:
        wanted = self._wanted_channel
        self._channel = wanted if wanted is not None and wanted < card.channels else None
        self._format = card
        self._to_wire = Resampler(card.rate_hz, self._wire.rate_hz)
        self._to_judged = Resampler(card.rate_hz, DETECTOR.rate_hz)
        self.reset()

    def _tell_missing_channel(self) -> None:
        if self._wanted_channel is not None and self._channel is None:
            logger.warning(
                "the microphone has %d channels and no channel %d; using the average of all. "
                "Set [audio] microphone_channel",
                self._format.channels,
                self._wanted_channel + 1,  # the configuration counts from 1
            )

    def _whole_frames(self) -> tuple[MicFrame, ...]:
        count = len(self._wire_pcm) // self._frame_bytes
        if self._detector is None:
            return tuple(self._next_frame() for _ in range(count))
        if self._may_wait(count):
            self._to_judge += count
            return tuple(self._next_frame() for _ in range(count))
        verdicts, frames = self._judged(self._detector, count), []
        for verdict in verdicts[self._to_judge :]:
            self._speech = verdict
            frames.append(self._next_frame())
        self._to_judge = max(0, self._to_judge - len(verdicts))
        return tuple(frames)

    def _may_wait(self, count: int) -> bool:
        """Whether so many more frames can be given with the verdict that stands."""
        waiting = self._to_judge + count
        return self._sure is not None and waiting <= min(self._sure.sure_frames, WAITING_FRAMES)

    def _judged(self, detector: SpeechDetector, count: int) -> list[bool]:
        """The verdicts on frames that were given without one, and on so many more."""
        self._judged_pcm += self._to_judged.process(self._unjudged)
        self._unjudged = b""
        size = self._judged_bytes
        whole = min(self._to_judge + count, len(self._judged_pcm) // size) * size
        pcm, self._judged_pcm = self._judged_pcm[:whole], self._judged_pcm[whole:]
        if self._sure is not None:
            return self._sure.verdicts(pcm) if pcm else []
        return [detector.hears_speech(pcm[at : at + size]) for at in range(0, whole, size)]

    def _next_frame(self) -> MicFrame:
        since_begin_s = (self._given - self._to_wire.delay_samples) / self._wire.rate_hz
        at_s = self._batch_at_s + since_begin_s - self._batch_begins / self._format.rate_hz
        pcm = self._wire_pcm[: self._frame_bytes]
        self._wire_pcm = self._wire_pcm[self._frame_bytes :]
        self._given += len(pcm) // SAMPLE_BYTES
        return MicFrame(pcm, at_s, self._speech)


def _ignore(_: bool) -> None:
    """Stand in until somebody wants to know."""
