"""The lines of the virtual chip: who holds each, and what is on it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.rigs.gpio.uapi import Attribute, Config, Flag, Values


@dataclass(frozen=True, slots=True)
class Change:
    """An output, as something wired to it sees it.

    Attributes:
        at_s: On the clock of time.monotonic().
        high: What it is from then on; a line that nobody drives is low.
    """

    at_s: float
    high: bool


@dataclass(slots=True)
class Line:
    """One pin.

    Attributes:
        request: The number of the request that holds it.
        driven: What is put on it from outside; None if nothing is.
        output: What its holder puts on it.
        left_on: Its last holder went away while it was high: a real pin may then stay high.
    """

    offset: int
    request: int | None = None
    consumer: bytes = b""
    flags: Flag = Flag(0)
    driven: bool | None = None
    output: bool = False
    events: int = 0
    left_on: bool = False
    changes: list[Change] = field(default_factory=list)

    @property
    def is_output(self) -> bool:
        return self.request is not None and Flag.OUTPUT in self.flags

    @property
    def high(self) -> bool:
        if self.is_output:
            return self.output
        if self.driven is None:
            return Flag.PULL_UP in self.flags
        return self.driven

    @property
    def active(self) -> bool:
        """As its holder sees it."""
        return self.high is not (Flag.ACTIVE_LOW in self.flags)

    def let_go(self) -> None:
        self.left_on = self.is_output and self.output
        self.request, self.consumer, self.flags = None, b"", Flag(0)
        self.record()

    def put(self, *, active: bool) -> None:
        self.output = active is not (Flag.ACTIVE_LOW in self.flags)
        self.record()

    def record(self) -> None:
        high = self.is_output and self.output
        if high is not (bool(self.changes) and self.changes[-1].high):
            self.changes.append(Change(time.monotonic(), high))


class Refused(Exception):
    """What the kernel would say with an errno."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


def masked(lines: list[Line], mask: int) -> Iterator[tuple[int, Line]]:
    return ((at, line) for at, line in enumerate(lines) if mask >> at & 1)


def configure(lines: list[Line], config: Config) -> None:
    attributes = config.attributes[: config.num_attributes]
    for line in lines:
        line.flags = Flag(config.flags)
    for one in attributes:
        if one.attribute.id == Attribute.FLAGS:
            for _, line in masked(lines, one.mask):
                line.flags = Flag(one.attribute.value)
    for one in attributes:
        if one.attribute.id == Attribute.OUTPUT_VALUES:
            put(lines, Values(one.attribute.value, one.mask))
    for line in lines:
        line.record()


def put(lines: list[Line], values: Values) -> None:
    chosen = list(masked(lines, values.mask))
    if not all(line.is_output for _, line in chosen):
        raise Refused(errno.EPERM)
    for at, line in chosen:
        line.put(active=bool(values.bits >> at & 1))
