"""PyAudio without PortAudio: cards made of numbers, whose callbacks the test calls.

It behaves as the C library was seen to: the list of devices is frozen at the start, what goes
raises nothing, and a callback that raises or returns too little ends the stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pi_voice.audio.stream import Patience

PATIENT = Patience(first_s=1000, silence_s=1000, window_s=1000)  # the test decides what is lost
NOW = 1000.0  # what the card says the time is; only differences mean anything
BUSY = OSError(-9985, "Device unavailable")


@dataclass
class FakeCard:
    """One device of PortAudio's list.

    Attributes:
        rates: At which it opens.
        counts: Channels with which it opens.
        refusal: Raised by every opening, as long as it is set.
        start_refusal: Raised by every start, as long as it is set.
        stop_refusal: Raised by every stop, as long as it is set.
        attempts: How often somebody tried to open it.
        streams: All that were ever opened.
    """

    name: str
    inputs: int = 1
    outputs: int = 0
    rate_hz: float = 44_100.0
    rates: tuple[int, ...] = (48_000, 44_100)
    counts: tuple[int, ...] = (1, 2)
    refusal: OSError | None = None
    start_refusal: OSError | None = None
    stop_refusal: OSError | None = None
    attempts: int = 0
    streams: list[FakeStream] = field(default_factory=list)

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]

    @property
    def is_open(self) -> bool:
        return any(stream.is_open for stream in self.streams)


class FakeStream:
    """What PyAudio.open returns; `call` is PortAudio's thread."""

    def __init__(self, card: FakeCard, wanted: dict[str, Any]) -> None:
        self.card = card
        self.wanted = wanted
        self.is_open = True
        self.runs = False
        self.opened_in = threading.get_ident()
        self.closed_in = 0
        self._callback: Callable[..., tuple[bytes | None, int]] = wanted["stream_callback"]

    def start_stream(self) -> None:
        if self.card.start_refusal is not None:
            raise self.card.start_refusal
        self.runs = True

    def stop_stream(self) -> None:
        if self.card.stop_refusal is not None:
            raise self.card.stop_refusal
        self.runs = False

    def is_active(self) -> bool:
        if not self.is_open:
            raise OSError(-9988, "Stream not open")
        return self.runs

    def get_output_latency(self) -> float:
        return 0.04

    def close(self) -> None:
        self.closed_in = threading.get_ident()
        self.is_open = self.runs = False

    def call(
        self, pcm: bytes | None = None, *, flags: int = 0, adc_s: float = 0, dac_s: float = 0
    ) -> bytes | None:
        """One callback.

        Args:
            pcm: What was captured; None for a speaker.
            flags: As PortAudio gives them.
            adc_s: How old the card says the first sample is.
            dac_s: How long the card says the first sample has to wait; 0 if it does not know.
        """
        assert self.runs, "the callbacks have ended"
        samples = self.wanted["frames_per_buffer"]
        times = {
            "current_time": NOW,
            "input_buffer_adc_time": NOW - adc_s,
            "output_buffer_dac_time": NOW + dac_s if dac_s else 0.0,
        }
        sound, flag = self._callback(pcm, samples, times, flags)
        enough = pcm is not None or len(sound or b"") == samples * 2 * self.wanted["channels"]
        self.runs = flag == FakePyAudio.paContinue and enough
        return sound


class FakePyAudio:
    """The module `pyaudio`; `cards` is what is plugged in, also while it runs."""

    paInt16 = 8
    paContinue = 0
    paInputOverflow = 2
    paOutputUnderflow = 4
    paInvalidSampleRate = -9997
    paInvalidChannelCount = -9998

    def __init__(self, *cards: FakeCard) -> None:
        self.cards = list(cards)
        self.starts = 0
        self.running = 0
        self.refusal: OSError | None = None

    def PyAudio(self) -> _Library:  # noqa: N802 - the name of the class that it stands for
        if self.refusal is not None:
            raise self.refusal
        self.starts += 1
        self.running += 1
        return _Library(self, list(self.cards))


class _Library:
    def __init__(self, module: FakePyAudio, cards: list[FakeCard]) -> None:
        self._module = module
        self._cards = cards

    def terminate(self) -> None:
        self._module.running -= 1

    def get_device_count(self) -> int:
        return len(self._cards)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        card = self._cards[index]
        return {
            "index": index,
            "name": card.name,
            "maxInputChannels": card.inputs,
            "maxOutputChannels": card.outputs,
            "defaultSampleRate": card.rate_hz,
        }

    def get_default_input_device_info(self) -> dict[str, Any]:
        return self._default("maxInputChannels")

    def get_default_output_device_info(self) -> dict[str, Any]:
        return self._default("maxOutputChannels")

    def is_format_supported(self, rate: float, **wanted: int) -> bool:
        end = "input" if "input_device" in wanted else "output"
        card = self._cards[wanted[f"{end}_device"]]
        if rate not in card.rates or wanted[f"{end}_channels"] not in card.counts:
            raise ValueError("Invalid sample rate", FakePyAudio.paInvalidSampleRate)
        return True

    def open(self, **wanted: Any) -> FakeStream:
        end = "input" if wanted.get("input") else "output"
        card = self._cards[wanted[f"{end}_device_index"]]
        card.attempts += 1
        if card not in self._module.cards:
            raise OSError(-9996, "Invalid device")
        if card.refusal is not None:
            raise card.refusal
        if wanted["rate"] not in card.rates:
            raise OSError(FakePyAudio.paInvalidSampleRate, "Invalid sample rate")
        if wanted["channels"] not in card.counts:
            raise OSError(FakePyAudio.paInvalidChannelCount, "Invalid number of channels")
        stream = FakeStream(card, wanted)
        card.streams.append(stream)
        return stream

    def _default(self, count: str) -> dict[str, Any]:
        for index in range(self.get_device_count()):
            info = self.get_device_info_by_index(index)
            if info[count]:
                return info
        raise OSError(-9996, "No Default Device Available")
