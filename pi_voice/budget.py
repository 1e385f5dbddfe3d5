"""What the conversation may cost, in seconds of sound, tokens and money. Pure: time comes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any

from pi_voice.core.events import Used

MILLION = 1e6  # prices are per million tokens


@dataclass(frozen=True, slots=True)
class Caps:
    """The owner's limits; 0 is none.

    Attributes:
        turn_s: Sound sent for one turn, in s; a turn that is sent again counts again.
        session_s: Sound sent in one session, in s.
        hour_s: In one hour of the clock.
        day_s: On one day of the calendar.
        day_tokens: Tokens of all kinds on one day.
        day_money: In the currency of the prices.
        currency: Their name.
    """

    turn_s: float = 0.0
    session_s: float = 0.0
    hour_s: float = 0.0
    day_s: float = 0.0
    day_tokens: int = 0
    day_money: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Date:
    """When something was spent, by the wall clock.

    Attributes:
        hour: Hours since 1970.
        day: Days of the local calendar since any day.
    """

    hour: int
    day: int


@dataclass(slots=True)
class Spent:
    """What was spent since the last midnight, hour, session and turn."""

    turn_s: float = 0.0
    session_s: float = 0.0
    hour_s: float = 0.0
    day_s: float = 0.0
    day_tokens: int = 0
    day_money: float = 0.0


@dataclass(slots=True)
class Ledger:
    """Adds up and judges.

    Attributes:
        caps: The limits.
        prices: Money per million tokens, by the names of `Used`.
        spent: What was spent.
    """

    caps: Caps
    prices: Mapping[str, float] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    _date: Date = Date(0, 0)
    _left: Date = Date(0, 0)  # the latest from which the clock was set back

    def sent(self, seconds: float, date: Date) -> None:
        """Sound went to the service."""
        self._turn_page(date)
        spent = self.spent
        spent.turn_s += seconds
        spent.session_s += seconds
        spent.hour_s += seconds
        spent.day_s += seconds

    def used(self, used: Used, date: Date) -> None:
        """The service counted the tokens of a response."""
        self._turn_page(date)
        for kind in fields(used):
            tokens = getattr(used, kind.name)
            self.spent.day_tokens += tokens
            self.spent.day_money += tokens * self.prices.get(kind.name, 0.0) / MILLION

    def turn_began(self) -> None:
        self.spent.turn_s = 0.0

    def session_began(self) -> None:
        self.spent.session_s = 0.0

    @property
    def session_is_full(self) -> bool:
        """The session was used so much that the next question deserves a new one."""
        return 0 < self.caps.session_s <= self.spent.session_s

    def refusal(self, date: Date) -> str:
        """Which limit is reached, as half a sentence; empty while turns are allowed."""
        self._turn_page(date)
        return next(self._reached(), "")

    def kept(self) -> dict[str, Any]:
        """What must outlive a restart."""
        spent = self.spent
        return {
            "hour": self._date.hour,
            "day": self._date.day,
            "hour_left": self._left.hour,
            "day_left": self._left.day,
            "hour_s": round(spent.hour_s, 2),
            "day_s": round(spent.day_s, 2),
            "day_tokens": spent.day_tokens,
            "day_money": round(spent.day_money, 6),
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on where the last run ended; what makes no sense is ignored."""
        numbers = {
            name: value
            for name, value in kept.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf
        }
        self._date = Date(int(numbers.get("hour", 0)), int(numbers.get("day", 0)))
        self._left = Date(int(numbers.get("hour_left", 0)), int(numbers.get("day_left", 0)))
        self.spent.hour_s = float(numbers.get("hour_s", 0.0))
        self.spent.day_s = float(numbers.get("day_s", 0.0))
        self.spent.day_tokens = int(numbers.get("day_tokens", 0))
        self.spent.day_money = float(numbers.get("day_money", 0.0))

    def _turn_page(self, date: Date) -> None:
        """A new hour or day begins at nought.

        A clock that is set back gives nothing for free, and neither does its way back: a board
        without a clock of its own starts in the past.
        """
        last, left = self._date, self._left
        if date == last:
            return
        if date.hour > last.hour and date.hour != left.hour:
            self.spent.hour_s = 0.0
        if date.day > last.day and date.day != left.day:
            self.spent.day_s = self.spent.day_money = 0.0
            self.spent.day_tokens = 0
        self._left = Date(
            max(left.hour, last.hour) if date.hour < last.hour else left.hour,
            max(left.day, last.day) if date.day < last.day else left.day,
        )
        self._date = date

    def _reached(self) -> Iterator[str]:
        caps, spent = self.caps, self.spent
        minutes = "the {}'s {:g} minutes of sound are used up"
        if 0 < caps.turn_s <= spent.turn_s:
            yield f"the {caps.turn_s:g} seconds of one turn are used up"
        if 0 < caps.hour_s <= spent.hour_s:
            yield minutes.format("hour", caps.hour_s / 60)
        if 0 < caps.day_s <= spent.day_s:
            yield minutes.format("day", caps.day_s / 60)
        if 0 < caps.day_tokens <= spent.day_tokens:
            yield f"the day's {caps.day_tokens} tokens are used up"
        if 0 < caps.day_money <= spent.day_money:
            yield f"the day's {caps.day_money:g} {caps.currency} are used up"
