"""The one PortAudio of the process: its list of cards, and the way to open one."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import pyaudio

from pi_voice.audio.alsa import Chatter
from pi_voice.audio.cards import Direction, Kernel
from pi_voice.audio.inventory import LIST_THEM, Inventory, Pcm
from pi_voice.audio.stream import CardRequest, Patience, Stream
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioFormat

logger = logging.getLogger(__name__)

# 48 kHz first: nearly every codec runs at it, and 24 and 16 kHz are whole parts of it. What
# PortAudio proposes comes second: it says 44.1 kHz for every card that can be made to do it, and
# one rate for both ends of a card. The rest is for old headsets and for studios.
RATES_HZ = (48_000, 44_100, 24_000, 16_000, 32_000, 96_000, 22_050, 11_025, 8_000)
MOST_CHANNELS = 8  # of an array; a mixing desk has more, and most of them hear nobody
RENEW_S = 10.0  # a new list probes every PCM there could be: half a second of a Pi Zero's CPU
HELD_RENEW_S = 60.0  # whoever is open must close for it, and an open microphone misses words
SETTLE_S = 1.0  # a card that was just plugged in is listed before it can be used
_OTHER_FORMAT = (pyaudio.paInvalidSampleRate, pyaudio.paInvalidChannelCount)


class PortAudio:
    """Owns the PyAudio object; shared by the microphone and the speaker, from their threads.

    A context manager that counts its users: the last one ends the library. All calls may block
    for a second, so none of them belongs on the event loop.

    Attributes:
        renewal_wanted: Somebody did not find a card and waits for a new list, which can only be
            made while nothing is open: close what is of no use just now.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        self.renewal_wanted = False
        self._kernel = kernel or Kernel()
        self._lock = threading.Lock()  # PortAudio's own lists of streams are not safe in threads
        self._chatter = Chatter()
        self._users = 0
        self._streams = 0
        self._library: Any = None
        self._inventory = Inventory((), (), self._kernel)
        self._outdated = False  # a card was not found in it
        self._is_old = False  # it would be made anew, were nothing open
        self._listed_s = 0.0
        self._renew_s = RENEW_S
        self._worked: dict[CardRequest, AudioFormat] = {}

    def __enter__(self) -> Self:
        with self._lock:
            self._users += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._end()

    def inventory(self) -> Inventory:
        """The cards of now; an older list while a stream is open.

        Raises:
            DeviceError: PortAudio does not start.
        """
        with self._lock:
            return self._renewed()

    def open(self, request: CardRequest, patience: Patience | None = None) -> Stream:
        """Open a card at its own rate; it is silent until it is started.

        Raises:
            DeviceError: Not there, in use, or without a usable rate.
        """
        with self._lock:
            inventory = self._renewed()
            try:
                pcm = inventory.find(request.device, request.direction)
                card = inventory.card_of(pcm)
                # asked first, because PortAudio waits a second for a card that somebody else has
                if card and (no := inventory.refusal(request.device, request.direction, card)):
                    raise no
                stream = self._open(pcm, request, patience or Patience())
                card = card or self._kernel.held_by(os.getpid(), request.direction)
                stream.pcm, stream.card = pcm.name, card.number if card else None
            except DeviceError:
                self._outdated = True
                self.renewal_wanted = self._is_old
                raise
            self.renewal_wanted = False  # whoever still waits says so again at the next attempt
            self._streams += 1
            return stream

    def has(self, stream: Stream) -> bool:
        """Whether the card is still plugged in; of a sound server only its stream tells."""
        return stream.card is None or self._kernel.has(stream.card)

    def close(self, stream: Stream) -> None:
        """Give the card back; what still arrives meanwhile is dropped."""
        stream.mute()
        with self._lock:
            self._streams -= 1
            with self._chatter.hushed():
                stream.close()

    def rates_hz(self, pcm: Pcm, direction: Direction) -> tuple[int, ...]:
        """The usual rates at which one of the inventory opens, and its own; none while in use."""
        rates = dict.fromkeys((*RATES_HZ, pcm.rate_hz))
        with self._lock:
            return tuple(r for r in rates if any(self._opens(pcm, direction, r, c) for c in (1, 2)))

    # -- under the lock

    def _renewed(self) -> Inventory:
        """The list, made anew where that is needed and possible."""
        now = self._kernel.cards()
        moved = [card for card in self._inventory.cards if card not in now]
        changed = moved or len(now) != len(self._inventory.cards)
        age_s = time.monotonic() - self._listed_s
        longest_s = HELD_RENEW_S if self._streams else RENEW_S
        stale = self._outdated and age_s >= min(self._renew_s, longest_s)
        self._is_old = bool(changed or stale or self._library is None)
        if not self._is_old:
            return self._inventory
        if self._streams:
            return self._inventory.without(moved)
        self._renew_s = SETTLE_S if changed else 2 * self._renew_s
        self._end()
        self._begin()
        return self._inventory

    def _begin(self) -> None:
        self._chatter.install()
        try:
            with self._chatter.hushed():
                self._library = pyaudio.PyAudio()
        except OSError as error:
            self._chatter.restore()
            fix = "Run: pi-voice doctor"
            raise DeviceError("PortAudio", f"does not start ({error.strerror})", fix) from error
        cards = self._kernel.cards()
        self._inventory = Inventory(list(self._pcms()), cards, self._kernel)
        self._outdated = self._is_old = False
        self._listed_s = time.monotonic()

    def _end(self) -> None:
        if self._library is not None:
            with self._chatter.hushed():
                self._library.terminate()
            self._library = None
            self._chatter.restore()

    def _pcms(self) -> Iterator[Pcm]:
        defaults = {
            Direction.MICROPHONE: _index(self._library.get_default_input_device_info),
            Direction.SPEAKER: _index(self._library.get_default_output_device_info),
        }
        for index in range(self._library.get_device_count()):
            told = self._library.get_device_info_by_index(index)
            name = told["name"]  # bytes where PyAudio could not decode it
            yield Pcm(
                index,
                name if isinstance(name, str) else name.decode(errors="replace"),
                told["maxInputChannels"],
                told["maxOutputChannels"],
                int(told["defaultSampleRate"]),
                frozenset(d for d, default in defaults.items() if default == index),
            )

    def _open(self, pcm: Pcm, request: CardRequest, patience: Patience) -> Stream:
        reason: OSError | None = None
        self._chatter.forget()
        for card_format in self._formats(pcm, request):
            stream = Stream(request, card_format, patience)
            try:
                with self._chatter.hushed():
                    stream.open(self._library, pcm.index)
            except OSError as error:
                reason = error
                if error.errno not in _OTHER_FORMAT:
                    break
            else:
                self._worked[request] = card_format
                return stream
        raise self._failure(request, reason) from reason

    def _formats(self, pcm: Pcm, request: CardRequest) -> list[AudioFormat]:
        """What to try: what worked last, then the channels that are wanted at every rate."""
        last = self._worked.get(request)
        rates = dict.fromkeys((RATES_HZ[0], pcm.rate_hz, *RATES_HZ))
        counts = dict.fromkeys(_counts(pcm, request))
        formats = [AudioFormat(rate_hz, channels) for rate_hz in rates for channels in counts]
        return list(dict.fromkeys([last, *formats] if last else formats))

    def _failure(self, request: CardRequest, reason: OSError | None) -> DeviceError:
        if reason is None or reason.errno in _OTHER_FORMAT:
            rates = ", ".join(str(rate_hz) for rate_hz in RATES_HZ)
            return request.error(f"opens at none of {rates} Hz", LIST_THEM)
        words = "; ".join(filter(None, (str(reason.strerror), self._chatter.last)))
        fix = "Check its cable and its sound server; then run: pi-voice doctor"
        return request.error(f"does not open ({words})", fix)

    def _opens(self, pcm: Pcm, direction: Direction, rate_hz: int, channels: int) -> bool:
        end = "input" if direction is Direction.MICROPHONE else "output"
        wanted = {
            f"{end}_device": pcm.index,
            f"{end}_channels": channels,
            f"{end}_format": pyaudio.paInt16,
        }
        try:
            with self._chatter.hushed():
                return bool(self._library.is_format_supported(rate_hz, **wanted))
        except (OSError, ValueError):  # how PyAudio says no
            return False


def _counts(pcm: Pcm, request: CardRequest) -> tuple[int, ...]:
    """Channels to try; no more than there are, and whoever misses one makes do without.

    All of a card must be asked for: of fewer PortAudio gives the first and drops the rest. What is
    no card mixes them by itself, and offers as many as anybody may want.
    """
    own = pcm.channels(request.direction)
    if request.channels is None:
        return own if pcm.place and own <= MOST_CHANNELS else 1, 1, 2
    wanted = min(request.channels, own)
    return wanted, max(2, wanted)


def _index(ask: Callable[[], Mapping[str, Any]]) -> int | None:
    try:
        return int(ask()["index"])
    except OSError:  # no such device
        return None
