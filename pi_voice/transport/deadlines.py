"""Replies that do not go on: the first is cancelled, the second in a row costs the session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from pi_voice.core.events import LinkFault
from pi_voice.retry import RetryClass
from pi_voice.transport.downlink import Downlink
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.messages import AudioEvent, TurnDone, TurnStarted
from pi_voice.transport.patience import Patience
from pi_voice.transport.trouble import Trouble

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.1  # while we wait for a sign of life
SIGNS = (  # that a reply goes on, beside its sound
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "response.output_item.done",
)


class Deadlines:
    """Minds the clock for every reply that the device waits for."""

    def __init__(
        self, transport: WebSocketTransport, downlink: Downlink, abandon: Callable[[Trouble], None]
    ) -> None:
        """Listen to the transport; after the downlink, which knows what is wanted.

        Args:
            transport: Where replies come from.
            downlink: Tells the device that a reply failed.
            abandon: Ends a session that replies no more.
        """
        self._transport = transport
        self._downlink = downlink
        self._abandon = abandon
        self._patience = Patience()
        self._in_a_row = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at_s = inf
        self._doubts_since_s = inf
        transport.on("input_audio_buffer.committed", self._on_committed)
        transport.on("turn_started", self._on_turn_started)
        transport.on("audio", self._on_audio)
        transport.on("turn_done", self._on_turn_done)
        for name in SIGNS:
            transport.on(name, self._on_sign)

    def asked(self) -> None:
        self._patience.asked(self._now_s())
        self._set_timer()

    def refused(self) -> None:
        """The service will not answer what was asked."""
        self._patience.refused(self._now_s())
        self._set_timer()

    def forget(self) -> None:
        """Nothing is waited for any more: it was cancelled, or the session is gone."""
        self._patience.forget()
        self._set_timer()

    def _on_committed(self, _: object) -> None:
        self._patience.arrived(self._now_s())
        self._set_timer()

    def _on_turn_started(self, started: TurnStarted) -> None:
        reply_id = started.response_id or ""
        if self._downlink.wants(reply_id):
            self._patience.began(reply_id, self._now_s())
            self._set_timer()

    def _on_audio(self, event: AudioEvent) -> None:
        self._on_progress(event.response_id or "")

    def _on_sign(self, event: Mapping[str, Any]) -> None:
        self._on_progress(str(event.get("response_id")))

    def _on_progress(self, reply_id: str) -> None:
        self._patience.spoke(reply_id, self._now_s())
        if self._patience.due_s < self._looks_at_s:
            self._set_timer()

    def _on_turn_done(self, done: TurnDone) -> None:
        self._patience.ended(done.response.id or "", self._now_s())
        if done.response.status == "completed":
            self._in_a_row = 0
        self._set_timer()

    def _set_timer(self) -> None:
        """Look when patience may end; if it lasts longer by then, look again."""
        self._looks_at_s = self._patience.due_s
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._looks_at_s < inf:
            self._timer = asyncio.get_running_loop().call_at(self._looks_at_s, self._look)

    def _look(self) -> None:
        now_s = self._now_s()
        stuck = self._patience.stuck(now_s)
        if stuck is None:
            self._doubts_since_s = inf
            self._set_timer()
        elif not self._is_alive(now_s):
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look)
        else:
            self._doubts_since_s = inf
            self._in_a_row += 1
            self.forget()
            if self._in_a_row % 2:
                logger.warning("%s; cancelled", stuck.reason)
                self._downlink.give_up(stuck.reply_id, stuck.reason)
            else:
                trouble = Trouble(RetryClass.NETWORK, LinkFault.SERVICE, stuck.reason)
                self._abandon(trouble)

    def _is_alive(self, now_s: float) -> bool:
        """Whether the service answers at all: if not, the network is to blame, and others see it.

        What it sent before it answers is read before, too: it may have been on its way.
        """
        if self._doubts_since_s == inf:
            self._doubts_since_s = now_s
            self._transport.probe()
        return self._transport.silent_s <= now_s - self._doubts_since_s

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
