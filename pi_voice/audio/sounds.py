"""Short sounds that tell without words what is going on; made here, never fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pi_voice.audio.resample import Signal, to_pcm
from pi_voice.core.actions import Sound
from pi_voice.frames import AudioFormat

PEAK = 4000.0  # -18 dB: below a voice, which peaks near full scale
ATTACK_MS = 6.0  # soft enough not to click, short enough to keep a rhythm
RELEASE_MS = 30.0


@dataclass(frozen=True, slots=True)
class Note:
    """One tone, or a rest where `hz` is 0."""

    hz: float
    ms: float


# Small speakers are silent below 300 Hz and shrill above 2 kHz.
_A4, _C5, _E5, _A5, _C6, _E6 = 440.0, 523.25, 659.26, 880.0, 1046.5, 1318.51
_REST = Note(0.0, 50.0)
_DOT = Note(_A4, 60.0)
_DASH = Note(_A4, 150.0)


def _code(dashes: int, dots: int) -> tuple[Note, ...]:
    """The rhythm of the light: long notes say where to look, short ones what for."""
    notes = [_DASH] * dashes + [_DOT] * dots
    return tuple(part for note in notes for part in (_REST, note))[1:]


# Up is open and well, down is closed; one low pitch in a rhythm is something to look after.
MELODIES: Mapping[Sound, tuple[Note, ...]] = {
    Sound.READY: (Note(_C5, 80), Note(_E5, 80), Note(_C6, 180)),
    Sound.MUTED: (Note(_A5, 80), Note(_E5, 160)),
    Sound.UNMUTED: (Note(_E5, 80), Note(_A5, 160)),
    Sound.TOO_LONG: (Note(_E6, 80), Note(_C6, 80), Note(_A5, 160)),
    Sound.NO_REPLY: _code(2, 0),
    Sound.NO_MICROPHONE: _code(1, 2),
    Sound.NO_SPEAKER: _code(1, 3),
    Sound.NO_NETWORK: _code(0, 2),
    Sound.SERVICE_DOWN: _code(0, 3),
    Sound.CLOCK_WRONG: _code(0, 4),
    Sound.CERTIFICATE: _code(0, 5),
    Sound.KEY_REFUSED: _code(2, 1),
    Sound.QUOTA_SPENT: _code(2, 2),
    Sound.BUDGET_SPENT: _code(2, 3),
    Sound.MISCONFIGURED: _code(2, 4),
}


class Sounds:
    """Gives each sound as mono samples at the rate of the wire; each is made once.

    A recorded sentence would take the place of a melody in `__call__`, and nowhere else.
    """

    def __init__(self, wire: AudioFormat, *, gain: float = 1.0) -> None:
        """Take the shape.

        Args:
            wire: Rate of the samples.
            gain: From 0 to 1, beside the volume of the speaker.
        """
        self._wire = wire
        self._gain = gain
        self._made: dict[Sound, bytes] = {}

    def __call__(self, sound: Sound) -> bytes:
        if sound not in self._made:
            tones = [self._tone(note) for note in MELODIES[sound]]
            self._made[sound] = to_pcm(np.concatenate(tones) * np.float32(self._gain * PEAK))
        return self._made[sound]

    def _tone(self, note: Note) -> Signal:
        """A sine with a little of its octave, which small speakers make warmer, from -1 to 1."""
        samples = self._wire.samples(note.ms)
        if not note.hz:
            return np.zeros(samples, np.float32)
        ms = np.arange(samples) * 1000 / self._wire.rate_hz
        phase = 2 * np.pi * note.hz * ms / 1000
        tone = 0.8 * np.sin(phase) + 0.2 * np.sin(2 * phase)
        envelope = np.minimum(ms / ATTACK_MS, (note.ms - ms) / RELEASE_MS).clip(0, 1)
        shaped: Signal = (tone * np.sin(envelope * np.pi / 2) ** 2).astype(np.float32)
        return shaped
