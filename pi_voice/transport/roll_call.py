"""A session that hears all the time and says nothing: asked whether it is there, or given up.

Where the service finds the turns, nothing is asked for, so nothing else is ever missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pi_voice.core.events import LinkFault
from pi_voice.retry import RetryClass
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.trouble import Trouble

QUIET_S = 60.0  # without one event, as in an empty room; an answer has some kB
ANSWER_S = 10.0  # an answer takes a round trip, and 2 s of sound may wait before the question
# It repeats a setting of every session, so it changes nothing and must be answered.
QUESTION = {
    "type": "session.update",
    "session": {"type": "realtime", "output_modalities": ["audio"]},
}


class RollCall:
    """Asks a session that gets sound and tells nothing; ends it if it does not answer."""

    def __init__(self, transport: WebSocketTransport, abandon: Callable[[Trouble], None]) -> None:
        """Wait for sound.

        Args:
            transport: Where the session is.
            abandon: Ends a session that does not answer.
        """
        self._transport = transport
        self._abandon = abandon
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0

    def streamed(self) -> None:
        """Sound was sent: from the first piece on, the session has a minute to tell something."""
        if self._timer is None:
            self._wait(QUIET_S, self._ask)

    def forget(self) -> None:
        """No more sound comes, or the session is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._received = self._transport.received
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _ask(self) -> None:
        self._timer = None
        if self._transport.received == self._received:
            self._transport.send_event(QUESTION)
            self._wait(ANSWER_S, self._judge)

    def _judge(self) -> None:
        self._timer = None
        if self._transport.received == self._received:
            reason = f"the service said nothing for {QUIET_S + ANSWER_S:g} s, not even when asked"
            self._abandon(Trouble(RetryClass.NETWORK, LinkFault.SERVICE, reason))
