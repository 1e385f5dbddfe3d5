"""A microphone made of memory: it hears a quiet room, and whatever is said into it."""

from __future__ import annotations

import asyncio
import math
import random
from array import array
from collections.abc import AsyncIterator, Callable, Generator
from operator import add
from typing import Self

from pi_voice.bridge import Mailbox
from pi_voice.core.events import MicClosed, MicEvent, MicLost, MicOpened
from pi_voice.frames import SAMPLE_BYTES, AudioBatch, AudioFormat
from pi_voice.sim.card import NOTICE_MS, OPEN_DELAY_MS, RETRY_S, Card, SampleClock

CARD = AudioFormat(16_000)
NOISE_LSB = 3  # a quiet room is never digital silence; this is -80 dB, far below any speech
NOISE_S = 1  # then the noise repeats; nobody listens to it
FULL_SCALE = 32_767
WINDOW_MS, LEAST = 2000.0, 0.8  # less sound than this part in such a time is a dying card

# what else is heard: (time of the first sample, samples, true rate in Hz) -> mono samples
Surroundings = Callable[[float, int, float], "array[int] | None"]


class Utterance:
    """Something said into a microphone. Await it to wait until its last sample was spoken.

    Attributes:
        pcm: What is said: mono, at the rate of the card.
        began_s: When its first sample is spoken.
        ends_s: When its last sample was spoken.
        heard: What the microphone delivered of that time, in the format of the card, noise and
            all; complete one batch after `ends_s`.
        delivered_at: Where in everything that the microphone ever delivered `heard` begins, in
            samples; None as long as nothing was heard.
    """

    def __init__(self, pcm: bytes, *, first: int, clock: SampleClock, channels: int) -> None:
        self.pcm = pcm
        self.samples = array("h", pcm)
        self.first = first
        self.last = first + len(self.samples)
        self.began_s = clock.time_s(first)
        self.ends_s = clock.time_s(self.last)
        self.heard = bytearray()
        self.delivered_at: int | None = None
        self._heard_size = len(pcm) * channels

    @property
    def heard_whole(self) -> bool:
        """The handle was open from its first to its last sample, and nothing was lost."""
        return len(self.heard) == self._heard_size

    def __await__(self) -> Generator[None, None, Utterance]:
        return self._spoken().__await__()

    async def _spoken(self) -> Utterance:
        await asyncio.sleep(max(0.0, self.ends_s - asyncio.get_running_loop().time()))
        return self


class SimMicrophone(Card):
    """Implements `ports.Microphone`, paced by a sample clock of its own.

    Its samples count on while the handle is closed, as the room goes on when nobody listens: at
    each moment `clock.count(now)` samples are over, whatever the loop was busy with.

    Attributes:
        format: What the card delivers.
        delivered: How many samples (of one channel) were ever delivered.
        surroundings: Adds what the room plays to what is said; None is a room without echo.
        watched: A handle that gives too little sound is given up, as that of a real card is.
    """

    def __init__(
        self,
        *,
        format: AudioFormat = CARD,
        batch_ms: float = 40.0,
        open_delay_ms: float = OPEN_DELAY_MS,
        drift_ppm: float = 0.0,
        noise_lsb: int = NOISE_LSB,
        seed: int = 0,
        name: str = "simulated microphone",
    ) -> None:
        super().__init__(name, open_delay_ms)
        self.format = format
        self.delivered = 0
        self.surroundings: Surroundings | None = None
        self.watched = False
        self._batch = format.samples(batch_ms)
        self._drift_ppm = drift_ppm
        self._noise = _noise(format.rate_hz * NOISE_S, noise_lsb, seed)
        self._spoken: list[Utterance] = []
        self._last_batch = b""
        self._zeros = False
        self._every = 1
        self._to_lose = 0
        self._lost = False
        self._wanted = False
        self._closings = 0
        self._complaint: str | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.clock = SampleClock(loop.time(), self.format.rate_hz, self._drift_ppm)
        self._mailbox: Mailbox[AudioBatch | MicEvent] = Mailbox(loop, may_drop=_is_sound)
        self._loop = loop
        self._task = loop.create_task(self._run(), name=self.name)
        return self

    # -- the port

    def open(self) -> None:
        self._wanted = True
        self._changed.set()

    def close(self) -> None:
        self._wanted = False
        self._closings += 1
        self._changed.set()
        self._mailbox.clear()

    def events(self) -> AsyncIterator[AudioBatch | MicEvent]:
        return aiter(self._mailbox)

    @property
    def dropped(self) -> int:
        """Batches that nobody read in time."""
        return self._mailbox.dropped

    # -- the room

    def say(self, pcm: bytes, rate_hz: int) -> Utterance:
        """Speak from now on, over whatever else is being said.

        Args:
            pcm: Mono samples.
            rate_hz: Must be that of the card: resampling is not the room's work.
        """
        if rate_hz != self.format.rate_hz:
            raise ValueError(f"the card takes {self.format.rate_hz} Hz, this is {rate_hz} Hz")
        first = self.clock.count(self._loop.time())
        said = Utterance(pcm, first=first, clock=self.clock, channels=self.format.channels)
        self._spoken = [other for other in self._spoken if other.last > first - self._batch]
        self._spoken.append(said)
        return said

    @property
    def level_db(self) -> float:
        """The loudest sample of the last batch, in dB below full scale; silence is -96."""
        peak = max(map(abs, array("h", self._last_batch)), default=0)
        return max(-96.0, 20 * math.log10(peak / FULL_SCALE)) if peak else -96.0

    # -- faults, beside those of every card

    def deliver_zeros(self) -> None:
        """Deliver only zeros, as a muted mixer does, until `recover`."""
        self._zeros = True

    def trickle(self, *, every: int = 25) -> None:
        """Deliver only one batch of so many and say nothing of the rest, until `recover`."""
        self._every = every

    def overflow(self, *, batches: int = 1) -> None:
        """Lose the next batches; the one after them says so."""
        self._to_lose = batches

    def recover(self) -> None:
        self._zeros = False
        self._every = 1
        super().recover()

    # -- the card

    async def _run(self) -> None:
        try:
            while True:
                await self.changes()
                self._confirm_close()
                while self._wanted:
                    await self._hold()
        finally:
            self.is_open = False
            self._mailbox.close()

    async def _hold(self) -> None:
        """Hold the handle from opening to its end, or wait a while if there is none."""
        complaint = await self.try_open()
        if complaint is None:
            self._complaint = None
            self._mailbox.post(MicOpened())
            complaint = await self._deliver()
            self.is_open = False
        if not self._confirm_close():
            if complaint != self._complaint:
                self._mailbox.post(MicLost(complaint))
            self._complaint = complaint
            await self.changes(self._loop.time() + RETRY_S)
            self._confirm_close()

    def _confirm_close(self) -> bool:
        closings, self._closings = self._closings, 0
        if closings:
            self._complaint = None
        for _ in range(closings):
            self._mailbox.post(MicClosed())
        return bool(closings)

    async def _deliver(self) -> str:
        """Deliver batch by batch until the handle is closed, or given up; returns why."""
        first = self.clock.count(self._loop.time())
        batches, delivered, window = 0, self.delivered, self.format.samples(WINDOW_MS)
        while not self._dead and not self._closings:
            over = await self.changes(self.clock.time_s(first + self._batch))
            if not (over or self._dead or self._closings):
                batches += 1
                self._deliver_batch(first, batches)
                first += self._batch
                if batches * self._batch % window < self._batch:
                    if self.watched and self.delivered - delivered < LEAST * window:
                        return f"{self.name} gives too little sound. Check its cable"
                    delivered = self.delivered
        notice_s = self._loop.time() + NOTICE_MS / 1000
        while not self._closings and await self.changes(notice_s):
            pass
        return self.gone

    def _deliver_batch(self, first: int, number: int) -> None:
        if self.stalled or number % self._every:
            return
        if self._to_lose:
            self._to_lose -= 1
            self._lost = True
            return
        pcm = self._heard(first)
        at_s = self.clock.time_s(first)
        self._mailbox.post(AudioBatch(pcm, self.format, at_s, lost=self._lost))
        self._lost = False
        self._last_batch = pcm
        self._remember(first, pcm)
        self.delivered += self._batch

    def _heard(self, first: int) -> bytes:
        if self._zeros:
            return bytes(self._batch * self.format.channels * SAMPLE_BYTES)
        mixed = self._noise_from(first)
        for said in self._spoken:
            begin, end = max(first, said.first), min(first + self._batch, said.last)
            if begin < end:
                part = said.samples[begin - said.first : end - said.first]
                at = slice(begin - first, end - first)
                mixed[at] = mix(mixed[at], part)
        if self.surroundings is not None:
            at_s = self.clock.time_s(first)
            echo = self.surroundings(at_s, self._batch, self.clock.true_rate_hz)
            mixed = mixed if echo is None else mix(mixed, echo)
        return _interleaved(mixed, self.format.channels)

    def _noise_from(self, first: int) -> array[int]:
        begin = first % len(self._noise)
        part = self._noise[begin : begin + self._batch]
        while len(part) < self._batch:
            part += self._noise[: self._batch - len(part)]
        return part

    def _remember(self, first: int, pcm: bytes) -> None:
        """Note what was delivered of each utterance, and where."""
        sample = SAMPLE_BYTES * self.format.channels
        for said in self._spoken:
            begin = max(0, said.first - first)
            end = min(self._batch, said.last - first)
            if begin < end:
                if said.delivered_at is None:
                    said.delivered_at = self.delivered + begin
                said.heard += pcm[begin * sample : end * sample]
        self._spoken = [said for said in self._spoken if said.last > first + self._batch]


def mix(one: array[int], other: array[int]) -> array[int]:
    """Add two sounds of the same length; what is too loud is clipped."""
    try:
        return array("h", map(add, one, other))
    except OverflowError:
        lowest = -FULL_SCALE - 1
        return array(
            "h", (max(lowest, min(FULL_SCALE, a + b)) for a, b in zip(one, other, strict=True))
        )


def _noise(samples: int, peak: int, seed: int) -> array[int]:
    steps = 2 * peak + 1
    table = bytes((step % steps - peak) & 0xFF for step in range(256))
    return array("h", array("b", random.Random(seed).randbytes(samples).translate(table)))


def _interleaved(mono: array[int], channels: int) -> bytes:
    if channels == 1:
        return mono.tobytes()
    all_channels = array("h", bytes(len(mono) * channels * SAMPLE_BYTES))
    for channel in range(channels):
        all_channels[channel::channels] = mono
    return all_channels.tobytes()


def _is_sound(item: AudioBatch | MicEvent) -> bool:
    return isinstance(item, AudioBatch)
