"""The budget beside the running device: reads what was sent and used, and says when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from pi_voice.budget import Date, Ledger
from pi_voice.core import actions as do
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.events import BudgetChanged, Event, LinkUp, SessionFull, Used
from pi_voice.frames import AudioFormat

SOUND = (do.SendAudio, do.SendTurn, do.StreamAudio)
BOOK_MS = 1000.0  # of sound that flows: limits are judged once a second, not at every batch
TURN = (do.CommitTurn, do.DiscardTurn)
OPEN = do.GateLink(muted=False)
REST = do.Show(Pattern.IDLE)


def today() -> Date:
    """The wall clock, in local time."""
    now_s = time.time()  # the owner counts in hours and days of the calendar
    return Date(int(now_s // 3600), date.fromtimestamp(now_s).toordinal())


class Spending:
    """Watches the daemon: counts, keeps the counters, and posts BudgetChanged."""

    def __init__(
        self,
        ledger: Ledger,
        wire: AudioFormat,
        *,
        post: Callable[[Event], None],
        keep: Callable[[Callable[[], Mapping[str, Any]]], None],
        now: Callable[[], Date] = today,
    ) -> None:
        """Begin with what the ledger holds.

        Args:
            ledger: With the counters of the last run.
            wire: The rate of what is sent.
            post: Tells the daemon.
            keep: Told whenever the counters changed, and where to read them; returns at once.
            now: The wall clock.
        """
        self._ledger = ledger
        self._wire = wire
        self._post = post
        self._keep = keep
        self._now = now
        self._refusal = ""
        self._unbooked_bytes = 0
        self._line_is_open = False
        self._has_news = False  # for the counters that are kept

    def report(self) -> dict[str, float | str]:
        """What was spent and is allowed: seconds of sound, tokens, money; 0 is no limit."""
        self._book()
        self._ledger.refusal(self._now())
        spent, caps = self._ledger.spent, self._ledger.caps
        return {
            "hour_s": round(spent.hour_s, 1),
            "hour_limit_s": caps.hour_s,
            "day_s": round(spent.day_s, 1),
            "day_limit_s": caps.day_s,
            "day_tokens": spent.day_tokens,
            "day_tokens_limit": caps.day_tokens,
            "day_money": round(spent.day_money, 4),
            "day_money_limit": caps.day_money,
            "currency": caps.currency,
        }

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None:
        """Take in one step of the daemon."""
        is_due = self._count_event(event)
        for action in actions:
            is_due |= self._count_action(action)
        if is_due or self._unbooked_bytes >= self._wire.size_bytes(BOOK_MS):
            self.look()
        if self._has_news:
            self._has_news = False
            self._keep(self._kept)

    def look(self) -> None:
        """See whether a limit is reached, or a new hour or day gives some again."""
        self._book()
        refusal = self._ledger.refusal(self._now())
        if refusal != self._refusal:
            self._refusal = refusal
            self._post(BudgetChanged(refusal))

    def _count_event(self, event: Event) -> bool:
        """True if a limit may be reached by it."""
        if isinstance(event, LinkUp):
            self._book()
            self._ledger.session_began()
        elif isinstance(event, Used):
            self._ledger.used(event, self._now())
            self._has_news = True
            return True
        return False

    def _count_action(self, action: Action) -> bool:
        """True if a limit may be reached by it, or no longer is."""
        if isinstance(action, SOUND):
            self._unbooked_bytes += len(action.pcm)
            self._has_news = True
            self._line_is_open = isinstance(action, do.StreamAudio)
            return False
        if isinstance(action, TURN) or action == OPEN:
            self._book()
            self._ledger.turn_began()
            return True
        if action == REST:
            self._end_full_session()
        return False

    def _book(self) -> None:
        """Enter what was sent since the last entry."""
        if self._unbooked_bytes:
            seconds = self._wire.duration_ms(self._unbooked_bytes) / 1000
            self._unbooked_bytes = 0
            self._ledger.sent(seconds, self._now())
            if self._line_is_open:
                self._ledger.turn_began()  # the service alone knows what is a turn

    def _kept(self) -> Mapping[str, Any]:
        self._book()
        return self._ledger.kept()

    def _end_full_session(self) -> None:
        """Nobody talks; a muted box may still be answering."""
        self._book()
        if self._ledger.session_is_full:
            self._ledger.session_began()
            self._post(SessionFull())
