"""The front of the box, made of memory: a button that bounces, and lights that remember."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import TracebackType
from typing import Self

from pi_voice.bridge import Mailbox
from pi_voice.core.actions import Pattern
from pi_voice.core.events import ButtonEdge
from pi_voice.errors import DeviceError

BOUNCE_MS = 15.0  # cheap switches are quiet by then
MOST_EDGES = 20
PATIENCE_S = 30.0  # of the loop's clock; then whatever was waited for does not come


class SimButton:
    """Implements `ports.Button`; the finger is `press`, `release` and `hold`.

    Attributes:
        name: As the configuration calls it.
        pressed: Where the finger is.
        bounces: The dice of a worn switch; None is a perfect one.
    """

    def __init__(self, name: str = "talk", *, bounces: random.Random | None = None) -> None:
        self.name = name
        self.pressed = False
        self.bounces = bounces
        self._timers: list[asyncio.TimerHandle] = []

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._mailbox: Mailbox[ButtonEdge] = Mailbox(self._loop, may_drop=lambda _: False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget_bounces()
        self._mailbox.close()

    def events(self) -> AsyncIterator[ButtonEdge]:
        return aiter(self._mailbox)

    def press(self) -> None:
        self._move(pressed=True)

    def release(self) -> None:
        self._move(pressed=False)

    async def hold(self, for_ms: float) -> None:
        """Press, wait, release."""
        self.press()
        await asyncio.sleep(for_ms / 1000)
        self.release()

    def _move(self, *, pressed: bool) -> None:
        self.pressed = pressed
        self._forget_bounces()
        self._edge(pressed=pressed)
        if self.bounces is not None:
            self._bounce(self.bounces, pressed=pressed)

    def _bounce(self, chance: random.Random, *, pressed: bool) -> None:
        """Add up to 19 edges that end at this level; the last may tell the same level twice."""
        more = chance.randrange(MOST_EDGES)
        times_ms = sorted(chance.uniform(0, BOUNCE_MS) for _ in range(more))
        for number, after_ms in enumerate(times_ms, start=1):
            level = pressed if number % 2 == 0 or number == more else not pressed
            timer = self._loop.call_later(after_ms / 1000, partial(self._edge, pressed=level))
            self._timers.append(timer)

    def _edge(self, *, pressed: bool) -> None:
        self._mailbox.post(ButtonEdge(pressed, self._loop.time(), self.name))

    def _forget_bounces(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


@dataclass(frozen=True, slots=True)
class Shown:
    """One change of the lights.

    Attributes:
        at_s: When, by the loop's clock.
        pattern: What the status light tells since then.
        mic_is_open: What the microphone light tells since then.
    """

    at_s: float
    pattern: Pattern | None
    mic_is_open: bool


class SimLeds:
    """Implements `ports.Leds`; every change is kept, and can be waited for.

    Attributes:
        shown: Every change, oldest first; the newest `keep` of them at least.
        keep: More than twice as many are not kept; None keeps all.
        pattern: What the status light shows; None before the first pattern.
        mic_is_open: What the microphone light shows.
        problems: Why they do not work; whoever breaks them writes it here.
    """

    def __init__(self, *, keep: int | None = None) -> None:
        self.problems: list[DeviceError] = []
        self.shown: list[Shown] = []
        self.keep = keep
        self.pattern: Pattern | None = None
        self.mic_is_open = False
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pattern = None
        self.mic_is_open = False

    def show(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self._changed()

    def show_mic(self, *, is_open: bool) -> None:
        self.mic_is_open = is_open
        self._changed()

    @property
    def patterns(self) -> list[Pattern]:
        """What the status light showed, in order, without repetitions."""
        patterns = [shown.pattern for shown in self.shown if shown.pattern is not None]
        return [pattern for pattern, _ in groupby(patterns)]

    async def shows(self, pattern: Pattern, *, within_s: float = PATIENCE_S) -> None:
        """Return as soon as the status light shows this; a pattern of one step counts.

        Raises:
            TimeoutError: It never did; the message tells what was shown instead.
        """
        await self._until(lambda: self.pattern is pattern, f"pattern {pattern}", within_s)

    async def mic(self, *, is_open: bool, within_s: float = PATIENCE_S) -> None:
        """Return as soon as the microphone light is on, or off.

        Raises:
            TimeoutError: It never was.
        """
        wanted = "microphone light on" if is_open else "microphone light off"
        await self._until(lambda: self.mic_is_open is is_open, wanted, within_s)

    def _changed(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self.shown.append(Shown(now_s, self.pattern, self.mic_is_open))
        if self.keep is not None and len(self.shown) > 2 * self.keep:
            del self.shown[: -self.keep]
        for fact, waiter in self._waiting:
            if fact() and not waiter.done():
                waiter.set_result(None)

    async def _until(self, fact: Callable[[], bool], wanted: str, within_s: float) -> None:
        if fact():
            return
        entry = (fact, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(within_s):
                await entry[1]
        except TimeoutError as error:
            shown = ", ".join(self.patterns) or "nothing"
            light = "on" if self.mic_is_open else "off"
            message = f"no {wanted} within {within_s:g} s; shown: {shown}; microphone light {light}"
            raise TimeoutError(message) from error
        finally:
            self._waiting.remove(entry)
