"""A sound card of 24 kHz that keeps time, in place of the library of this name.

The microphone hears a quiet room whose frames are numbered, or a recording; the speaker tells
when sound begins and when it ends. Its callbacks come from a thread, as those of PortAudio do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from benchmarks.clients.pace import FRAME_BYTES, mark, noise, number_of
from benchmarks.parts.notes import note

paInt16 = 8
paContinue = 0
paInputOverflow = 2
paOutputUnderflow = 4
paInvalidSampleRate = -9997
paInvalidChannelCount = -9998

RATE_HZ = 24_000
BYTES_PER_S = RATE_HZ * 2
INFO = {
    "index": 0,
    "name": "paced card",
    "maxInputChannels": 1,
    "maxOutputChannels": 1,
    "defaultSampleRate": float(RATE_HZ),
}


class Room:
    """What the microphone hears."""

    def __init__(self) -> None:
        sound = noise(1000)
        self._quiet = [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]
        self._said: deque[bytes] = deque()

    def say(self, pcm: bytes) -> None:
        """Be heard from the next frame on; its end is noted."""
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        self._said.extend(pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES))

    def frame(self, number: int) -> bytes:
        if not self._said:
            return mark(self._quiet[number % len(self._quiet)], number)
        frame = self._said.popleft()
        if not self._said:
            note("said")
        return frame


ROOM = Room()


class PyAudio:
    def terminate(self) -> None:
        return

    def get_device_count(self) -> int:
        return 1

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return INFO

    def get_default_input_device_info(self) -> dict[str, Any]:
        return INFO

    def get_default_output_device_info(self) -> dict[str, Any]:
        return INFO

    def open(self, **wanted: Any) -> Stream:
        if wanted["rate"] != RATE_HZ:
            raise OSError(paInvalidSampleRate, "Invalid sample rate")
        return Microphone(wanted) if wanted.get("input") else Speaker(wanted)


class Stream:
    """An open end of the card."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self._callback: Callable[..., tuple[bytes, int]] = wanted["stream_callback"]
        self._samples: int = wanted["frames_per_buffer"]
        self._runs = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start_stream(self) -> None:
        self._runs = True
        self._thread.start()

    def is_active(self) -> bool:
        return self._runs

    def get_output_latency(self) -> float:
        return self._samples / RATE_HZ

    def close(self) -> None:
        self._runs = False
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begin_s, done = time.monotonic(), 0
        self._begin(begin_s)
        while self._runs:
            done += self._samples
            time.sleep(max(0.0, begin_s + done / RATE_HZ - time.monotonic()))
            self._pass(begin_s + done / RATE_HZ)

    def _begin(self, begin_s: float) -> None:
        """Sound flows from now on."""

    def _pass(self, due_s: float) -> None:
        """One buffer."""
        raise NotImplementedError


class Microphone(Stream):
    def __init__(self, wanted: dict[str, Any]) -> None:
        super().__init__(wanted)
        self._frames = self._samples * 2 // FRAME_BYTES
        self._number = 0

    def _begin(self, begin_s: float) -> None:
        note("microphone", at_s=begin_s)

    def _pass(self, due_s: float) -> None:
        pcm = b"".join(map(ROOM.frame, range(self._number, self._number + self._frames)))
        self._number += self._frames
        age_s = self._samples / RATE_HZ
        self._callback(
            pcm, self._samples, {"current_time": due_s, "input_buffer_adc_time": due_s - age_s}, 0
        )


class Speaker(Stream):
    def __init__(self, wanted: dict[str, Any]) -> None:
        super().__init__(wanted)
        self._silence = self._before = bytes(self._samples * 2)

    def _pass(self, due_s: float) -> None:
        latency_s = self._samples / RATE_HZ
        times = {"current_time": due_s, "output_buffer_dac_time": due_s + latency_s}
        sound, _ = self._callback(None, self._samples, times, 0)
        silent, was_silent = sound == self._silence, self._before == self._silence
        if was_silent and not silent:
            note("sound", at_s=time.monotonic(), number=number_of(sound))
        elif silent and not was_silent:  # the block before is just about to be heard
            last_s = len(self._before.rstrip(b"\0")) / BYTES_PER_S
            note("silence", at_s=due_s + latency_s - self._samples / RATE_HZ + last_s)
        self._before = sound
