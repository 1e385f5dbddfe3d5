"""The transport as the device sees it: turns go up, replies come down, and the rest is ours."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from math import inf
from types import TracebackType
from typing import Self

from pi_voice.core.events import AudioDropped, LinkEvent
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.g711 import G711, RATE_HZ
from pi_voice.retry import Pace
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.deadlines import Deadlines
from pi_voice.transport.downlink import Downlink, part_of
from pi_voice.transport.hearing import Hearing
from pi_voice.transport.keeper import Keeper
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.link_settings import LinkSettings, session_config
from pi_voice.transport.nonsense import Nonsense
from pi_voice.transport.outgoing import GATE, Outgoing, Step
from pi_voice.transport.roll_call import RollCall
from pi_voice.transport.unread import REPLY_EVENTS, Unread

__all__ = ["LinkSettings", "ServiceLink"]

logger = logging.getLogger(__name__)

PIECE_MS = 500.0  # of a turn that is sent again: the network takes one before it gets the next


class ServiceLink:
    """Implements `ports.Link`; the keeper has a session for it whenever there can be one."""

    def __init__(self, settings: LinkSettings, *, pace: Pace | None = None) -> None:
        self._settings = settings
        pace = pace or Pace(random.random, phase=settings.phase)
        coded = settings.encoding != "pcm"
        self._format = AudioFormat(RATE_HZ) if coded else WIRE
        self._coder = G711(settings.encoding) if coded else None
        self._transport = WebSocketTransport(
            settings.url, settings.model, settings.key, settings.headers, pace
        )
        self._unread = Unread()
        self._keeper = Keeper(
            self._transport,
            pace,
            self._unread,
            begin=self._begin_session,
            forget=self._forget_session,
        )
        self._outgoing = Outgoing(self._perform, self._transport.drain)
        self._downlink = Downlink(
            self._transport,
            self._coder,
            post=self._unread.put,
            abandon=self._keeper.abandon,
            asked=lambda: self._deadlines.asked(),
        )
        self._deadlines = Deadlines(self._transport, self._downlink, self._keeper.abandon)
        self._roll_call: RollCall | None = None
        if settings.turn_detection is not None:
            self._roll_call = RollCall(self._transport, self._keeper.abandon)
            forget, post = self._forget_replies, self._unread.put
            Hearing(self._transport, self._downlink, forget=forget, post=post)
        self._nonsense = Nonsense(self._transport, self._keeper.abandon)
        self._task: asyncio.Task[None] | None = None
        self._muted = False
        self._lost_ms = inf  # sound lost before this turn; infinite once a loss in it was told
        self._transport.on("error", self._on_error)

    async def __aenter__(self) -> Self:
        keeping = self._keeper.run(session_config(self._settings))
        self._task = asyncio.get_running_loop().create_task(keeping)
        self._task.add_done_callback(self._unread.end)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._outgoing.aclose()
        self._forget_stream()
        await self._transport.aclose()

    def events(self) -> AsyncIterator[LinkEvent]:
        """What happens, in order.

        Raises:
            Exception: A fault of ours ended the link.
        """
        return aiter(self._unread)

    # -- what the device asks for

    def send_audio(self, pcm: bytes) -> None:
        if not self._keeper.online or self._muted:
            return
        if self._outgoing.waiting:
            self._outgoing.put(pcm)
        else:
            self._append(pcm)

    def send_turn(self, pcm: bytes) -> None:
        self.wake_up()
        if self._keeper.online and not self._muted:
            self._begin_turn()
            size = self._format.size_bytes(PIECE_MS)
            self._outgoing.put_slowly(pcm[at : at + size] for at in range(0, len(pcm), size))

    def commit_turn(self) -> None:
        if self._keeper.online:
            self._outgoing.put(Step.COMMIT)

    def discard_turn(self) -> None:
        if self._keeper.online:
            self._outgoing.discard_sound()
            self._outgoing.put(Step.CLEAR)

    def gate(self, *, muted: bool) -> None:
        if not muted:
            self.wake_up()
        self._muted = muted
        self._outgoing.put(Step.MUTE if muted else Step.UNMUTE)

    def cancel_reply(self) -> None:
        self._downlink.cancel()
        self._forget_replies()
        self._outgoing.cancel_turns()

    def forget_sound(self) -> None:
        self._outgoing.forget_sound()
        self._transport.forget_audio()
        self._begin_turn()

    def truncate_reply(self, item_id: str, heard_ms: float) -> None:
        if self._keeper.online:
            self._transport.truncate(*part_of(item_id), heard_ms)

    def playback_ended(self, item_id: str, played_ms: float) -> None:
        self._transport.playback.played_until(*part_of(item_id), played_ms)

    def link_up(self) -> None:
        """The network or the clock changed: begin again what waits, trust no old connection."""
        self._keeper.link_up()

    def hang_up(self) -> None:
        """End the session, and connect no more until `wake_up` or a turn; nothing is told of it."""
        self._keeper.hang_up()

    def wake_up(self) -> None:
        """Connect at once if we hung up; else nothing happens."""
        self._keeper.wake_up()

    def say(self, text: str) -> None:
        """Let the service speak a text beside the conversation; it comes back like any reply.

        It waits for a reply that runs and for a session that is being opened, but no longer: what
        is worth saying now is not worth saying after an outage.
        """
        self.wake_up()
        if self._keeper.trouble is None:
            self._downlink.say(text)
        else:
            logger.warning("there is no session, so what should be said is not")

    def _perform(self, what: bytes | Step) -> None:
        if isinstance(what, bytes):
            self._append(what)
            return
        if what in GATE:
            self._transport.mute(what is Step.MUTE)
            self._forget_stream()
        elif what is Step.COMMIT:
            self._transport.send_audio(b"", commit=True)
            self._downlink.ask()
        elif self._transport.appended_ms:
            self._transport.send_event({"type": "input_audio_buffer.clear"})
        self._begin_turn()

    def _append(self, pcm: bytes) -> None:
        coder = self._coder
        self._transport.send_audio(pcm if coder is None else coder.encode(pcm))
        if self._roll_call is not None:
            self._roll_call.streamed()
        if self._transport.dropped_ms > self._lost_ms:
            self._lost_ms = inf
            self._unread.put(AudioDropped())

    def _begin_turn(self) -> None:
        """What was lost or cleared until now is not missing in what comes."""
        self._lost_ms = self._transport.dropped_ms

    def _begin_session(self) -> None:
        self._begin_turn()
        self._downlink.open()

    def _on_error(self, fault: TransportError) -> None:
        if not self._keeper.online:
            return  # whoever ends the attempt tells it
        if self._downlink.refused(fault):
            self._deadlines.refused()
        self._nonsense.error(fault)

    def _forget_replies(self) -> None:
        """Nothing that was told of replies holds any more; the speaker tells what it has heard."""
        self._deadlines.forget()
        for item_id in self._unread.take_back(REPLY_EVENTS):
            self.truncate_reply(item_id, 0.0)

    def _forget_stream(self) -> None:
        if self._roll_call is not None:
            self._roll_call.forget()

    def _forget_session(self) -> None:
        self._downlink.reset()
        self._deadlines.forget()
        self._forget_stream()
        self._outgoing.clear()
        self._nonsense.forget()
        self._transport.mute(self._muted)
