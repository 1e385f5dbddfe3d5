"""What a simulated microphone and a simulated speaker share: a clock of their own, and faults."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

OPEN_DELAY_MS = 30.0  # of the order that an ALSA device takes; nobody may count on less
NOTICE_MS = 500.0  # a card that goes raises no error: its silence has to last before it is news
RETRY_S = 1.0  # how often the card is looked for while it is wanted; back within 3 s is the promise
ROUNDING = 1e-3  # of a sample; far above a double's error on a clock of years, far below a sample


@dataclass(frozen=True, slots=True)
class SampleClock:
    """Counts samples by the loop's clock; nothing adds up, so nothing drifts that should not.

    Attributes:
        origin_s: When sample 0 was taken.
        rate_hz: What the card says.
        drift_ppm: How much faster it really runs.
    """

    origin_s: float
    rate_hz: int
    drift_ppm: float = 0.0

    @property
    def true_rate_hz(self) -> float:
        return self.rate_hz * (1 + self.drift_ppm / 1e6)

    def count(self, at_s: float) -> int:
        """How many whole samples were over by then."""
        return math.floor((at_s - self.origin_s) * self.true_rate_hz + ROUNDING)

    def time_s(self, index: int) -> float:
        """When this sample began."""
        return self.origin_s + index / self.true_rate_hz


class Card:
    """A sound card that can be pulled out, be busy, or play dead.

    Attributes:
        name: As the configuration calls it.
        is_open: Somebody holds the handle.
        stalled: The open handle plays dead: no sound moves and no error comes.
    """

    _task: asyncio.Task[None]  # what the card does while it is entered

    def __init__(self, name: str, open_delay_ms: float) -> None:
        self.name = name
        self.is_open = False
        self.stalled = False
        self._open_delay_ms = open_delay_ms
        self._plugged = True
        self._dead = False
        self._refusal: str | None = None
        self._handles_to_stall = 0
        self._changed = asyncio.Event()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def gone(self) -> str:
        return f"{self.name} not found. Plug it in"

    def unplug(self) -> None:
        """Pull the cable: sound stops at this sample, and nobody is told."""
        self._plugged = False
        self._dead = True
        self._changed.set()

    def plug_in(self) -> None:
        """Let the next handle be opened; the old one stays dead."""
        self._plugged = True

    def refuse(self, reason: str = "is in use by pid 812 (pipewire)") -> None:
        """Do not let the next handle be opened; what is open stays."""
        self._refusal = reason

    def accept(self) -> None:
        self._refusal = None

    def stall(self, *, handles: int = 1) -> None:
        """Play dead until the handle is opened again; more handles, if asked, play dead too."""
        self._handles_to_stall = handles
        if self.is_open:
            self._handles_to_stall -= 1
            self.stalled = True
            self._changed.set()

    def recover(self) -> None:
        """End the stall without a new handle."""
        self._handles_to_stall = 0
        self.stalled = False
        self._changed.set()

    async def changes(self, by_s: float | None = None) -> bool:
        """Wait until something was asked for or befell the card; False if nothing did in time."""
        try:
            async with asyncio.timeout_at(by_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def try_open(self) -> str | None:
        """Open the handle; give the reason why not, as one sentence with the fix."""
        await asyncio.sleep(self._open_delay_ms / 1000)
        if not self._plugged:
            return self.gone
        if self._refusal is not None:
            return f"{self.name} {self._refusal}. Stop it, or choose another card"
        self.is_open = True
        self._dead = False
        self.stalled = self._handles_to_stall > 0
        self._handles_to_stall -= self.stalled
        return None
