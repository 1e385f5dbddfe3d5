"""Timed output as data: generators that yield what to send and how long to wait before more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pi_voice.sim.service_wire import Wire

Step = Wire | float  # an event to send, or seconds to wait before the next one


@dataclass(slots=True)
class Running:
    """A generator under way.

    Attributes:
        steps: What is left of it.
        due_s: When it goes on.
    """

    steps: Iterator[Step]
    due_s: float


class Schedule:
    """Runs generators side by side against times that the caller brings; never reads a clock."""

    def __init__(self) -> None:
        self._running: list[Running] = []

    @property
    def due_s(self) -> float | None:
        """When there is something to send next; None if nothing is under way."""
        return min((running.due_s for running in self._running), default=None)

    def start(self, steps: Iterator[Step], now_s: float) -> Running:
        running = Running(steps, now_s)
        self._running.append(running)
        return running

    def poll(self, now_s: float) -> Iterator[Wire]:
        """What is due, in order of time; who comes late gets all of it at once."""
        while self._running:
            first = min(self._running, key=lambda running: running.due_s)
            if first.due_s > now_s:
                return
            step = next(first.steps, None)
            if step is None:
                self._running.remove(first)
            elif isinstance(step, dict):
                yield step
            else:
                first.due_s += step

    def finish(self, running: Running) -> Iterator[Wire]:
        """All that is left of one generator, without its pauses."""
        self._running.remove(running)
        for step in running.steps:
            if isinstance(step, dict):
                yield step
