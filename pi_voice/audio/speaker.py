"""The speaker: a card that opens when there is something to say, and a playback that it pulls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from pi_voice.audio.cards import Direction
from pi_voice.audio.flaps import FlapLog
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.stream import Call, CardRequest, Patience, Stream
from pi_voice.audio.worker import Worker
from pi_voice.bridge import Mailbox
from pi_voice.core.events import (
    PlaybackEnded,
    PlaybackReport,
    SpeakerEvent,
    SpeakerLost,
    SpeakerOpened,
)
from pi_voice.errors import DeviceError

logger = logging.getLogger(__name__)

BUFFER_MS = 20  # a stop is heard after the buffers of the card, of which there are two or three
IDLE_S = 30.0  # the next reply of a conversation comes sooner, and then the card is open
WATCH_S = 0.25
REST_S = 2.0  # a stream that plays nothing for so long is stopped; its card stays open
RETRY_S = 0.5
SEEK_S = 2.0  # between looks for a lost card while nothing waits: listing the cards takes 50 ms
KEPT_S = 2.0  # how late a reply may be; then its items end unheard
ANY_RATE_HZ = 48_000  # for the accounts of items that no card has taken
REMEMBERED = 16  # items that ended unheard, and whose late pieces are refused


class Playback(Protocol):
    """What is played; made for the rate of the card, owned by whoever calls `pull`.

    Attributes:
        volume: The factor on its samples.
    """

    volume: float

    @property
    def is_idle(self) -> bool: ...

    def play(self, item_id: str, pcm: bytes) -> None: ...

    def end_item(self, item_id: str) -> None: ...

    def stop(self) -> None: ...

    def play_sound(self, pcm: bytes) -> None: ...

    def pull(self, samples: int, *, now_s: float, delay_ms: float) -> bytes: ...

    def reports(self) -> list[PlaybackReport]: ...


class PyAudioSpeaker:
    """Plays through PyAudio, in callbacks.

    The loop appends commands; PortAudio's thread carries them out before each pull, so the
    playback needs no lock. While no stream runs, the worker's thread owns it in its place.

    A card that was prepared is open, but its stream runs only from the first sound until REST_S
    after the last: opening may take a second, starting takes a few ms, and silence costs 50
    callbacks a second, too.

    Attributes:
        gaps: Times at which the card ran out of sound because we were late.
    """

    def __init__(
        self,
        device: str,
        sound: PortAudio,
        playback: Callable[[int], Playback],
        *,
        buffer_ms: float = BUFFER_MS,
        idle_s: float = IDLE_S,
        patience: Patience | None = None,
        volume: Callable[[Stream], float] | None = None,
    ) -> None:
        """Choose the card; nothing is opened yet.

        Args:
            device: In the words of the configuration.
            sound: Shared with the microphone.
            playback: Makes one for a card of so many samples per second.
            buffer_ms: Sound per callback.
            idle_s: The card is closed after so much silence.
            patience: When the card counts as lost.
            volume: Sets that of a card that was opened; returns what is left for the samples.
        """
        self.gaps = 0
        self._request = CardRequest(device, Direction.SPEAKER, buffer_ms)
        self._sound = sound
        self._make = playback
        self._idle_s = idle_s
        self._patience = patience
        self._volume = volume
        self._commands: deque[Callable[[Playback], None]] = deque()
        self._runs = False  # who leaves a command need not wake the worker
        self._unheard: deque[str] = deque(maxlen=REMEMBERED)
        self._worker = Worker(
            "speaker",
            self._step,
            inside=sound,
            last=self._shut,
            ended=lambda: self._mailbox.close(),
        )
        # of the worker
        self._stream: Stream | None = None
        self._next_try_s = 0.0
        self._lost_s: float | None = None  # since when items wait for a card
        self._told = ""
        self._flaps = FlapLog(logger)
        # of PortAudio's thread while the stream runs, else of the worker
        self._playback: Playback | None = None
        self._rate_hz = 0
        self._used_s = 0.0
        self._pulled = False

    async def __aenter__(self) -> Self:
        self._mailbox: Mailbox[SpeakerEvent] = Mailbox(
            asyncio.get_running_loop(), may_drop=lambda _: False
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

    def prepare(self) -> None:
        self._worker.ask(_Wish.PREPARE)

    def play(self, item_id: str, pcm: bytes) -> None:
        if item_id not in self._unheard:
            self._command(lambda playback: playback.play(item_id, pcm))

    def end_item(self, item_id: str) -> None:
        if item_id not in self._unheard:
            self._command(lambda playback: playback.end_item(item_id))

    def stop(self) -> None:
        self._command(lambda playback: playback.stop(), _Wish.STOP)

    def play_sound(self, pcm: bytes) -> None:
        if pcm:
            self._command(lambda playback: playback.play_sound(pcm))

    def events(self) -> AsyncIterator[SpeakerEvent]:
        return aiter(self._mailbox)

    def _command(self, command: Callable[[Playback], None], wish: _Wish | None = None) -> None:
        self._commands.append(command)
        if not self._runs:  # the worker looks at the commands after it has stopped the stream
            self._worker.ask(wish or _Wish.PLAY)

    # -- in the worker's thread

    def _step(self, wish: _Wish | None) -> float | None:
        now_s = time.monotonic()
        if wish is _Wish.STOP and not self._runs:
            self._end_items()
        stream = self._stream
        try:
            if stream is None:
                return self._open(wish, now_s)
            if wish is _Wish.PREPARE:
                self._used_s = now_s
            return self._watch(stream, now_s)
        except DeviceError as error:
            return self._lose(error, now_s)

    def _open(self, wish: _Wish | None, now_s: float) -> float | None:
        """Get the card if it is needed, or to see whether it is back.

        Raises:
            DeviceError: It is not there.
        """
        if wish is not _Wish.PREPARE and not self._has_something_to_say() and not self._told:
            return None
        if now_s < self._next_try_s:
            return self._next_try_s - now_s
        self._stream = stream = self._sound.open(self._request, self._patience)
        if self._rate_hz != stream.format.rate_hz:
            if self._playback is not None and not self._playback.is_idle:
                self._end_items()
            self._rate_hz = stream.format.rate_hz
            self._playback = self._make(self._rate_hz)
        if self._volume is not None and self._playback is not None:
            self._playback.volume = self._volume(stream)
        self._used_s = now_s
        if self._has_something_to_say() or self._told:  # only a card that plays is back
            self._start(stream, now_s)
        return WATCH_S

    def _watch(self, stream: Stream, now_s: float) -> float | None:
        """See to it that sound flows while there is some.

        Raises:
            DeviceError: It does not.
        """
        if not self._runs:
            if self._has_something_to_say():
                self._start(stream, now_s)
                return WATCH_S
            if not self._sound.has(stream):  # a handle that is kept blocks its number
                fix = "Plug it in again; it is tried again by itself"
                raise self._request.error("was unplugged", fix)
        elif fault := stream.fault(now_s):
            raise fault
        if self._pulled and self._lost_s is not None:
            self._lost_s, self._told = None, ""
            self._flaps.found("the speaker plays again")
        rested_s = now_s - self._used_s
        if rested_s >= self._idle_s or self._sound.renewal_wanted:
            if self._halt():
                self._shut()
                return 0.0  # only now nobody can pull any more: one look at what is left
        elif self._runs and rested_s >= REST_S and not self._told and self._halt():
            stream.stop()
        return WATCH_S

    def _start(self, stream: Stream, now_s: float) -> None:
        self._used_s, self._pulled, self._runs = now_s, False, True
        stream.start(self._fill)

    def _halt(self) -> bool:
        """Let the stream pull no more, unless there is something to say."""
        if self._has_something_to_say():
            return False
        ran, self._runs = self._runs, False
        if self._has_something_to_say():  # it came before they began to wake this thread
            self._runs = ran
        return not self._has_something_to_say()

    def _lose(self, error: DeviceError, now_s: float) -> float | None:
        reason, is_news = str(error), str(error) != self._told
        if is_news:
            self._flaps.lost(reason, now_s)
        else:
            logger.debug("%s", reason)
        was_idle = self._stream is not None and not self._has_something_to_say()
        if not was_idle:
            if is_news:  # before the handle is given back: a dead driver may keep it
                self._mailbox.post(SpeakerLost(reason))
            self._told = reason
            self._lost_s = self._lost_s or now_s
        self._shut()
        if self._lost_s is not None and now_s - self._lost_s >= KEPT_S:
            self._end_items()
        pause_s = RETRY_S if self._has_something_to_say() else SEEK_S
        self._next_try_s = now_s + pause_s
        return pause_s if self._has_something_to_say() or self._told else None

    def _end_items(self) -> None:
        """End what nobody can hear, at the position that it reached."""
        if self._playback is None:
            self._rate_hz = ANY_RATE_HZ
            self._playback = self._make(ANY_RATE_HZ)
        while self._commands:
            self._commands.popleft()(self._playback)
        self._playback.stop()
        # a second later everything that was handed out has left the card
        self._playback.pull(self._rate_hz, now_s=time.monotonic() + 1, delay_ms=0)
        for report in self._playback.reports():
            if isinstance(report, PlaybackEnded) and report.interrupted:
                self._unheard.append(report.item_id)
            self._mailbox.post(report)

    def _has_something_to_say(self) -> bool:
        return bool(self._commands) or not (self._playback is None or self._playback.is_idle)

    def _shut(self) -> None:
        self._runs = False
        stream, self._stream = self._stream, None
        if stream is not None:
            self._sound.close(stream)

    # -- in PortAudio's thread

    def _fill(self, call: Call) -> bytes:
        stream, playback = self._stream, self._playback
        if stream is None or playback is None or not self._runs:
            return b""
        if not self._pulled:  # not before: a dead card can be opened, too
            self._pulled = True
            self._mailbox.post(SpeakerOpened())
        self.gaps += call.gap
        if not self._commands and playback.is_idle:
            return b""  # between replies, 50 times a second
        self._used_s = call.now_s
        while self._commands:
            self._commands.popleft()(playback)
        delay_ms = (call.at_s - call.now_s) * 1000
        pcm = playback.pull(call.samples, now_s=call.now_s, delay_ms=delay_ms)
        for report in playback.reports():
            self._mailbox.post(report)
        return _spread(pcm, stream.format.channels)


class _Wish(Enum):
    PREPARE = "prepare"
    PLAY = "play"
    STOP = "stop"


def _spread(pcm: bytes, channels: int) -> bytes:
    """The same sound in every channel of the card."""
    if channels == 1:
        return pcm
    return np.repeat(np.frombuffer(pcm, "<i2"), channels).tobytes()
