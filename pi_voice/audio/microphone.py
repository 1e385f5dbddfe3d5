"""The microphone: a card that is open exactly while it is wanted, and watched meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from pi_voice.audio.cards import Direction
from pi_voice.audio.flaps import FlapLog
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.stream import Call, CardRequest, Patience, Stream
from pi_voice.audio.worker import Worker
from pi_voice.bridge import Mailbox
from pi_voice.core.events import MicClosed, MicEvent, MicLost, MicOpened
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioBatch

logger = logging.getLogger(__name__)

WATCH_S = 0.25  # between looks at an open card; a fourth of the silence that counts as lost
FIRST_RETRY_S = 0.25
BUNDLE_MS = 200.0  # a fifth of the wake-ups at 40 ms; a voice is noticed 0.1 s later, and whole
LONGEST_RETRY_S = 2.0  # a card that was plugged in again works within three seconds


class PyAudioMicrophone:
    """Hears through PyAudio, in callbacks; a blocking read of a card that went never returns.

    The loop only leaves wishes; a thread of its own opens, watches and closes the card. MicOpened
    comes with the first sound, so that nobody is told of a microphone that does not hear.

    Attributes:
        is_relaxed: It wakes the loop only now and then.
    """

    def __init__(
        self,
        device: str,
        sound: PortAudio,
        *,
        batch_ms: float = 40,
        channels: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Choose the card; nothing is opened yet.

        Args:
            device: In the words of the configuration.
            sound: Shared with the speaker.
            batch_ms: Sound per AudioBatch, for one wake-up of the loop each.
            channels: The fewest that are of use; None for all that the card has.
            patience: When the card counts as lost.
        """
        self.is_relaxed = False
        self._request = CardRequest(device, Direction.MICROPHONE, batch_ms, channels)
        self._sound = sound
        self._patience = patience
        self._worker = Worker(
            "microphone",
            self._step,
            inside=sound,
            last=self._shut,
            ended=lambda: self._mailbox.close(),
        )
        self._closings = 0  # of the loop: sound of before the last `close` belongs to nobody
        # of the worker
        self._session: int | None = None  # of the wish to be open; None: closed
        self._stream: Stream | None = None
        self._retry_s = FIRST_RETRY_S
        self._told = ""
        self._flaps = FlapLog(logger)
        # of the callback, while the stream runs
        self._bundled_ms = 0.0
        self._opened = False  # MicOpened was posted
        self._gap = False

    @property
    def dropped(self) -> int:
        """Batches and times that were lost because the loop was late."""
        return self._mailbox.dropped

    async def __aenter__(self) -> Self:
        self._mailbox: Mailbox[_Heard | MicEvent] = Mailbox(
            asyncio.get_running_loop(), may_drop=lambda item: isinstance(item, _Heard)
        )
        await self._worker.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._worker.__aexit__(kind, error, trace)

    def open(self) -> None:
        self._worker.ask(_Open(self._closings))

    def close(self) -> None:
        self._closings += 1
        self._worker.ask(_Close())

    def relax(self, *, relaxed: bool) -> None:
        """Wake the loop only every BUNDLE_MS, while nobody waits for a single batch."""
        self.is_relaxed = relaxed

    async def events(self) -> AsyncIterator[AudioBatch | MicEvent]:
        dropped = 0
        async for item in self._mailbox:
            if not isinstance(item, _Heard):
                yield item
            elif item.session == self._closings:
                missed = self._mailbox.dropped > dropped
                dropped = self._mailbox.dropped
                yield dataclasses.replace(item.batch, lost=True) if missed else item.batch

    # -- in the worker's thread

    def _step(self, wish: _Open | _Close | None) -> float | None:
        match wish:
            case _Open(session):
                if self._opened:
                    self._mailbox.post(MicOpened())
                self._session = session
            case _Close():
                self._shut()
                self._session, self._opened, self._told = None, False, ""
                self._mailbox.post(MicClosed())
        if self._session is None:
            return None
        try:
            return self._watch(time.monotonic())
        except DeviceError as error:
            return self._lose(error)

    def _watch(self, now_s: float) -> float:
        """See to it that sound flows; returns the seconds until the next look.

        Raises:
            DeviceError: It does not.
        """
        stream = self._stream
        if stream is None:
            self._begin()
        elif fault := stream.fault(now_s):
            raise fault
        elif self._sound.renewal_wanted:
            # the speaker must look for its card, and can only do so while nothing is open
            self._shut()
            self._gap = True
            self._begin()
        elif self._opened and self._told:
            self._told, self._retry_s = "", FIRST_RETRY_S
            self._flaps.found("the microphone hears again")
        return WATCH_S

    def _begin(self) -> None:
        self._stream = self._sound.open(self._request, self._patience)
        self._stream.start(self._hear)

    def _lose(self, error: DeviceError) -> float:
        reason, was_open, is_news = str(error), self._opened, str(error) != self._told
        if is_news:
            self._flaps.lost(reason, time.monotonic())
        else:
            logger.debug("%s", reason)
        if was_open or is_news:  # before the handle is given back: a dead driver may keep it
            self._mailbox.post(MicLost(reason))
        self._shut()
        if self._opened and not was_open:  # its first sound came while we gave it up
            self._mailbox.post(MicLost(reason))
        self._opened, self._told = False, reason
        if self._sound.renewal_wanted:  # the speaker makes room within a moment, once it rests
            return FIRST_RETRY_S
        wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, LONGEST_RETRY_S)
        return wait_s

    def _shut(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._sound.close(stream)

    # -- in PortAudio's thread

    def _hear(self, call: Call) -> bytes:
        stream, session = self._stream, self._session
        if stream is not None and session is not None:
            if not self._opened:
                self._opened = True
                self._mailbox.post(MicOpened())
            lost, self._gap = call.gap or self._gap, False
            batch = AudioBatch(call.pcm, stream.format, call.at_s, lost)
            self._bundled_ms += self._request.batch_ms
            wake = not self.is_relaxed or self._bundled_ms >= BUNDLE_MS
            if wake:
                self._bundled_ms = 0.0
            self._mailbox.post(_Heard(session, batch), wake=wake)
        return b""


class _Heard(NamedTuple):
    session: int
    batch: AudioBatch


@dataclass(frozen=True, slots=True)
class _Open:
    session: int


@dataclass(frozen=True, slots=True)
class _Close:
    pass
