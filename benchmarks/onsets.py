"""The gate in noise: utterances that lose their onset, and noises that open it."""

from __future__ import annotations

import asyncio

import numpy as np

from benchmarks.figures import Effort, Figure, Goal, Of
from pi_voice.audio.vad import SpeechGate
from pi_voice.frames import FRAME_MS
from tests.speech import RATE_HZ, Wave, amplitude, frames, noise, talk

NOISES = ("white", "pink", "hum")
SNR_DB = 10
SPEECH_DB = -26
PRE_ROLL_MS = 300
NOISE_S = 100
LEVELS_DB = (-30, -45, -60)


async def measure(effort: Effort) -> list[Figure]:
    return await asyncio.to_thread(_measure, effort)


def _measure(effort: Effort) -> list[Figure]:
    figures = []
    said = talk(effort.of(60, 20))
    count = len(said.spoken)
    for kind in NOISES:
        background = noise(kind, len(said.wave) / RATE_HZ + 1, seed=5)
        loud = amplitude(SPEECH_DB - SNR_DB)
        opened_ms = _opens(said.wave + background[: len(said.wave)] * loud)
        delays_ms = []
        for first, last in said.spoken:
            begin_ms, end_ms = first * 1000 / RATE_HZ, last * 1000 / RATE_HZ
            mine = [at_ms - begin_ms for at_ms in opened_ms if begin_ms - 300 < at_ms < end_ms]
            delays_ms += mine[:1]
        lost = count - sum(delay_ms <= PRE_ROLL_MS for delay_ms in delays_ms)
        figures += [
            Figure(f"onsets lost in {kind}, {SNR_DB} dB", f"of {count}", [float(lost)],
                   goal=Goal(Of.MOST, 0)),
            Figure(f"begin of speech → gate open, in {kind}", "ms", delays_ms),
        ]  # fmt: skip
    for kind in NOISES:
        for_s = effort.of(NOISE_S, 30)
        wave = noise(kind, for_s, seed=5)
        opens = [float(len(_opens(wave * amplitude(level_db)))) for level_db in LEVELS_DB]
        name = f"false opens in {for_s} s of {kind}, at -30, -45, -60 dB"
        figures.append(Figure(name, "", opens, goal=Goal(Of.MOST, 0)))
    return figures


def _opens(wave: Wave) -> list[float]:
    """When the gate opened, in ms, at the end of the frame."""
    gate = SpeechGate()
    verdicts = np.array([gate.hears_speech(frame) for frame in frames(wave)], bool)
    (begins,) = np.nonzero(np.diff(verdicts.astype(int), prepend=0) == 1)
    return [float((begin + 1) * FRAME_MS) for begin in begins]
