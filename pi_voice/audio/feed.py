"""One sound on its way from the rate of the wire to that of the card."""

from __future__ import annotations

from collections import deque

import numpy as np

from pi_voice.audio.resample import Resampler, Samples, Signal, from_pcm, to_pcm
from pi_voice.frames import SAMPLE_BYTES, AudioFormat

# Made at once: the first call of numpy after a rest costs 100 µs, however little it has to do.
AHEAD_MS = 400.0


class Feed:
    """One sound on its way from the rate of the wire to that of the card.

    Attributes:
        ended: Nothing more will be added.
        waiting: Samples of the wire that were not taken yet.
    """

    def __init__(self, wire_hz: int, device_hz: int) -> None:
        self.ended = False
        self._wire_hz = wire_hz
        self._device_hz = device_hz
        self._resampler = Resampler(wire_hz, device_hz)
        self._ahead = AudioFormat(device_hz).samples(AHEAD_MS)
        self._to_skip = self._resampler.delay_samples
        self._pieces: deque[Samples] = deque()
        self._half_sample = b""
        self._in_hand = np.zeros(0, np.float32)
        self._made = b""  # what is in hand, ready for the card
        self._made_taken = 0  # bytes of it
        self._added = 0
        self._handed_out = 0
        self._drained = False

    @property
    def taken(self) -> int:
        """Samples of the wire that were handed to the card, rounded down."""
        return min(self._added, self._handed_out * self._wire_hz // self._device_hz)

    @property
    def waiting(self) -> int:
        return self._added - self.taken

    @property
    def is_begun(self) -> bool:
        return self._handed_out > 0

    @property
    def is_over(self) -> bool:
        return self._drained and not len(self._in_hand)

    def add(self, pcm: bytes) -> None:
        pcm = self._half_sample + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        if whole:
            self._pieces.append(from_pcm(pcm[:whole]))
            self._added += whole // SAMPLE_BYTES

    def take(self, samples: int) -> Signal:
        """Up to so many samples of the card; fewer when it runs dry or ends. Yours to change."""
        self._in_hand = self._in_hand[self._made_taken // SAMPLE_BYTES :]
        self._made, self._made_taken = b"", 0
        while len(self._in_hand) < samples and self._pieces:
            short = max(samples, self._ahead) - len(self._in_hand) + self._to_skip
            self._feed(self._next(max(1, self._resampler.needs(short))))
        if self.ended and not self._pieces and not self._drained:
            self._drained = True
            self._keep(self._resampler.drain())
        part, self._in_hand = self._in_hand[:samples], self._in_hand[samples:]
        self._handed_out += len(part)
        return part

    def make(self, gain: float) -> None:
        """Get ready what is in hand, this loud."""
        self._made = to_pcm(self._in_hand if gain == 1.0 else self._in_hand * np.float32(gain))

    def take_made(self, samples: int, rest: int) -> bytes | None:
        """So many samples of what was made, unless less than `rest` of it would be left."""
        end = self._made_taken + samples * SAMPLE_BYTES
        if end + rest * SAMPLE_BYTES > len(self._made):
            return None
        pcm = self._made[self._made_taken : end]
        self._made_taken = end
        self._handed_out += samples
        return pcm

    def _next(self, samples: int) -> Samples:
        piece = self._pieces.popleft()
        if len(piece) > samples:
            self._pieces.appendleft(piece[samples:])
        return piece[:samples]

    def _feed(self, samples: Samples) -> None:
        self._keep(self._resampler.feed(samples))

    def _keep(self, made: Signal) -> None:
        skipped = min(self._to_skip, len(made))
        self._to_skip -= skipped
        made = made[skipped:]
        self._in_hand = np.concatenate((self._in_hand, made)) if len(self._in_hand) else made


class Item(Feed):
    """A part of a reply.

    Attributes:
        started: PlaybackStarted was reported.
        playing: It had its cushion and did not run dry since.
        starved: It ran dry, and nothing came since.
        to_fade_in: Samples of the fade after a gap that are still to be played.
    """

    def __init__(self, item_id: str, wire_hz: int, device_hz: int) -> None:
        super().__init__(wire_hz, device_hz)
        self.item_id = item_id
        self.started = False
        self.playing = False
        self.starved = False
        self.to_fade_in = 0
