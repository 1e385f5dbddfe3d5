"""Performs what the protocol decides: calls listeners, writes to the socket, minds the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pi_voice.transport.effects import Effect, ForgetAudio, Send, StartGuard
from pi_voice.transport.emitter import EventEmitter
from pi_voice.transport.protocol import RealtimeProtocol
from pi_voice.transport.websocket import Socket


class Performer:
    """The hands of the protocol.

    Attributes:
        socket: Where messages go; None while there is no connection.
    """

    def __init__(self, protocol: RealtimeProtocol, emitter: EventEmitter) -> None:
        self.socket: Socket | None = None
        self._protocol = protocol
        self._emitter = emitter
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._performing = False

    def perform(self) -> None:
        """Perform every effect that waits, in order; calls inside listeners join the queue."""
        if self._performing:
            return
        self._performing = True
        try:
            effects = self._protocol.effects
            while effects:
                self._perform(effects.popleft())
        finally:
            self._performing = False

    def start_timer(self, name: str, after_s: float, then: Callable[[], None]) -> None:
        """Call `then` later; a running timer of the same name starts again."""

        def fire() -> None:
            self._timers.pop(name, None)
            then()
            self.perform()

        self.stop_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(max(after_s, 0.0), fire)

    def stop_timer(self, name: str) -> bool:
        """Forget a timer; True if it was running."""
        timer = self._timers.pop(name, None)
        if timer is None:
            return False
        timer.cancel()
        return True

    def stop_timers(self) -> None:
        for name in list(self._timers):
            self.stop_timer(name)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            if self.socket is not None:
                self.socket.send(effect.data, audio_ms=effect.audio_ms)
        elif isinstance(effect, ForgetAudio):
            if self.socket is not None:
                self.socket.forget_audio(effect.newest_ms)
        elif isinstance(effect, StartGuard):
            self.start_timer("guard", effect.after_s, self._protocol.guard)
        elif effect.reply is None:
            self._emitter.emit(effect.name, *effect.args)
        else:
            reply, is_cut = effect.reply, self._protocol.dialog.is_cut
            self._emitter.emit_while(lambda: not is_cut(*reply), effect.name, *effect.args)
