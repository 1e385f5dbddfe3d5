"""The shell around the protocol: one socket that is watched, bounded, and honest about its end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from pi_voice.bridge import Mailbox
from pi_voice.transport.connection import MAX_MESSAGE_BYTES, Closing, Limits, Wire
from pi_voice.transport.outbox import Outbox
from pi_voice.transport.refusal import hiding, refusal
from pi_voice.transport.target import (
    Target,
    first_to_answer,
    literal_address,
    proxy_for,
    resolve,
)
from pi_voice.transport.watch import Watch

__all__ = ["Closing", "Dialer", "Limits", "Socket", "in_daemon_thread"]

logger = logging.getLogger(__name__)
# At DEBUG the library logs every header, so also the key.
library_logger = logging.getLogger(f"{__name__}.library")
library_logger.setLevel(logging.WARNING)

T = TypeVar("T")

LOOKUP_S = 5.0  # what the system's resolver spends on a dead name server before the next one
REMEMBER_S = 24 * 3600.0
LOGGED_CHARS = 300  # a gateway's page of an error is long, and says nothing
LARGE_BYTES = 65_536
SLOWEST_BYTES_S = 16_000  # a picture may take its time, but not for ever


class Socket:
    """One connection; it does not come back.

    Nothing here blocks or raises for a lost link: what cannot be sent is dropped, and how it ended
    stands in `closing`.
    """

    def __init__(self, wire: Wire, limits: Limits) -> None:
        self._wire = wire
        self._limits = limits
        self._outbox = Outbox(audio_s=limits.audio_s, audio_bytes=limits.audio_bytes)
        self._unsent_audio_ms = 0.0
        self._drained = asyncio.Event()
        self._watch = Watch(wire, limits)
        wire.on_writable = self._flush
        wire.on_lost = self._lost
        if wire.closing is not None:
            self._lost()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        headers: Mapping[str, str],
        open_timeout_s: float = 10.0,
        dialer: Dialer | None = None,
        limits: Limits | None = None,
    ) -> Socket:
        """Connect and shake hands.

        Args:
            url: wss://, or ws:// to this machine.
            headers: Sent with the handshake; credentials among them appear in no text of ours.
            open_timeout_s: For everything: name, TCP, TLS and handshake.
            dialer: What earlier attempts learned; keep one for each service.
            limits: What this connection can bear.

        Raises:
            LocalLinkError: The URL cannot be used.
            RemoteLinkError: Nobody answers, or they refuse.
        """
        limits = limits or Limits()
        dialer = dialer or Dialer()
        wire = await dialer.dial(url, headers, open_timeout_s=open_timeout_s, limits=limits)
        return cls(wire, limits)

    @property
    def closing(self) -> Closing | None:
        """How it ended; None while it is open."""
        return self._wire.closing

    @property
    def hidden(self) -> Callable[[str], str]:
        """Takes the credentials of the handshake out of a text."""
        return self._wire.hidden

    @property
    def queued_audio_ms(self) -> float:
        """Audio that waits for the kernel to take more."""
        return self._outbox.audio_ms

    @property
    def dropped_audio_ms(self) -> float:
        """Audio that was handed in and will never reach the service."""
        return self._outbox.dropped_audio_ms + self._unsent_audio_ms

    @property
    def silent_s(self) -> float:
        """Since when not one byte came from the service, pongs included."""
        return asyncio.get_running_loop().time() - self._wire.heard_at

    def probe(self) -> None:
        """Find out soon whether the connection still lives."""
        self._watch.probe()

    def send(self, text: bytes, *, audio_ms: float = 0.0) -> None:
        """Send or queue one text message; returns at once.

        Args:
            text: UTF-8.
            audio_ms: How much audio it carries. Audio may be dropped, everything else never is.
        """
        now = self._watch.activity()
        if not self._wire.is_open:
            self._unsent_audio_ms += audio_ms
        elif self._wire.blocked_at is not None:
            self._enqueue(text, audio_ms, now)
        else:
            self._write(text, audio_ms)

    def forget_audio(self, newest_ms: float) -> None:
        """Drop so much of the audio that was sent last, as far as it still waits."""
        self._outbox.forget(newest_ms)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Messages until the end, whatever ended it; bytes where the message is no UTF-8."""
        try:
            while True:
                message = await self._wire.recv(decode=False)
                self._watch.activity()
                try:
                    text = message.decode()
                except UnicodeDecodeError:
                    yield message
                else:
                    yield text
        except ConnectionClosed:
            return

    async def drain(self) -> None:
        """Wait until the kernel took everything, or the connection ended."""
        while self.closing is None and self._wire.blocked_at is not None:
            self._drained.clear()
            await self._drained.wait()

    async def close(self) -> None:
        """Say goodbye, and end within `close_s` whatever the network does."""
        self._wire.ours = True
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self._wire.close()
        except TimeoutError:
            logger.debug("! no goodbye from the service")
        finally:
            self._wire.transport.abort()
        await self._wire.wait_closed()

    def abort(self) -> None:
        """End without a goodbye; `closing` follows on the next turn of the loop."""
        self._wire.ours = True
        self._wire.transport.abort()

    def _write(self, text: bytes, audio_ms: float) -> None:
        if not audio_ms and len(text) > LARGE_BYTES:
            self._watch.excuse(len(text) / SLOWEST_BYTES_S)
        self._wire.write_text(text)

    def _enqueue(self, text: bytes, audio_ms: float, now_s: float) -> None:
        before_ms = self._outbox.dropped_audio_ms
        self._outbox.put(text, audio_ms, now_s)
        if not before_ms and self._outbox.dropped_audio_ms:
            logger.warning("the network takes less than we say: dropping the oldest sound")

    def _flush(self) -> None:
        while self._wire.blocked_at is None and self._wire.is_open:
            waiting = self._outbox.take()
            if waiting is None:
                self._drained.set()
                return
            self._write(*waiting)

    def _lost(self) -> None:
        self._watch.stop()
        self._outbox.clear()
        self._drained.set()


class Dialer:
    """Opens connections, and remembers from one attempt to the next what helps.

    Names are looked up in daemon threads: asyncio's own executor would hold up the end of the
    process for as long as a dead name service takes. An attempt that comes while a lookup still
    runs waits for that one, so that a slow name service is merely slow.
    """

    def __init__(self) -> None:
        self._lookups: dict[str, asyncio.Task[list[str]]] = {}
        self._worked: dict[str, tuple[str, float]] = {}
        self._tls: ssl.SSLContext | None = None

    async def dial(
        self, url: str, headers: Mapping[str, str], *, open_timeout_s: float, limits: Limits
    ) -> Wire:
        """Connect and shake hands; raises as `Socket.open`."""
        target = Target.parse(url)
        hidden = hiding(headers)
        try:
            async with asyncio.timeout(open_timeout_s):
                options = await self._route(target, open_timeout_s)
                wire = await _Connect(
                    url,
                    create_connection=Wire,
                    additional_headers=headers,
                    compression=None,  # costs half as much CPU again
                    max_size=MAX_MESSAGE_BYTES,
                    max_queue=None,  # reading must never stop: pongs would starve
                    # Above one byte the transport reports that it is full: what waits, waits in
                    # our own queue, where it can be dropped.
                    write_limit=(1, 0),
                    ping_interval=None,  # its keepalive hangs behind a full write buffer
                    close_timeout=limits.close_s,
                    open_timeout=None,
                    logger=library_logger,
                    **options,
                )
        except (OSError, WebSocketException) as error:
            logger.debug("! %s: %s", target.where, hidden(repr(error))[:LOGGED_CHARS])
            if isinstance(error, TimeoutError) and target.host in self._lookups:
                raise refusal(_no_name_service(), target.where) from None
            raise refusal(error, target.where) from None  # its text could repeat the key
        assert isinstance(wire, Wire)
        wire.hidden = hidden
        self._remember(target.host, wire.remote_address)
        return wire

    async def _route(self, target: Target, within_s: float) -> dict[str, Any]:
        options: dict[str, Any] = {"proxy": None}
        if target.secure:
            options["ssl"] = self._tls = self._tls or _tls_context()
        proxy = proxy_for(target)
        if proxy is not None:
            [address, *_] = await self._addresses(proxy.host, within_s)
            options["proxy"] = proxy.at(address)
            if proxy.secure:
                options["proxy_server_hostname"] = proxy.host
            return options
        addresses = await self._addresses(target.host, within_s)
        if len(addresses) == 1:
            return options | {"host": addresses[0], "port": target.port}
        return options | {"sock": await first_to_answer(addresses, target.port)}

    async def _addresses(self, host: str, within_s: float) -> list[str]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        address, at = self._worked.get(host, ("", 0.0))
        known = address and asyncio.get_running_loop().time() - at < REMEMBER_S
        # Leave time for the address that worked before, or for a word about the name.
        patience_s = min(LOOKUP_S, within_s * (0.5 if known else 0.9))
        try:
            async with asyncio.timeout(patience_s):
                return await asyncio.shield(self._lookup(host))
        except OSError as error:
            if known:
                logger.debug("! no name service, using the last address of %s", host)
                return [address]
            raise _no_name_service() from error

    def _lookup(self, host: str) -> asyncio.Task[list[str]]:
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = asyncio.create_task(in_daemon_thread(lambda: resolve(host)))
            self._lookups[host] = lookup
            lookup.add_done_callback(lambda done: self._looked_up(host, done))
        return lookup

    def _looked_up(self, host: str, lookup: asyncio.Task[list[str]]) -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            lookup.exception()  # seen, even when nobody waits any more

    def _remember(self, host: str, peer: Any) -> None:
        if isinstance(peer, tuple):
            self._worked[host] = (str(peer[0]), asyncio.get_running_loop().time())


def _no_name_service() -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, "no answer from the name service")


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow nobody: the credentials are for this address alone."""
        return exc


async def in_daemon_thread(function: Callable[[], T]) -> T:
    """Run what blocks in a thread that the end of the process does not wait for."""
    outcomes: Mailbox[Future[T]] = Mailbox(asyncio.get_running_loop())

    def run() -> None:
        outcome: Future[T] = Future()
        try:
            outcome.set_result(function())
        except Exception as error:  # noqa: BLE001 - the outermost frame of a thread
            outcome.set_exception(error)
        outcomes.post(outcome)

    threading.Thread(target=run, name="pi-voice-network", daemon=True).start()
    async for outcome in outcomes:
        outcomes.close()
        settled = outcome
    return settled.result()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
