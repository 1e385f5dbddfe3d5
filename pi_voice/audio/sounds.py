"""Short sounds that tell what is going on: tones made here, and sentences that ship with us."""

from __future__ import annotations

import logging
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pi_voice.audio.resample import Resampler, Signal, from_pcm, to_pcm
from pi_voice.core.actions import Sound
from pi_voice.frames import AudioFormat

logger = logging.getLogger(__name__)

CLIPS = Path(__file__).parent.parent / "sounds"  # a folder per language, a WAV file per sound
ENGLISH = "en"
PAUSE_MS = 150.0  # between the tone, which makes one listen, and the sentence
KEPT = 4  # sounds made and remembered: a sentence takes up to 150 kB
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
    Sound.SAFE_MODE: _code(1, 4),
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
    """Gives each sound as mono samples at the rate of the wire: a tone, and a sentence if there is.

    What has no sentence in the language of the box has one in English, or the tone alone.
    """

    def __init__(
        self,
        wire: AudioFormat,
        *,
        gain: float = 1.0,
        language: str = ENGLISH,
        clips: Path = CLIPS,
    ) -> None:
        """Take the shape.

        Args:
            wire: Rate of the samples.
            gain: From 0 to 1, beside the volume of the speaker; with 0 every sound is empty.
            language: The folder of its sentences.
            clips: The folder of the languages.
        """
        self._wire = wire
        self._gain = gain
        self._folders = [clips / name for name in dict.fromkeys((language, ENGLISH))]
        self._made: dict[Sound, bytes] = {}

    def __call__(self, sound: Sound) -> bytes:
        if not self._gain:  # silence would wake the card all the same
            return b""
        made = self._made.pop(sound, None) or self._make(sound)
        self._made[sound] = made  # the newest are at the end
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        return made

    def _make(self, sound: Sound) -> bytes:
        tones = [self._tone(note) for note in MELODIES[sound]]
        parts = [np.concatenate(tones) * np.float32(PEAK)]
        sentence = self._sentence(sound)
        if len(sentence):
            parts += [self._tone(Note(0.0, PAUSE_MS)), sentence]
        return to_pcm(np.concatenate(parts) * np.float32(self._gain))

    def _sentence(self, sound: Sound) -> Signal:
        """What is said about it, from -32768 to 32767; empty if nothing is."""
        for folder in self._folders:
            path = folder / f"{sound}.wav"
            if path.exists():
                try:
                    return _recording(path, self._wire.rate_hz)
                except (OSError, EOFError, wave.Error, ValueError) as error:
                    logger.warning(
                        "%s cannot be played (%s); replace it by 16-bit mono PCM", path, error
                    )
        return np.zeros(0, np.float32)

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


def _recording(path: Path, rate_hz: int) -> Signal:
    """A WAV file at another rate.

    Raises:
        ValueError: It is not 16-bit mono, or of a rate that no card has.
    """
    with wave.open(str(path)) as file:
        channels, width, hz, count, *_ = file.getparams()
        if (channels, width) != (1, 2):
            raise ValueError(f"it has {channels} channels of {8 * width} bits")
        pcm = file.readframes(count)
    resampler = Resampler(hz, rate_hz)
    return np.concatenate([resampler.feed(from_pcm(pcm)), resampler.drain()])
