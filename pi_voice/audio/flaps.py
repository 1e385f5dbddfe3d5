"""What the log says of a card that comes and goes: all of it, and soon only now and then. Pure."""

from __future__ import annotations

import logging
from math import inf

LINES = 4  # two losses, each with its two reasons: it went, and it is not there
CALM_S = 600.0  # a loose contact: whoever reads the log knows it by then


class FlapLog:
    """Tells losses and returns, LINES losses at most, then none for CALM_S but for debugging.

    A return is told if its loss was. The last line says that there may be more of them.

    Args:
        logger: Of the part that has the card.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._began_s = -inf
        self._told = LINES
        self._untold = 0
        self._level = logging.INFO  # of the return

    def lost(self, reason: str, now_s: float) -> None:
        """Tell why there is no card.

        Args:
            reason: One sentence with what to do.
            now_s: Any clock that does not jump.
        """
        more = ""
        if now_s - self._began_s >= CALM_S:
            more = f" (as {self._untold} times before, untold)" if self._untold else ""
            self._began_s, self._told, self._untold = now_s, 0, 0
        if self._told == LINES:
            self._untold += 1
            self._level = logging.DEBUG
            self._logger.debug("%s", reason)
            return
        self._told += 1
        self._level = logging.INFO
        if self._told == LINES:
            self._began_s = now_s
            more = f"; it comes and goes: no more of this for {CALM_S / 60:.0f} min"
        self._logger.warning("%s%s", reason, more)

    def found(self, words: str) -> None:
        """Tell that the card is back."""
        self._logger.log(self._level, "%s", words)
