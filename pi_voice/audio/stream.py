"""An open card, and the watch over it.

PyAudio tells nobody when a card goes: the callbacks just stop, while `is_active()` stays true. So
every stream counts what passes, and whoever opened it asks from time to time whether it flows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyaudio

from pi_voice.audio.cards import Direction
from pi_voice.errors import DeviceError
from pi_voice.frames import SAMPLE_BYTES, AudioFormat

logger = logging.getLogger(__name__)

OLDEST_S = 0.5  # the buffer of a card is shorter; an older stamp is a fault of its driver
LATEST_S = 1.0  # likewise for what waits to be played
# A callback may come late, never early: stamps follow the samples, and lateness only so slowly
# that a clock which is off by 200 ppm is still followed.
LATENESS = 0.02
LOST_S = 0.2  # later than any callback that was only delayed: here sound is missing


class Call(NamedTuple):
    """One callback of a card: sound it brings, or sound it asks for.

    Attributes:
        pcm: What was captured, interleaved; empty for a speaker.
        samples: How many of each channel it brings or asks for.
        now_s: When the card called, on the clock of `time.monotonic()`.
        at_s: When the first sample was taken, or when it will be heard.
        gap: Sound was lost before this call: overflow or underflow.
    """

    pcm: bytes
    samples: int
    now_s: float
    at_s: float
    gap: bool


Callback = Callable[[Call], bytes]


@dataclass(frozen=True, slots=True)
class CardRequest:
    """What a microphone or a speaker wants to open.

    Attributes:
        device: In the words of the configuration.
        direction: Which end.
        batch_ms: Sound per callback.
        channels: The fewest that are of use; None for all that a card has.
    """

    device: str
    direction: Direction
    batch_ms: float
    channels: int | None = 1

    def error(self, fact: str, fix: str) -> DeviceError:
        return DeviceError(f"{self.direction} {self.device!r}", fact, fix)


@dataclass(frozen=True, slots=True)
class Patience:
    """When a stream counts as lost.

    Attributes:
        first_s: Until the first callback; sound servers render up to 2 s ahead.
        silence_s: Between callbacks; a loaded Pi was late by 0.2 s.
        window_s: Over which sound is counted, against a stream that only trickles.
        least: The part of the sound that must have come in a window.
    """

    first_s: float = 3.0
    silence_s: float = 1.0
    window_s: float = 5.0
    least: float = 0.8


class Stream:
    """An open card. Everything but the callback belongs to the thread that opened it.

    Attributes:
        format: Rate and channels of the card.
        pcm: What ALSA calls the way to it.
        card: The number of the sound card behind it; None if a sound server is.
    """

    def __init__(self, request: CardRequest, card_format: AudioFormat, patience: Patience) -> None:
        self.format = card_format
        self.pcm = ""
        self.card: int | None = None
        self._request = request
        self._patience = patience
        self._hears = request.direction is Direction.MICROPHONE
        self._handle: Any = None
        self._latency_s = 0.0
        self._callback: Callback | None = None
        self._failed: BaseException | None = None
        self._samples = 0
        self._next_s = 0.0  # when the next sample will be taken
        self._called_s: float | None = None
        self._started_s = self._counted_s = 0.0
        self._counted = 0

    def open(self, library: Any, index: int) -> None:
        """Get the handle; for PortAudio, which holds its lock.

        Raises:
            OSError: With PortAudio's number.
        """
        end = "input" if self._hears else "output"
        self._handle = library.open(
            rate=self.format.rate_hz,
            channels=self.format.channels,
            format=pyaudio.paInt16,
            frames_per_buffer=self.format.samples(self._request.batch_ms),
            start=False,
            stream_callback=self._called,
            **{end: True, f"{end}_device_index": index},
        )
        if not self._hears:
            self._latency_s = self._handle.get_output_latency()

    def start(self, callback: Callback) -> None:
        """Let sound flow, for the first time or after a rest.

        Args:
            callback: Called in PortAudio's thread; returns what the card shall play, in all of
                its channels.

        Raises:
            DeviceError: The card does not run.
        """
        self._callback, self._called_s, self._counted_s = callback, None, 0.0
        self._started_s = time.monotonic()
        try:
            self._handle.start_stream()
        except OSError as error:
            fix = "Plug it in again; it is tried again by itself"
            raise self._request.error(f"does not run ({error.strerror})", fix) from error

    def stop(self) -> None:
        """Let the card rest, once what it was given was heard; it stays ours.

        Raises:
            DeviceError: The card is gone.
        """
        self._callback = None
        try:
            self._handle.stop_stream()
        except OSError as error:
            fix = "Plug it in again; it is tried again by itself"
            raise self._request.error(f"does not stop ({error.strerror})", fix) from error

    def mute(self) -> None:
        """Call back no more."""
        self._callback = None

    def close(self) -> None:
        """Give the handle back; for PortAudio, which holds its lock."""
        try:
            self._handle.close()
        except OSError as error:  # PyAudio closed it before us
            logger.debug("! closing the %s: %s", self._request.direction, error)

    def fault(self, now_s: float) -> DeviceError | None:
        """Why no sound flows any more, or None while it does."""
        if self._failed is not None:
            logger.error("the audio callback failed", exc_info=self._failed)
            return self._request.error("was closed because of a fault of ours", "See the log")
        if not self._is_active():
            fix = "Check its sound server" if self.card is None else "Plug it in again"
            return self._request.error("was taken away", f"{fix}; it is tried again by itself")
        fix = "Check its cable; it is tried again by itself"
        if self._is_silent(now_s):
            return self._request.error("gives no sign of life", fix)
        if (part := self._part(now_s)) < self._patience.least:
            return self._request.error(f"runs at {part:.0%} of its speed", fix)
        return None

    def _is_active(self) -> bool:
        try:
            return bool(self._handle.is_active())
        except OSError:  # PyAudio closed it after an error
            return False

    def _is_silent(self, now_s: float) -> bool:
        if self._called_s is None:
            return now_s - self._started_s > self._patience.first_s
        return now_s - self._called_s > self._patience.silence_s

    def _part(self, now_s: float) -> float:
        """How much of its sound passed in the last whole window; 1 while none is complete."""
        if self._called_s is None:
            return 1.0
        if not self._counted_s:
            self._counted_s, self._counted = now_s, self._samples
        passed_s = now_s - self._counted_s
        if passed_s < self._patience.window_s:
            return 1.0
        samples = self._samples - self._counted
        self._counted_s, self._counted = now_s, self._samples
        return samples / (passed_s * self.format.rate_hz)

    def _called(
        self, data: bytes | None, samples: int, times: Mapping[str, float], flags: int
    ) -> tuple[bytes | None, int]:
        """PortAudio's callback; an exception here would strike another thread and end the sound."""
        self._called_s = now_s = time.monotonic()
        self._samples += samples
        sound = b""
        callback = self._callback
        if callback is not None:
            try:
                sound = callback(self._call(data or b"", samples, now_s, times, flags))
            except BaseException as error:  # noqa: BLE001 - becomes a fault of the stream
                self._callback, self._failed = None, error
        if self._hears:
            return None, pyaudio.paContinue
        # one byte less than asked, and PyAudio ends the stream
        return sound.ljust(samples * self.format.channels * SAMPLE_BYTES, b"\0"), pyaudio.paContinue

    def _call(
        self, pcm: bytes, samples: int, now_s: float, times: Mapping[str, float], flags: int
    ) -> Call:
        if self._hears:
            gap = bool(flags & pyaudio.paInputOverflow)
            return Call(pcm, samples, now_s, self._taken_s(samples, now_s, times, gap=gap), gap)
        delay_s = times["output_buffer_dac_time"] - times["current_time"]
        if not times["output_buffer_dac_time"] or not 0 <= delay_s <= LATEST_S:
            delay_s = self._latency_s
        return Call(pcm, samples, now_s, now_s + delay_s, bool(flags & pyaudio.paOutputUnderflow))

    def _taken_s(
        self, samples: int, now_s: float, times: Mapping[str, float], *, gap: bool
    ) -> float:
        """When the first sample was taken."""
        length_s = samples / self.format.rate_hz
        # sound servers report less than the length of what they just gave
        age_s = times["current_time"] - times["input_buffer_adc_time"]
        at_s = now_s - min(max(age_s, length_s), length_s + OLDEST_S)
        late_s = at_s - self._next_s
        if 0 < late_s < LOST_S and not gap:
            at_s = self._next_s + late_s * LATENESS
        self._next_s = at_s + length_s
        return at_s
