"""What the service should not send: errors and garbage, counted, told rarely, borne for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pi_voice.core.events import LinkFault
from pi_voice.retry import RetryClass
from pi_voice.transport.burst import Burst, Throttle
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.trouble import Trouble

logger = logging.getLogger(__name__)

MOST_ERRORS, ERRORS_WITHIN_S = 100, 10.0  # a session that works has a handful in an hour
MOST_MALFORMED, MALFORMED_WITHIN_S = 20, 60.0  # one may be a slip; a stream of them is not JSON
LINE_EVERY_S = 1.0
KINDS_TOLD = 16  # kinds of errors that get a warning in one session


class Nonsense:
    """Ends a session that makes no sense."""

    def __init__(self, transport: WebSocketTransport, abandon: Callable[[Trouble], None]) -> None:
        self._abandon = abandon
        self._errors = Burst(MOST_ERRORS, ERRORS_WITHIN_S)
        self._malformed = Burst(MOST_MALFORMED, MALFORMED_WITHIN_S)
        self._lines = Throttle(LINE_EVERY_S)
        self._kinds: set[str] = set()
        transport.on("malformed", self._on_malformed)

    def error(self, fault: TransportError) -> None:
        """Count and tell an error of the service."""
        now_s = asyncio.get_running_loop().time()
        code = fault.code or ""
        is_new = code not in self._kinds and len(self._kinds) < KINDS_TOLD
        held = self._lines.admit(now_s)
        if held is not None:
            self._kinds.add(code)
            level = logging.WARNING if is_new else logging.DEBUG
            logger.log(level, "%s%s", fault.message, f" ({held} more errors before)" * bool(held))
        if self._errors.add(now_s):
            reason = f"the service sent more than {MOST_ERRORS} errors within {ERRORS_WITHIN_S:g} s"
            self._abandon(Trouble(RetryClass.OVERLOAD, LinkFault.SERVICE, reason))

    def forget(self) -> None:
        """Another session: everything is new."""
        self._kinds.clear()
        self._errors.clear()
        self._malformed.clear()

    def _on_malformed(self, _: int) -> None:
        if self._malformed.add(asyncio.get_running_loop().time()):
            reason = f"the service sent more than {MOST_MALFORMED} messages that make no sense"
            self._abandon(Trouble(RetryClass.OVERLOAD, LinkFault.SERVICE, reason))
