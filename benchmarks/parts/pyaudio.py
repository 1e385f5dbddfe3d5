"""A sound card of 24 kHz that keeps time, in place of the library of this name.

The microphone hears a quiet room whose frames are numbered, or a recording; the speaker tells
when sound begins and when it ends. Its callbacks come from a thread, as those of PortAudio do: from
one for both ends, which run on one clock as those of a real card do. So both together wake up as
often as the microphone of the floor.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from benchmarks.clients.pace import FRAME_BYTES, FRAME_MS, mark, noise, number_of
from benchmarks.parts.notes import note

paInt16 = 8
paContinue = 0
paInputOverflow = 2
paOutputUnderflow = 4
paInvalidSampleRate = -9997
paInvalidChannelCount = -9998

RATE_HZ = 24_000
BYTES_PER_S = RATE_HZ * 2
FRAME_S = FRAME_MS / 1000
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


class Clock:
    """Calls the ends that run, at their time; the second begins with a frame of the first."""

    def __init__(self) -> None:
        self._running: list[Stream] = []
        self._turns = threading.RLock()  # whoever ends a stream waits for its callback
        self._bell = threading.Lock()
        self._bell.acquire()
        self._begin_s = 0.0
        self._ticks = False  # its thread lives

    def start(self, stream: Stream) -> None:
        with self._turns:
            now_s = time.monotonic()
            if not self._running:
                self._begin_s = now_s
            if not self._ticks:
                self._ticks = True
                threading.Thread(target=self._run, name="card", daemon=True).start()
            frames = -(-(now_s - self._begin_s) // FRAME_S)
            stream.begin(self._begin_s + frames * FRAME_S)
            self._running.append(stream)
            if self._bell.locked():
                self._bell.release()

    def stop(self, stream: Stream) -> None:
        with self._turns:
            if stream in self._running:
                self._running.remove(stream)

    def _run(self) -> None:
        while True:
            with self._turns:
                if not self._running:
                    self._ticks = False
                    return
                due_s = min(stream.due_s for stream in self._running)
            self._bell.acquire(timeout=max(0.0, due_s - time.monotonic()))
            with self._turns:
                for stream in list(self._running):
                    if stream.due_s <= time.monotonic() and stream in self._running:
                        stream.turn()


CLOCK = Clock()


class Stream:
    """An open end of the card.

    Attributes:
        due_s: When its next buffer is full, or wanted.
    """

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.due_s = 0.0
        self._callback: Callable[..., tuple[bytes, int]] = wanted["stream_callback"]
        self._samples: int = wanted["frames_per_buffer"]
        self._runs = False

    def start_stream(self) -> None:
        self._runs = True
        CLOCK.start(self)

    def stop_stream(self) -> None:
        self._runs = False
        CLOCK.stop(self)

    def is_active(self) -> bool:
        return self._runs

    def get_output_latency(self) -> float:
        return self._samples / RATE_HZ

    def close(self) -> None:
        self.stop_stream()

    def begin(self, begin_s: float) -> None:
        """Sound flows from then on."""
        self.due_s = begin_s + self._samples / RATE_HZ

    def turn(self) -> None:
        """One buffer, and when the next is due."""
        self._pass(self.due_s)
        self.due_s += self._samples / RATE_HZ

    def _pass(self, due_s: float) -> None:
        """One buffer."""
        raise NotImplementedError


class Microphone(Stream):
    def __init__(self, wanted: dict[str, Any]) -> None:
        super().__init__(wanted)
        self._frames = self._samples * 2 // FRAME_BYTES
        self._number = 0

    def begin(self, begin_s: float) -> None:
        super().begin(begin_s)
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
