"""A talker, a room and noises made of numbers: the same on every machine, 16 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pi_voice.frames import DETECTOR, FRAME_MS

RATE_HZ = DETECTOR.rate_hz
FRAME = DETECTOR.samples(FRAME_MS)
FULL_SCALE = 32768.0

Wave = NDArray[np.float64]

# First three formants in Hz of a, e, i, o, u and schwa (Peterson and Barney 1952, rounded).
VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (490, 1350, 1690),
)
FORMANT_WIDTH_HZ = 90.0


def amplitude(db: float) -> float:
    return float(10 ** (db / 20))


def rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(wave**2)))


def vowel(random: np.random.Generator, pitch_hz: float, ms: float) -> Wave:
    """Harmonics of a gliding pitch under the formants of one vowel."""
    samples = round(ms * RATE_HZ / 1000)
    glide = np.linspace(1.0, random.uniform(0.8, 1.15), samples)
    phase = 2 * np.pi * np.cumsum(pitch_hz * glide) / RATE_HZ
    formants = np.array(VOWELS[random.integers(len(VOWELS))]) * random.uniform(0.95, 1.15)
    wave = np.zeros(samples)
    for harmonic in range(1, int(4500 / pitch_hz)):
        hz = harmonic * pitch_hz
        gain = np.sum(1 / (1 + ((hz - formants) / FORMANT_WIDTH_HZ) ** 2)) / harmonic**0.5
        wave += gain * np.sin(harmonic * phase + random.uniform(0, 2 * np.pi))
    rise, fall = round(0.02 * RATE_HZ), round(0.04 * RATE_HZ)
    wave[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    wave[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return wave / rms(wave)


def hiss(random: np.random.Generator, ms: float) -> Wave:
    """A consonant without voice: noise between 2 and 7 kHz that swells."""
    samples = round(ms * RATE_HZ / 1000)
    spectrum = np.fft.rfft(random.normal(size=samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    wave = np.fft.irfft(spectrum * ((hz > 2000) & (hz < 7000)), samples)
    return wave / rms(wave) * np.sin(np.linspace(0, np.pi, samples))


def utterance(seed: int) -> Wave:
    """Two to five syllables of one voice; starts with its first sound, at an rms near 1."""
    random = np.random.default_rng(seed)
    pitch_hz = random.uniform(85, 240)
    parts = []
    for _ in range(random.integers(2, 6)):
        if random.random() < 0.5:
            parts.append(amplitude(random.uniform(-20, -8)) * hiss(random, random.uniform(40, 90)))
        loudness = amplitude(random.uniform(-4, 2))
        parts.append(
            loudness * vowel(random, pitch_hz * random.uniform(0.9, 1.1), random.uniform(90, 220))
        )
        parts.append(np.zeros(round(random.uniform(0.01, 0.06) * RATE_HZ)))
    wave = np.concatenate(parts[:-1])
    return wave / rms(wave)


def noise(kind: str, seconds: float, seed: int) -> Wave:
    """White, pink or hum (50 Hz and its harmonics over a little hiss), at an rms of 1."""
    random = np.random.default_rng(seed)
    samples = round(seconds * RATE_HZ)
    wave = random.normal(size=samples)
    if kind == "pink":
        hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
        wave = np.fft.irfft(np.fft.rfft(wave) / np.sqrt(np.maximum(hz, 20)), samples)
    if kind == "hum":
        t = np.arange(samples) / RATE_HZ
        wave *= 0.05
        for harmonic, gain in ((1, 1.0), (2, 0.7), (3, 0.5), (4, 0.3), (6, 0.2)):
            wave += gain * np.sin(2 * np.pi * 50 * harmonic * t + random.uniform(0, 2 * np.pi))
    return wave / rms(wave)


def frames(wave: Wave) -> Iterator[bytes]:
    """Cut into frames of 20 ms; full scale is 1."""
    pcm = np.clip(np.rint(wave * FULL_SCALE), -32768, 32767).astype("<i2")
    for at in range(0, len(pcm) - FRAME + 1, FRAME):
        yield pcm[at : at + FRAME].tobytes()


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody who says something now and then.

    Attributes:
        wave: The sound, full scale is 1.
        spoken: Begin and end of every utterance, in samples.
    """

    wave: Wave
    spoken: tuple[tuple[int, int], ...]


def talk(utterances: int, *, level_db: float = -26.0, seed: int = 1) -> Talk:
    """Numbers that speak, at this rms each."""
    said = [utterance(seed * 1000 + number) for number in range(utterances)]
    return talk_of(said, level_db=level_db, seed=seed)


def talk_of(said: Sequence[Wave], *, level_db: float = -26.0, seed: int = 1) -> Talk:
    """These utterances with pauses of 1 to 2.5 s between them."""
    random = np.random.default_rng(seed)
    parts: list[Wave] = [np.zeros(2 * RATE_HZ)]
    spoken, at = [], 2 * RATE_HZ
    for one in said:
        pause = np.zeros(round(random.uniform(1.0, 2.5) * RATE_HZ))
        spoken.append((at, at + len(one)))
        at += len(one) + len(pause)
        parts += [one * amplitude(level_db), pause]
    return Talk(np.concatenate(parts), tuple(spoken))


def monologue(seconds: float, *, level_db: float = -20.0, seed: int = 1) -> Wave:
    """A long reply: phrases of two to five utterances with short pauses."""
    random = np.random.default_rng(seed)
    parts: list[Wave] = []
    wanted = round(seconds * RATE_HZ)
    while sum(map(len, parts)) < wanted:
        first = int(random.integers(1_000_000))
        parts += [utterance(first + number) for number in range(random.integers(2, 6))]
        parts.append(np.zeros(round(random.uniform(0.2, 1.5) * RATE_HZ)))
    return np.concatenate(parts)[:wanted] * amplitude(level_db)


@dataclass(frozen=True, slots=True)
class Leak:
    """How the speaker reaches the microphone.

    Attributes:
        gain_db: Against what was played.
        delay_ms: Of both cards and the air.
        drift_ppm: How much faster the clock of the speaker runs.
        overdrive: How far the speaker is driven into saturation; 0 is clean.
    """

    gain_db: float
    delay_ms: float
    drift_ppm: float = 0.0
    overdrive: float = 0.0

    def heard(self, played: Wave, seed: int = 1) -> Wave:
        """What comes back, through a room that rings for 300 ms."""
        random = np.random.default_rng(seed)
        ring = round(0.3 * RATE_HZ)
        response = random.normal(size=ring) * 10 ** (-3 * np.arange(ring) / ring)
        response[0] = 3.0  # the direct way
        bent = np.tanh(self.overdrive * played) if self.overdrive else played
        size = len(played) + ring
        echo = np.fft.irfft(np.fft.rfft(bent, size) * np.fft.rfft(response, size), size)
        echo = echo[: len(played)] / rms(echo) * rms(played) * amplitude(self.gain_db)
        at = np.arange(len(echo))
        taken = at * (1 + self.drift_ppm * 1e-6) - self.delay_ms * RATE_HZ / 1000
        heard: Wave = np.interp(taken, at, echo, left=0, right=0)
        return heard
