"""What must hold at every moment of a simulation, and what must not grow while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pi_voice.build import Simulation
from pi_voice.core.device import Device
from pi_voice.core.states import Turn
from pi_voice.sim.network import Network
from pi_voice.simulate_record import Record

LOOK_S = 0.25
LIGHT_S = 0.3  # the news of an opened or closed handle may be under way for a moment
CLOSING_S = 0.1  # what a closed handle may take
LONGEST_TURN_S = 200.0  # a minute of speech, its upload over a slow line, and a minute of reply
LONGEST_OUTAGE_S = 1800.0
SAMPLE_S = 600.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SLOPE_MIB_PER_H = 1.0  # more would fill a Pi of 512 MiB within weeks
WARM_UP_H = 2.0  # until everything that is bounded was full once
FEWEST_SAMPLES = 36  # six hours: memory breathes by some MiB, and a slope through fewer is noise
SPARE = 8  # tasks or handles that may be open at one moment and not at another
LINES_PER_MIN = 10.0  # over all of the time; a fault a minute makes less than one
AUDIO = (b"input_audio_buffer.append", b'"audio":"', b'"audio": "')


class Ear:
    """Listens to what the box writes to the network while it is muted.

    Attributes:
        heard: Messages with sound in them; there must be none.
    """

    def __init__(self, device: Device, network: Network) -> None:
        self.heard = 0
        self._device = device
        network.tap = self

    def __call__(self, frame: bytes) -> None:
        if self._device.muted and any(word in payload(frame) for word in AUDIO):
            self.heard += 1


def payload(frame: bytes) -> bytes:
    """What a client's WebSocket frame says (RFC 6455 §5.2); the handshake as it is."""
    if len(frame) < 6 or not frame[1] & 0x80:
        return frame
    at = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    mask, data = frame[at : at + 4], frame[at + 4 :]
    key = int.from_bytes((mask * (len(data) // 4 + 1))[: len(data)], "big")
    return (int.from_bytes(data, "big") ^ key).to_bytes(len(data), "big")


class Guard:
    """Looks four times a second whether all is as it must be."""

    def __init__(self, box: Simulation, ear: Ear, record: Record) -> None:
        self._box = box
        self._device = box.daemon.device
        self._ear = ear
        self._record = record
        now_s = asyncio.get_running_loop().time()
        self._light_s = self._muted_s = self._turn_s = self._well_s = now_s
        self._turn = Turn.IDLE

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._look(asyncio.get_running_loop().time())

    def _look(self, now_s: float) -> None:
        box, fail = self._box, self._record.fail
        if self._ear.heard:
            fail("sound was written to the network while the box was muted")
        if not self._device.muted or not box.microphone.is_open:
            self._muted_s = now_s
        elif now_s - self._muted_s > CLOSING_S + LOOK_S:
            fail("the microphone is open while the box is muted")
        if box.leds.mic_is_open is box.microphone.is_open:
            self._light_s = now_s
        elif now_s - self._light_s > LIGHT_S + LOOK_S:
            fail("the microphone light does not tell whether the microphone is open")
        if self._device.turn is Turn.IDLE or self._device.turn is not self._turn:
            self._turn, self._turn_s = self._device.turn, now_s
        elif now_s - self._turn_s > LONGEST_TURN_S:
            fail(f"the box is {self._turn} for {LONGEST_TURN_S:.0f} s")
        if self._record.online:
            self._well_s = now_s
        elif now_s - self._well_s > LONGEST_OUTAGE_S:
            fail(f"no session for {LONGEST_OUTAGE_S / 60:.0f} min")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at one moment.

    Attributes:
        at_h: Simulated hours since the start.
        rss_mib: Memory.
        handles: Open file descriptors.
        threads: All of them.
        tasks: On the loop.
    """

    at_h: float
    rss_mib: float
    handles: int
    threads: int
    tasks: int


class Growth:
    """Measures the process every ten minutes of simulated time.

    Attributes:
        samples: Oldest first.
    """

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    async def watch(self) -> None:
        began_s = asyncio.get_running_loop().time()
        while True:
            at_h = (asyncio.get_running_loop().time() - began_s) / 3600
            self.samples.append(_sample(at_h))
            await asyncio.sleep(SAMPLE_S)

    @property
    def slope_mib_per_h(self) -> float | None:
        """How fast the memory grows after the warm-up; None after too short a time."""
        warm = [sample for sample in self.samples if sample.at_h >= WARM_UP_H]
        if len(warm) < FEWEST_SAMPLES:
            return None
        return slope([sample.at_h for sample in warm], [sample.rss_mib for sample in warm])

    def judge(self, record: Record) -> None:
        """Complain of what grew."""
        rise = self.slope_mib_per_h
        if rise is not None and rise > SLOPE_MIB_PER_H:
            record.fail(f"the memory grows by {rise:.2f} MiB an hour")
        if len(self.samples) < FEWEST_SAMPLES:
            return
        half = len(self.samples) // 2
        for what in ("handles", "threads", "tasks"):
            before = max(getattr(sample, what) for sample in self.samples[:half])
            after = max(getattr(sample, what) for sample in self.samples[half:])
            if after > before + SPARE:
                record.fail(f"the {what} grew from {before} to {after}")


class Lines(logging.Handler):
    """Counts the lines that a log would have.

    Attributes:
        lines: From INFO on.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1

    def judge(self, simulated_s: float, record: Record) -> None:
        """Complain of a log that nobody can read, and that wears out a card."""
        a_minute = self.lines / (simulated_s / 60)
        if a_minute > LINES_PER_MIN:
            record.fail(f"the log has {a_minute:.1f} lines a minute")


def slope(x: list[float], y: list[float]) -> float:
    """The rise of the straight line through the points (least squares)."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def _sample(at_h: float) -> Sample:
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        at_h=at_h,
        rss_mib=resident * PAGE_BYTES / 2**20,
        handles=len(os.listdir("/proc/self/fd")),
        threads=len(os.listdir("/proc/self/task")),
        tasks=len(asyncio.all_tasks()),
    )
