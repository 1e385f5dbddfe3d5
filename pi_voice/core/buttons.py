"""What the hands at the box ask for: the talk button, a mute button, a latching mute switch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pi_voice.core.actions import StartTimer, StopTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.events import ButtonEdge, Wish
from pi_voice.core.gestures import Contact, Gesture, Gestured, Gestures, Stuck, Timing

TALK = "talk"
MUTE_BUTTON = "mute"
MUTE_SWITCH = "mute_switch"

HOLD_TO_TALK = {Gesture.HOLD: Wish.TALK}


@dataclass(frozen=True, slots=True)
class Bindings:
    """Which gesture of the talk button asks for what.

    Attributes:
        wishes: Only the gestures that mean something.
        timing: How long is short.
        has_switch: There is a latching mute switch; until it was read it counts as closed.
    """

    wishes: Mapping[Gesture, Wish] = field(default_factory=lambda: HOLD_TO_TALK)
    timing: Timing = field(default_factory=Timing)
    has_switch: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A gesture is certain, and means this."""

    wish: Wish
    at_s: float


@dataclass(frozen=True, slots=True)
class MuteSwitched:
    """The latching switch changed; while it is closed nothing else can unmute."""

    closed: bool


Hands = Press | Release | Asked | MuteSwitched | Stuck | StartTimer | StopTimer


class Buttons:
    """All buttons of the box, each without its bounces.

    Attributes:
        is_sure: A press of the talk button can only mean one thing, so that it acts at once.
    """

    def __init__(self, bindings: Bindings | None = None) -> None:
        bindings = bindings or Bindings()
        self._wishes = bindings.wishes
        self._talk = Gestures(TALK, bindings.wishes.keys(), bindings.timing)
        self._mute = Contact(MUTE_BUTTON, bindings.timing.debounce_ms)
        self._switch = Contact(MUTE_SWITCH, bindings.timing.debounce_ms)
        self.is_sure = len(bindings.wishes) == 1

    def edge(self, edge: ButtonEdge) -> Iterator[Hands]:
        """Take an edge of any button."""
        if edge.button == MUTE_BUTTON:
            yield from self._mute_touches([] if edge.found else self._mute.edge(edge))
        elif edge.button == MUTE_SWITCH:
            yield from self._switch_touches(self._switch.edge(edge))
            if edge.found and not edge.pressed and not self._switch.is_down:
                yield MuteSwitched(closed=False)
        else:
            yield from self._talk_touches(self._talk.edge(edge))

    def timer(self, name: str) -> Iterator[Hands]:
        """Take any timer that ran out; those of others change nothing."""
        yield from self._talk_touches(self._talk.timer(name))
        yield from self._mute_touches(self._mute.timer(name))
        yield from self._switch_touches(self._switch.timer(name))

    def _talk_touches(
        self, touches: Iterable[Press | Release | Gestured | Stuck | StartTimer | StopTimer]
    ) -> Iterator[Hands]:
        for touch in touches:
            if not isinstance(touch, Gestured):
                yield touch
            elif touch.gesture in self._wishes:
                yield Asked(self._wishes[touch.gesture], touch.at_s)

    @staticmethod
    def _mute_touches(touches: Iterable[Press | Release | StartTimer]) -> Iterator[Hands]:
        for touch in touches:
            if isinstance(touch, StartTimer):
                yield touch
            elif isinstance(touch, Press):
                yield Asked(Wish.MUTE, touch.at_s)

    @staticmethod
    def _switch_touches(touches: Iterable[Press | Release | StartTimer]) -> Iterator[Hands]:
        for touch in touches:
            if isinstance(touch, StartTimer):
                yield touch
            else:
                yield MuteSwitched(closed=isinstance(touch, Press))
