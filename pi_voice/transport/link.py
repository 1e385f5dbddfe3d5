"""The transport as the device sees it: turns go up, replies come down, and the rest is ours."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from pi_voice.core.events import (
    AudioDropped,
    LinkDown,
    LinkEvent,
    LinkFault,
    LinkUp,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
)
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.g711 import G711, RATE_HZ
from pi_voice.retry import Pace, RetryClass
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.deadlines import Deadlines
from pi_voice.transport.downlink import Downlink, part_of
from pi_voice.transport.hearing import Hearing
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.link_settings import LinkSettings, session_config
from pi_voice.transport.messages import ConnectionLost
from pi_voice.transport.nonsense import Nonsense
from pi_voice.transport.outgoing import Outgoing, Step
from pi_voice.transport.trouble import Trouble

__all__ = ["LinkSettings", "ServiceLink"]

logger = logging.getLogger(__name__)

PIECE_MS = 500.0  # of a turn that is sent again: the network takes one before it gets the next
REPLY_EVENTS = (ReplyStarted, ReplyAudio, ReplyAudioEnded, ReplyEnded)
SESSION_EVENTS = (LinkUp, LinkDown, *REPLY_EVENTS)


class ServiceLink:
    """Implements `ports.Link`: one session after the other, for ever.

    The transport renews connections that the network lost; what it gives up, because somebody has
    to act first, is tried again here, at the same pace.
    """

    def __init__(self, settings: LinkSettings, *, pace: Pace | None = None) -> None:
        self._settings = settings
        self._pace = pace or Pace(random.random, phase=settings.phase)
        coded = settings.encoding != "pcm"
        self._format = AudioFormat(RATE_HZ) if coded else WIRE
        self._coder = G711(settings.encoding) if coded else None
        self._transport = WebSocketTransport(
            settings.url, settings.model, settings.key, settings.headers, self._pace
        )
        self._outgoing = Outgoing(self._perform, self._transport.drain)
        self._downlink = Downlink(
            self._transport,
            self._coder,
            post=self._post,
            abandon=self._abandon,
            asked=lambda: self._deadlines.asked(),
        )
        self._deadlines = Deadlines(self._transport, self._downlink, self._abandon)
        if settings.turn_detection is not None:
            Hearing(self._transport, self._downlink, forget=self._forget_replies, post=self._post)
        self._nonsense = Nonsense(self._transport, self._abandon)
        self._events: deque[LinkEvent] = deque()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()
        self._keeper: asyncio.Task[None] | None = None
        self._end: asyncio.Future[Trouble | None] | None = None
        self._connected = self._muted = False
        self._told: Trouble | None = None
        self._forget_session()
        self._listen()

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.get_running_loop().create_task(self._keep_connected())
        self._keeper.add_done_callback(lambda _: self._arrived.set())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._outgoing.aclose()
        await self._transport.aclose()

    async def events(self) -> AsyncIterator[LinkEvent]:
        """What happens, in order.

        Raises:
            Exception: A fault of ours ended the link.
        """
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._events:
                yield self._events.popleft()
            if self._keeper is not None and self._keeper.done():
                self._keeper.result()
                return

    # -- what the device asks for

    def send_audio(self, pcm: bytes) -> None:
        if self._online and not self._muted:
            self._outgoing.put(pcm)

    def send_turn(self, pcm: bytes) -> None:
        self.wake_up()
        if self._online and not self._muted:
            self._drop_told = False
            size = self._format.size_bytes(PIECE_MS)
            self._outgoing.put_slowly(pcm[at : at + size] for at in range(0, len(pcm), size))

    def commit_turn(self) -> None:
        if self._online:
            self._outgoing.put(Step.COMMIT)

    def discard_turn(self) -> None:
        if self._online:
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

    def truncate_reply(self, item_id: str, heard_ms: float) -> None:
        if self._online:
            self._transport.truncate(*part_of(item_id), heard_ms)

    def playback_ended(self, item_id: str, played_ms: float) -> None:
        self._transport.playback.played_until(*part_of(item_id), played_ms)

    def link_up(self) -> None:
        """The network or the clock changed: do not wait out a pause, trust no old connection."""
        if not self._online:
            self._hurry.set()
        self._transport.retry_now()

    def hang_up(self) -> None:
        """End the session, and connect no more until `wake_up` or a turn; nothing is told of it."""
        if not self._awake.is_set():
            return
        logger.info("hung up; the next turn connects again")
        self._awake.clear()
        self._forget_session()
        self._told = None
        self._take_back(SESSION_EVENTS)
        self._end_session(None)
        self._hurry.set()

    def wake_up(self) -> None:
        """Connect at once if we hung up; else nothing happens."""
        self._awake.set()

    def say(self, text: str) -> None:
        """Let the service speak a text beside the conversation; it comes back like any reply.

        It waits for a reply that runs and for a session that is being opened, but no longer: what
        is worth saying now is not worth saying after an outage.
        """
        self.wake_up()
        if self._told is None:
            self._downlink.say(text)
        else:
            logger.warning("there is no session, so what should be said is not")

    def _perform(self, what: bytes | Step) -> None:
        if what in (Step.MUTE, Step.UNMUTE):
            self._transport.mute(what is Step.MUTE)
        elif isinstance(what, bytes):
            self._append(what)
        elif what is Step.CLEAR:
            self._drop_told = False
            if self._transport.appended_ms:
                self._transport.send_event({"type": "input_audio_buffer.clear"})
        else:
            self._drop_told = False
            self._transport.send_audio(b"", commit=True)
            self._downlink.ask()

    def _append(self, pcm: bytes) -> None:
        before_ms = self._transport.dropped_ms
        self._transport.send_audio(self._coder.encode(pcm) if self._coder else pcm)
        if self._transport.dropped_ms > before_ms and not self._drop_told:
            self._drop_told = True
            self._post(AudioDropped())

    # -- what the transport tells

    def _listen(self) -> None:
        self._transport.on("session.updated", self._on_session_updated)
        self._transport.on("session_ready", self._on_session_ready)
        self._transport.on("connection_lost", self._on_connection_lost)
        self._transport.on("disconnected", self._on_disconnected)
        self._transport.on("error", self._on_error)

    def _post(self, event: LinkEvent) -> None:
        self._events.append(event)
        self._arrived.set()

    def _on_session_updated(self, _: object) -> None:
        self._acknowledged = True

    def _on_session_ready(self, session_id: str | None) -> None:
        if not self._acknowledged:
            # Its own settings would end the user's turns and answer them unasked.
            reason = "the service did not confirm the session's settings"
            self._abandon(Trouble(RetryClass.OVERLOAD, LinkFault.SERVICE, reason))
            return
        self._online = True
        self._told = None
        logger.info("connected to the service")
        self._post(LinkUp(session_id or ""))
        self._downlink.open()

    def _on_connection_lost(self, lost: ConnectionLost) -> None:
        trouble = Trouble.of(lost.reason, lost.error, RetryClass(lost.retry_class))
        if lost.retry_in_s is None:
            self._abandon(trouble)
        else:
            self._down(trouble)

    def _on_disconnected(self) -> None:
        """Look, once everybody was told, whether anybody knows why."""
        asyncio.get_running_loop().call_soon(self._require_reason, self._end)

    def _require_reason(self, end: asyncio.Future[Trouble | None] | None) -> None:
        if self._connected and end is not None and end is self._end and not end.done():
            reason = "the connection ended by a fault of the program"
            self._abandon(Trouble(RetryClass.NETWORK, LinkFault.NETWORK, reason))

    def _on_error(self, fault: TransportError) -> None:
        if not self._online:
            return  # whoever ends the attempt tells it
        if self._downlink.refused(fault):
            self._deadlines.refused()
        self._nonsense.error(fault)

    # -- one session after the other

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._awake.wait()
            told = self._told
            trouble = await self._session()
            if trouble is None:
                self._pace.session_ended(loop.time(), wanted=True)
                continue
            self._down(trouble)
            self._pace.session_ended(loop.time())
            delay_s = self._pace.next_delay_s(
                trouble.retry_class, loop.time(), retry_after_s=trouble.retry_after_s
            )
            level = logging.DEBUG if trouble == told else logging.WARNING
            logger.log(level, "%s; the next attempt is in %.0f s", trouble.reason, delay_s)
            await self._pause(delay_s)

    async def _session(self) -> Trouble | None:
        """Connect, and return when nobody reconnects any more; None if we hung up."""
        self._end = asyncio.get_running_loop().create_future()
        self._connected = False
        self._hurry.clear()  # news from now on count, also if this attempt fails all the same
        try:
            config = session_config(self._settings)
            await self._transport.connect(initial_session_config=config, continues=True)
        except TransportError as error:
            if not self._end.done():
                return Trouble.of(str(error), error)
        self._connected = True
        return await self._end

    async def _pause(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + delay_s
        while True:
            try:
                async with asyncio.timeout_at(until_s):
                    await self._hurry.wait()
            except TimeoutError:
                return
            self._hurry.clear()
            if not self._awake.is_set():
                return
            settle_s = self._pace.link_up(loop.time())
            if settle_s is not None:
                until_s = min(until_s, loop.time() + settle_s)

    def _abandon(self, trouble: Trouble) -> None:
        """End the session for good; the keeper begins another one in time."""
        self._down(trouble)
        self._end_session(trouble)

    def _end_session(self, trouble: Trouble | None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(trouble)
        self._transport.close()

    def _forget_replies(self) -> None:
        self._deadlines.forget()
        self._take_back(REPLY_EVENTS)

    def _take_back(self, kinds: tuple[type[LinkEvent], ...]) -> None:
        """Unsay what was posted and not read yet."""
        self._events = deque(event for event in self._events if not isinstance(event, kinds))

    def _down(self, trouble: Trouble) -> None:
        was_online = self._online
        self._forget_session()
        if was_online or trouble != self._told:
            self._post(LinkDown(trouble.fault, trouble.reason))
        self._told = trouble

    def _forget_session(self) -> None:
        self._online = self._acknowledged = self._drop_told = False
        self._downlink.reset()
        self._deadlines.forget()
        self._outgoing.clear()
        self._nonsense.forget()
        self._transport.mute(self._muted)
