"""Runs the light of the moment on the event loop's clock, for whatever board shows it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from pi_voice.core.actions import Pattern
from pi_voice.hardware.patterns import Light, Look, Programme, evaluate, until_change_ms

SLIVER_S = 0.001  # rounding may leave so little of a step that the clock does not move in it
NIGHT_S = 60.0  # a steady light must learn that the night began

Adapt = Callable[[Programme, bool], Programme]


def local_minute() -> int:
    """Minutes since midnight on the clock of the wall."""
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


class Player:
    """Calls `paint` at every change of the light, and only then.

    Args:
        paint: Shows a light, dimmed by a factor from 0 to 1; never raises.
        adapt: Fits a programme to the board, given whether the microphone is open.
        look: The owner's taste.
        minute: Minutes since local midnight.
    """

    def __init__(
        self,
        paint: Callable[[Light, float], None],
        adapt: Adapt,
        look: Look,
        minute: Callable[[], int] = local_minute,
    ) -> None:
        self._paint = paint
        self._adapt = adapt
        self._look = look
        self._minute = minute
        self._pattern = Pattern.STARTING
        self._mic_is_open = False
        self._programme: Programme | None = None
        self._since_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Show from now on what was chosen last."""
        self._loop = asyncio.get_running_loop()
        self._choose(self._loop)

    def stop(self) -> None:
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()

    def show(self, pattern: Pattern) -> None:
        self._pattern = pattern
        if self._loop is not None:
            self._choose(self._loop)

    def show_mic(self, *, is_open: bool) -> None:
        self._mic_is_open = is_open
        if self._loop is not None:
            self._choose(self._loop)

    def repaint(self) -> None:
        """Show this moment again: the board has changed."""
        if self._loop is not None:
            self._tick(self._loop)

    def _choose(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin what is to be shown, unless it runs already."""
        programme = self._adapt(self._look.programme(self._pattern), self._mic_is_open)
        if programme != self._programme:
            self._programme, self._since_s = programme, loop.time()
            self._tick(loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show this moment of the programme, and come back for the next."""
        assert self._programme is not None  # chosen before the first tick
        at_ms = (loop.time() - self._since_s) * 1000
        self._paint(evaluate(self._programme, at_ms), self._look.dimming(self._minute()))
        wait_s = max(until_change_ms(self._programme, at_ms) / 1000, SLIVER_S)
        if self._look.night is not None:
            wait_s = min(wait_s, NIGHT_S)
        if self._timer is not None:
            self._timer.cancel()
        if wait_s < math.inf:
            self._timer = loop.call_later(wait_s, self._tick, loop)
