"""A speaker made of memory: it keeps every sample that left it, and when."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator
from typing import Protocol, Self

from pi_voice.bridge import Mailbox
from pi_voice.core.events import (
    PlaybackReport,
    SpeakerEvent,
    SpeakerLost,
    SpeakerOpened,
)
from pi_voice.frames import SAMPLE_BYTES, AudioFormat
from pi_voice.sim.card import NOTICE_MS, OPEN_DELAY_MS, RETRY_S, Card, SampleClock
from pi_voice.sim.tape import Tape

IDLE_CLOSE_S = 30.0  # an open card costs a wake-up per block; a dialogue pauses for less
MOST_PULLS = 16  # into nowhere, when the card is gone: what was queued ends within a fade


class Playback(Protocol):
    """What is to be played; owned by whoever pulls."""

    def play(self, item_id: str, pcm: bytes) -> None: ...

    def end_item(self, item_id: str) -> None: ...

    def stop(self) -> None: ...

    def play_sound(self, pcm: bytes) -> None: ...

    def pull(self, samples: int, *, now_s: float, delay_ms: float) -> bytes: ...

    def reports(self) -> list[PlaybackReport]: ...

    @property
    def is_idle(self) -> bool: ...


class SimSpeaker(Card):
    """Implements `ports.Speaker` over a card that pulls by a sample clock of its own.

    A block is pulled as soon as the device buffer has room for it, as ALSA does: it is heard when
    the rest of the buffer was. When the loop was late, the card catches up block by block, as if
    it had been on time: no sample is lost, and nothing that is asked of it works back in time.

    Attributes:
        rate_hz: What the card plays, mono; that of the playback's blocks.
        clock: Counts what left the card, also while it is closed.
        keep_s: How much of what was heard is kept; None is all. Set it before the card is entered.
    """

    def __init__(
        self,
        playback: Playback,
        *,
        rate_hz: int = 48_000,
        block_ms: float = 20.0,
        buffer_ms: float = 40.0,
        open_delay_ms: float = OPEN_DELAY_MS,
        idle_close_s: float = IDLE_CLOSE_S,
        drift_ppm: float = 0.0,
        keep_s: float | None = None,
        name: str = "simulated speaker",
    ) -> None:
        super().__init__(name, open_delay_ms)
        self.gaps = 0  # simulated time is never late
        self.rate_hz = rate_hz
        self.keep_s = keep_s
        self._playback = playback
        self._block = AudioFormat(rate_hz).samples(block_ms)
        self._ahead = AudioFormat(rate_hz).samples(buffer_ms) - self._block
        self._idle_close_s = idle_close_s
        self._drift_ppm = drift_ppm
        self._wanted = False
        self._complaint: str | None = None
        self._pulled = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.clock = SampleClock(loop.time(), self.rate_hz, self._drift_ppm)
        self._tape = Tape(self.clock, self.keep_s)
        self._mailbox: Mailbox[SpeakerEvent] = Mailbox(loop, may_drop=lambda _: False)
        self._loop = loop
        self._task = loop.create_task(self._run(), name=self.name)
        return self

    # -- the port

    def prepare(self) -> None:
        self._wanted = True
        self._changed.set()

    def play(self, item_id: str, pcm: bytes) -> None:
        self._catch_up()
        self._playback.play(item_id, pcm)
        self.prepare()

    def end_item(self, item_id: str) -> None:
        self._catch_up()
        self._playback.end_item(item_id)

    def stop(self) -> None:
        self._catch_up()
        self._playback.stop()
        self._changed.set()

    def play_sound(self, pcm: bytes) -> None:
        if not pcm:
            return
        self._catch_up()
        self._playback.play_sound(pcm)
        self.prepare()

    def events(self) -> AsyncIterator[SpeakerEvent]:
        return aiter(self._mailbox)

    # -- what was heard

    @property
    def heard(self) -> bytes:
        """Everything that left the card until now: mono, one stream, silent while it was closed."""
        self._catch_up()
        return self._tape.stream(self._loop.time())

    @property
    def heard_from_s(self) -> float:
        """When the first sample of `heard` left the card."""
        return self._tape.begins_s

    def loud_from(self, at_s: float) -> float | None:
        """When the first sample after this moment left that is not silence; None if none did."""
        self._catch_up()
        return self._tape.loud_from(at_s, self._loop.time())

    def loud_until(self, at_s: float) -> float | None:
        """When the last sample after this moment had left that is not silence; None if none did."""
        self._catch_up()
        return self._tape.loud_until(at_s, self._loop.time())

    def samples(self, first: int, count: int) -> array[int] | None:
        """So many samples of the card's clock from this one on; None if all of it is silence."""
        self._catch_up()
        return self._tape.samples(first, count)

    # -- the card

    def unplug(self) -> None:
        self._fall_silent()
        super().unplug()

    def stall(self, *, handles: int = 1) -> None:
        self._fall_silent()
        super().stall(handles=handles)

    async def _run(self) -> None:
        try:
            while True:
                await self.changes()
                self._report()
                while self._wanted:
                    await self._hold()
        finally:
            self.is_open = False
            self._mailbox.close()

    async def _hold(self) -> None:
        """Hold the card until nothing was played for a while, or wait if there is none."""
        complaint = await self.try_open()
        if complaint is None:
            self._complaint = None
            complaint = await self._play()
            self.is_open = False
        if complaint is not None:
            self._give_up(complaint)
            await self.changes(self._loop.time() + RETRY_S)

    async def _play(self) -> str | None:
        """Pull block by block; give the reason if the card is gone, None if it was idle."""
        self._pulled = False
        now_s = self._sounded_s = self._loop.time()
        self._next = max(self._tape.end, self.clock.count(now_s) + self._ahead)
        while not (self._dead or self.stalled):
            await self.changes(self._due_s)
            self._catch_up()
            if self._due_s - self._sounded_s > self._idle_close_s:
                self._wanted = False
                return None
        self._dead = True  # whatever comes back needs a new handle
        notice_s = self._loop.time() + NOTICE_MS / 1000
        while await self.changes(notice_s):
            pass
        return self.gone

    @property
    def _due_s(self) -> float:
        """When the card wants its next block."""
        return self.clock.time_s(self._next - self._ahead)

    def _catch_up(self) -> None:
        """Pull what the card has wanted until now, before anything changes in what it gets."""
        if not self.is_open:
            return
        wanted = self.clock.count(self._loop.time()) + self._ahead
        while self._next <= wanted and not (self._dead or self.stalled):
            self._pull()

    def _pull(self) -> None:
        if not self._pulled:
            self._pulled = True
            self._mailbox.post(SpeakerOpened())
        due_s = self._due_s
        delay_ms = self._ahead * 1000 / self.clock.true_rate_hz
        block = self._playback.pull(self._block, now_s=due_s, delay_ms=delay_ms)
        if len(block) != self._block * SAMPLE_BYTES:
            raise ValueError(f"asked for {self._block} samples, got {len(block)} bytes")
        self._tape.add(self._next, block)
        self._next += self._block
        if not self._playback.is_idle:
            self._sounded_s = due_s
        self._report()

    def _fall_silent(self) -> None:
        """Forget what was pulled and will not be heard."""
        if self.is_open:
            self._catch_up()
            self._tape.cut(self._loop.time())

    def _report(self) -> None:
        for report in self._playback.reports():
            self._mailbox.post(report)

    def _give_up(self, complaint: str) -> None:
        """Say so, and end what was to be played: it would be heard long after its time."""
        if complaint != self._complaint:
            self._mailbox.post(SpeakerLost(complaint))
        self._complaint = complaint
        self._playback.stop()
        over_s = self._loop.time() + self._ahead / self.rate_hz
        for _ in range(MOST_PULLS):
            if self._playback.is_idle:
                break
            self._playback.pull(self._block, now_s=over_s, delay_ms=0.0)
        self._report()
