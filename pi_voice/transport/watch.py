"""A dead link is noticed here: by asking for signs of life, and by counting the silence."""

from __future__ import annotations

import asyncio
from math import inf

from pi_voice.transport.connection import Limits, Wire


class Watch:
    """Pings, and aborts the connection when nothing came back for too long.

    The kernel and a black hole on the way both accept megabytes, so that only what comes in proves
    that the link lives. Runs on timers of the loop, without a task.
    """

    def __init__(self, wire: Wire, limits: Limits) -> None:
        self._wire = wire
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._live_at = self._excused_until = now
        self._pinged_at = now - limits.ping_idle_s
        self._probed_at = -inf
        self._ending = False
        self._timer: asyncio.Handle = self._loop.call_soon(self._look)
        wire.on_blocked = self._look
        wire.on_closing = self._expect_end

    def activity(self) -> float:
        """Count a message of either side: the conversation is live. Returns the time."""
        now = self._loop.time()
        was_idle = now - self._live_at >= self._limits.live_s
        self._live_at = now
        if was_idle and self._wire.is_open:
            # The silence before this moment proves nothing: nobody had asked for long.
            self._excused_until = max(self._excused_until, now)
            self._look()
        return now

    def probe(self) -> None:
        """Ask for a sign of life now, and expect it soon; asking again gives no more time."""
        now = self.activity()
        if self._wire.heard_at >= self._probed_at:
            self._probed_at = now
        self._pinged_at = -inf
        self._look()

    def excuse(self, for_s: float) -> None:
        """Expect nothing for a while, because a large message has to get through first."""
        self._excused_until = max(self._excused_until, self._loop.time()) + for_s

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        """Ping if it is time, abort if it is too late, and look again when either may be."""
        wire, limits, now = self._wire, self._limits, self._loop.time()
        if not wire.is_open:
            self._expect_end()  # the goodbye may have come together with the handshake
            return
        self._timer.cancel()
        live = now - max(self._live_at, self._excused_until) < limits.live_s
        ping_s = limits.ping_live_s if live else limits.ping_idle_s
        silent_s = limits.silent_live_s if live else limits.silent_idle_s
        if wire.heard_at < self._probed_at:
            silent_s, dead_at = limits.probe_s, max(self._probed_at, self._excused_until)
        else:
            dead_at = max(wire.heard_at, self._excused_until)
        dead_at += silent_s
        fault = f"no sign of life from the service for {silent_s:g} s"
        if wire.blocked_at is not None:
            stuck_at = max(wire.blocked_at, self._excused_until) + limits.blocked_s
            if stuck_at < dead_at:
                dead_at, fault = stuck_at, f"the network took nothing for {limits.blocked_s:g} s"
        if now >= dead_at:
            wire.fault = fault
            wire.transport.abort()
            return
        if now >= self._pinged_at + ping_s:
            self._pinged_at = now
            wire.write_ping()
        self._timer = self._loop.call_at(min(dead_at, self._pinged_at + ping_s), self._look)

    def _expect_end(self) -> None:
        """Hang up if the service does not: a client has to wait for it, but not for ever."""
        if not self._ending and self._wire.closing is None:
            self._ending = True
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.close_s, self._wire.transport.abort)
