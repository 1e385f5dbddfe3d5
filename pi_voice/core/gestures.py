"""Raw edges and their times become one press per press, and presses become gestures.

Time comes in from outside: the kernel's time of each edge, and the timers that were asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pi_voice.core.actions import StartTimer, StopTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.events import ButtonEdge

DEBOUNCE_MS = 25.0  # the worst of common push buttons bounce for 15 ms
REST_FACTOR = 2  # times the debouncing: so the level is read again before edges that may be late


class Gesture(StrEnum):
    """What fingers can say with one button."""

    HOLD = "hold"
    TAP = "tap"
    DOUBLE = "double"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long is short.

    Attributes:
        debounce_ms: Contacts bounce for this long after an edge.
        tap_ms: A longer press is no tap, where holding has a meaning too.
        double_ms: The second tap begins within this time after the first.
        long_ms: How long a long press lasts.
    """

    debounce_ms: float = DEBOUNCE_MS
    tap_ms: float = 200.0
    double_ms: float = 300.0
    long_ms: float = 1500.0


@dataclass(frozen=True, slots=True)
class Gestured:
    """A gesture is certain.

    Attributes:
        gesture: Which.
        at_s: When the button went down for HOLD and LONG, when it was let go for the others.
    """

    gesture: Gesture
    at_s: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """The button was down when its line was opened; nothing it does counts until it is let go."""

    button: str


Touch = Press | Release | Gestured | Stuck | StartTimer | StopTimer


class Contact:
    """One contact without its bounces.

    The first edge after a time of rest acts at once. Edges that follow each other faster than a
    finger can are bounces and only remembered; where the contact comes to rest on another level
    than the one we told, that counts. A level that was read corrects what edges made us believe.

    Attributes:
        is_down: The button is pressed, or the switch is closed.
        is_new: Nothing was heard of it yet.
    """

    def __init__(self, button: str, debounce_ms: float = DEBOUNCE_MS) -> None:
        self.is_down = False
        self.is_new = True
        self._timer = f"{button}.rest"
        self._debounce_ms = debounce_ms
        self._level = False
        self._level_at_s = float("-inf")
        self._edge_at_s = float("-inf")

    def edge(self, edge: ButtonEdge) -> list[Press | Release | StartTimer]:
        told: list[Press | Release | StartTimer] = []
        rested = edge.at_s - self._edge_at_s >= self._debounce_ms / 1000
        if rested and not edge.found:
            told += self._tell()  # the timer is late
        if not edge.found:
            self._edge_at_s = edge.at_s
        if self._level is not edge.pressed:
            self._level, self._level_at_s = edge.pressed, edge.at_s
        if self.is_new or (rested and not edge.found):
            told += self._tell()
        self.is_new = False
        if self._level is not self.is_down:
            told.append(StartTimer(self._timer, self._debounce_ms * REST_FACTOR))
        return told

    def timer(self, name: str) -> list[Press | Release]:
        """Believe the level at which the contact came to rest; timers of others change nothing."""
        return self._tell() if name == self._timer else []

    def _tell(self) -> list[Press | Release]:
        if self._level is self.is_down:
            return []
        self.is_down = self._level
        kind = Press if self.is_down else Release
        return [kind(self._level_at_s)]


class Gestures:
    """One button: tells its gestures apart, as early as those in use allow.

    Each press gives `Press` at once and `Release` at its end, so that a reply can be silenced
    and the first word kept. `Gestured` says what it was:

    - HOLD with the press itself, or, where TAP or DOUBLE are in use, when the press outlives
      `tap_ms`; a release without HOLD before it is no end of a turn.
    - LONG after `long_ms`.
    - TAP after the release, or, where DOUBLE is in use, when no second one came. It comes with
      the press itself where it is the only gesture. Without HOLD, slow taps are taps too.
    - DOUBLE after the second release.

    Args:
        button: The name in its edges; its timers begin with it.
        used: The gestures that mean something; not HOLD and LONG together.
    """

    def __init__(
        self, button: str, used: Collection[Gesture], timing: Timing | None = None
    ) -> None:
        timing = timing or Timing()
        self._button = button
        self._used = frozenset(used)
        self._contact = Contact(button, timing.debounce_ms)
        self._limit_timer = f"{button}.limit"
        self._again_timer = f"{button}.again"
        self._double_ms = timing.double_ms
        self._only = next((g for g in (Gesture.HOLD, Gesture.TAP) if self._used == {g}), None)
        self._slow = Gesture.HOLD if Gesture.HOLD in self._used else Gesture.LONG
        self._limit_ms = timing.tap_ms if self._slow is Gesture.HOLD else timing.long_ms
        self._stuck = False
        self._pressed_at_s = 0.0
        self._is_decided = True
        self._tapped_at_s: float | None = None

    @property
    def is_down(self) -> bool:
        """The button is pressed, be it stuck or not."""
        return self._contact.is_down

    def edge(self, edge: ButtonEdge) -> list[Touch]:
        """Take an edge of this button."""
        touches: list[Touch] = []
        if edge.found and edge.pressed and self._contact.is_new:
            self._stuck = True
            touches.append(Stuck(self._button))
        touches += self._follow(self._contact.edge(edge))
        return touches

    def timer(self, name: str) -> list[Touch]:
        """Take any timer that ran out; those of others change nothing."""
        if name == self._limit_timer:
            return list(self._outlive())
        if name == self._again_timer:
            return list(self._tap())
        return list(self._follow(self._contact.timer(name)))

    def _follow(self, changes: Iterable[Press | Release | StartTimer]) -> Iterator[Touch]:
        for change in changes:
            if isinstance(change, StartTimer):
                yield change
            elif self._stuck:
                self._stuck = isinstance(change, Press)
            elif isinstance(change, Press):
                yield from self._press(change)
            else:
                yield from self._release(change)

    def _press(self, press: Press) -> Iterator[Touch]:
        if self._tapped_at_s is not None:
            yield StopTimer(self._again_timer)
            if self._later(self._tapped_at_s, press.at_s, self._double_ms):
                yield from self._tap()
        self._pressed_at_s = press.at_s
        self._is_decided = self._only is not None or not self._used
        yield press
        if self._only is not None:
            yield Gestured(self._only, press.at_s)
        elif self._slow in self._used:
            yield StartTimer(self._limit_timer, self._limit_ms)

    def _release(self, release: Release) -> Iterator[Touch]:
        if self._later(self._pressed_at_s, release.at_s, self._limit_ms):
            yield from self._outlive()  # the timer is late
        yield release
        if self._is_decided:
            return
        self._is_decided = True
        yield StopTimer(self._limit_timer)
        if self._tapped_at_s is not None:
            self._tapped_at_s = None
            yield Gestured(Gesture.DOUBLE, release.at_s)
            return
        self._tapped_at_s = release.at_s
        if Gesture.DOUBLE in self._used:
            yield StartTimer(self._again_timer, self._double_ms)
        else:
            yield from self._tap()

    def _outlive(self) -> Iterator[Touch]:
        """The press is too long for a tap; a tap before it stays one."""
        if self._is_decided or self._slow not in self._used:
            return
        self._is_decided = True
        yield from self._tap()
        yield Gestured(self._slow, self._pressed_at_s)

    def _tap(self) -> Iterator[Touch]:
        """No second tap makes a double of the first."""
        if self._tapped_at_s is not None and Gesture.TAP in self._used:
            yield Gestured(Gesture.TAP, self._tapped_at_s)
        self._tapped_at_s = None

    @staticmethod
    def _later(since_s: float, now_s: float, limit_ms: float) -> bool:
        return now_s - since_s > limit_ms / 1000
