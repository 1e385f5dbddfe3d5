"""What the speaker plays: order, cushion, fades, and how much of each item was heard.

Pure: no thread, no clock, no card. Whoever pulls owns it (the callback thread of a card, the task
of a simulated speaker) and makes all other calls from the same place. Sound waits at the rate of
the wire and is resampled at the edge, so that two minutes of a reply are 6 MB and stopping costs
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from pi_voice.audio.feed import Feed, Item
from pi_voice.audio.resample import Signal, to_pcm
from pi_voice.core.events import PlaybackEnded, PlaybackFull, PlaybackReport, PlaybackStarted
from pi_voice.frames import SAMPLE_BYTES, AudioFormat

CUSHION_MS = 120.0  # on bad Wi-Fi 0.05 gaps per reply instead of 0.22; beyond it helps little
AFTER_GAP_MS = 200.0  # the network has shown that the cushion was too thin …
LONGEST_CUSHION_MS = 500.0  # … doubling up to here, where waiting is worse than a gap
CLEAN_S = 30.0  # without a gap for so long, the first cushion is enough again
FADE_MS = 5.0  # 15 dB less click than a hard cut; longer gains nothing (measured on vowels)
LONGEST_QUEUE_MS = 120_000.0  # 6 MB at the rate of the wire; nobody listens for so long
REMEMBERED = 256  # ended items whose late pieces are refused; a reply has one or two


class Playback:
    """Turns items of mono sound at the rate of the wire into blocks for the card.

    Attributes:
        volume: Gain from 0 to 1; a change is spread over one fade.
        underruns: Gaps in the middle of an item because the network was late.
    """

    def __init__(
        self,
        *,
        wire: AudioFormat,
        device_rate_hz: int,
        cushion_ms: float = CUSHION_MS,
        far_end: Callable[[bytes, int], None] | None = None,
    ) -> None:
        """Take the rates.

        Args:
            wire: What is played; mono.
            device_rate_hz: What is handed out.
            cushion_ms: Sound that is collected before an item begins.
            far_end: Is told each block that is handed out and its rate in Hz, as the card gets
                it, in the thread that pulls; nothing while there is nothing to play.
        """
        self.volume = 1.0
        self.underruns = 0
        self._wire = wire
        self._device = AudioFormat(device_rate_hz)
        self._fade_samples = self._device.samples(FADE_MS)
        self._first_cushion_ms = self._cushion_ms = cushion_ms
        self._far_end = far_end
        self._gap_s = 0.0
        self._gain = 1.0
        self._items: deque[Item] = deque()
        self._sounds: list[Feed] = []
        self._cut = np.zeros(0, np.float32)  # the faded end of what was stopped
        self._leaving: deque[tuple[float, PlaybackEnded]] = deque()  # on the way to the ear, until
        self._over: dict[str, None] = {}  # ids that may not come back, oldest first
        self._reports: list[PlaybackReport] = []
        self._full_item = ""
        Feed(wire.rate_hz, device_rate_hz)  # builds the filter here, not in a callback

    @property
    def is_idle(self) -> bool:
        """Nothing plays, waits, or is on its way through the card."""
        return not (self._items or self._sounds or self._leaving or len(self._cut))

    @property
    def queued_ms(self) -> float:
        """What waits of all items."""
        return sum(item.waiting for item in self._items) * 1000 / self._wire.rate_hz

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue a piece; ignored for an item that ended or was stopped."""
        item = self._item(item_id) if pcm else None
        if item is None or item.ended:
            return
        if item.starved:
            item.starved = False
            self.underruns += 1
            thin = self._cushion_ms < AFTER_GAP_MS
            longer_ms = AFTER_GAP_MS if thin else min(2 * self._cushion_ms, LONGEST_CUSHION_MS)
            self._cushion_ms = max(self._cushion_ms, longer_ms)
        item.add(pcm)
        if self.queued_ms > LONGEST_QUEUE_MS and item_id != self._full_item:
            self._full_item = item_id
            self._reports.append(PlaybackFull(item_id))

    def end_item(self, item_id: str) -> None:
        """Nothing more of it comes; PlaybackEnded follows when its last sample was heard."""
        item = self._item(item_id)
        if item is not None:
            item.ended = True

    def stop(self) -> None:
        """Let the next pull fade out what is being heard, and forget all items and sounds.

        What was handed out can no longer be taken back, so positions are known here.
        """
        faded = np.zeros(self._fade_samples, np.float32)
        if self._items and self._items[0].playing:
            part = self._take(self._items[0], self._fade_samples)
            faded[: len(part)] = part
        self._sounds = [sound for sound in self._sounds if sound.is_begun]
        self._mix_sounds(faded)
        if faded.any():  # and then nothing of an earlier stop is left: that is played first
            self._cut = faded * _ramp(self._fade_samples)[::-1]
        for item in self._items:
            self._reports.append(PlaybackEnded(item.item_id, self._heard_ms(item), True))
            self._forget(item)
        self._items.clear()
        self._sounds.clear()

    def play_sound(self, pcm: bytes) -> None:
        """Mix a short sound in at once, beside whatever plays."""
        sound = Feed(self._wire.rate_hz, self._device.rate_hz)
        sound.add(pcm)
        sound.ended = True
        self._sounds.append(sound)

    def pull(self, samples: int, *, now_s: float, delay_ms: float) -> bytes:
        """The next block for the card; always of the asked length.

        Args:
            samples: How many mono samples the card wants, at its rate.
            now_s: The time of the call.
            delay_ms: How long from now until the first of them is heard.
        """
        while self._leaving and self._leaving[0][0] <= now_s:
            self._reports.append(self._leaving.popleft()[1])
        if not (self._items or self._sounds or len(self._cut)):
            self._gain = self.volume
            return bytes(samples * SAMPLE_BYTES)
        pcm = self._made_before(samples) or self._make(samples, now_s, now_s + delay_ms / 1000)
        if self._far_end is not None:
            self._far_end(pcm, self._device.rate_hz)
        return pcm

    def reports(self) -> list[PlaybackReport]:
        """What became of the items since the last call."""
        reports, self._reports = self._reports, []
        return reports

    def _made_before(self, samples: int) -> bytes | None:
        """The next block, if it is the middle of an item and nothing else is heard."""
        if not self._items or self._sounds or len(self._cut) or self._gain != self.volume:
            return None
        item = self._items[0]
        if not item.playing or item.to_fade_in:
            return None
        return item.take_made(samples, self._fade_samples)  # for the fade where it runs dry

    def _make(self, samples: int, now_s: float, first_s: float) -> bytes:
        block = np.zeros(samples, np.float32)
        done = min(samples, len(self._cut))
        block[:done] = self._cut[:done]
        self._cut = self._cut[done:]
        self._play_items(block, done, now_s, first_s)
        self._mix_sounds(block[done:])
        block = self._with_volume(block)
        if self._items and self._items[0].playing and not self._sounds:
            self._items[0].make(self._gain)
        return to_pcm(block)

    def _play_items(self, block: Signal, done: int, now_s: float, first_s: float) -> None:
        rate_hz = self._device.rate_hz
        while done < len(block) and self._items:
            item = self._items[0]
            if not self._may_play(item, now_s):
                return
            part = self._part(item, len(block) - done, now_s)
            if len(part) and not item.started:
                item.started = True
                at_s = first_s + done / rate_hz
                self._reports.append(PlaybackStarted(item.item_id, at_s))
            block[done : done + len(part)] = part
            done += len(part)
            if item.is_over:
                ended = PlaybackEnded(item.item_id, self._heard_ms(item), False)
                self._leaving.append((first_s + done / rate_hz, ended))
                self._forget(self._items.popleft())
            elif not item.playing:
                return

    def _may_play(self, item: Item, now_s: float) -> bool:
        if not item.playing:
            if now_s - self._gap_s >= CLEAN_S:
                self._cushion_ms = self._first_cushion_ms
            enough = item.waiting >= self._wire.samples(self._cushion_ms)
            item.playing = item.ended or enough
        return item.playing

    def _part(self, item: Item, samples: int, now_s: float) -> Signal:
        """The next of an item; where it runs dry, with a fade while there is enough in hand."""
        dry = self._runs_dry(item, samples)
        part = self._take(item, samples)
        if dry:
            ramp = _ramp(min(self._fade_samples, len(part)))[::-1]
            part[len(part) - len(ramp) :] *= ramp
            item.playing, item.starved, item.to_fade_in = False, True, self._fade_samples
            self._gap_s = now_s
        return part

    def _runs_dry(self, item: Item, samples: int) -> bool:
        wanted = (samples + self._fade_samples) * self._wire.rate_hz
        return not item.ended and item.waiting * self._device.rate_hz < wanted

    def _take(self, item: Item, samples: int) -> Signal:
        part = item.take(samples)
        if item.to_fade_in:
            ramp = _ramp(self._fade_samples)[-item.to_fade_in :][: len(part)]
            part[: len(ramp)] *= ramp
            item.to_fade_in -= len(ramp)
        return part

    def _mix_sounds(self, block: Signal) -> None:
        for sound in self._sounds:
            part = sound.take(len(block))
            block[: len(part)] += part
        self._sounds = [sound for sound in self._sounds if not sound.is_over]

    def _with_volume(self, block: Signal) -> Signal:
        if self._gain != self.volume:
            steps = min(self._fade_samples, len(block))
            block[:steps] *= self._gain + (self.volume - self._gain) * _ramp(steps)
            block[steps:] *= self.volume
            self._gain = self.volume
        elif self._gain != 1.0:
            block *= self._gain
        return block

    def _item(self, item_id: str) -> Item | None:
        for item in self._items:
            if item.item_id == item_id:
                return item
        if item_id in self._over:
            return None
        item = Item(item_id, self._wire.rate_hz, self._device.rate_hz)
        self._items.append(item)
        return item

    def _forget(self, item: Item) -> None:
        self._over[item.item_id] = None
        if len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]

    def _heard_ms(self, item: Item) -> float:
        return item.taken * 1000 / self._wire.rate_hz


def _ramp(samples: int) -> Signal:
    """Rises from just above 0 to 1."""
    return np.arange(1, samples + 1, dtype=np.float32) / np.float32(max(1, samples))
