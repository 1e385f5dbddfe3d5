"""Something to say: the recording that ships, for cards of 24 kHz."""

from __future__ import annotations

import wave
from pathlib import Path

from benchmarks.processes import ROOT
from pi_voice.audio.resample import Resampler
from pi_voice.audio.vad import level_db
from pi_voice.frames import FRAME_MS, WIRE

HELLO = ROOT / "pi_voice" / "sim" / "hello.wav"
SPEECH_DB = -45.0


def spoken(path: Path) -> bytes:
    """A recording at 24 kHz, up to its last loud frame."""
    with wave.open(str(path)) as file:
        pcm, rate_hz = file.readframes(file.getnframes()), file.getframerate()
    resampler = Resampler(rate_hz, WIRE.rate_hz)
    pcm = resampler.process(pcm) + resampler.flush()
    size = WIRE.size_bytes(FRAME_MS)
    frames = [pcm[at : at + size] for at in range(0, len(pcm) - size, size)]
    while level_db(frames[-1]) < SPEECH_DB:
        frames.pop()
    return b"".join(frames)


def endless(for_s: float) -> bytes:
    """So much of it, over and over, without a pause that ends a turn."""
    said = spoken(HELLO)
    size = WIRE.size_bytes(1000 * for_s)
    return (said * (size // len(said) + 1))[:size]
