"""How loud and how late a microphone hears the speaker, and what to do about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pi_voice.audio.echo import HOLD_FRAMES
from pi_voice.audio.resample import Signal, from_pcm, to_pcm
from pi_voice.audio.vad import loudness_db
from pi_voice.frames import DETECTOR, FRAME_MS

SWEEP_S = 1.2
SWEEP_HZ = (300.0, 3000.0)  # what small speakers can do, within the bandwidth of a telephone
FADE_MS = 20.0
PEAK = 8192.0  # -12 dB: about as loud as a reply
SETTLING_S = 0.3  # a card that was just opened clicks
LEAST_LIKENESS = 8.0  # times the spread of the correlation; noise reaches 5, an echo 20 and more
EARLIEST_S, LATEST_S = 0.15, 0.6  # around the moment that the driver of the speaker names
FULL_SCALE, CLIPPED = 32_700, 4  # so many samples at the limit are no accident

# The gate finds a voice that stands 6 dB out of the echo. A reply is played at about -20 dB and a
# voice in the room is heard at about -26 dB, so the echo has to be this much weaker.
WEAK_ECHO_DB = -15.0
INAUDIBLE_DB = 6.0  # above the room: what the detector takes for speech
LONGEST_DELAY_MS = HOLD_FRAMES * FRAME_MS - 2 * FRAME_MS
LOUD_ROOM_DB = -40.0
DEAD_DB = -90.0
CANCEL = 'The button interrupts a reply; for a voice that does, set echo = "aec" on a Pi 4 or 5.'


@dataclass(frozen=True, slots=True)
class Measured:
    """What the microphone heard, in dB below full scale.

    Attributes:
        room_db: While nobody made a sound.
        heard_db: While the sweep came back, without the room; None if it did not.
        leak_db: The same against what the card of the speaker was given.
        delay_ms: From when the driver said it was heard until it was; may be wrong by a buffer.
        clipped: The echo was louder than the microphone can take.
    """

    room_db: float
    heard_db: float | None = None
    leak_db: float | None = None
    delay_ms: float | None = None
    clipped: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to write into the configuration.

    Attributes:
        echo: For `[audio] echo`.
        reason: Half a sentence, to follow "because".
        advice: What else to look after, in sentences.
    """

    echo: str
    reason: str
    advice: tuple[str, ...] = ()


def sweep(rate_hz: int) -> bytes:
    """A tone that rises evenly through the octaves; mono."""
    return to_pcm(_sweep(rate_hz))


def measure(pcm: bytes, *, begins_s: float, played_s: float, gain: float) -> Measured:
    """Find the sweep in what was heard.

    Args:
        pcm: Mono, at the rate of detectors; from well before the sweep to well after it.
        begins_s: When its first sample was taken.
        played_s: When the first sample of the sweep left the speaker, on the same clock.
        gain: Of the speaker's volume, from 0 to 1.
    """
    heard, played = from_pcm(pcm).astype(np.float32), _sweep(DETECTOR.rate_hz) * np.float32(gain)
    expected = round((played_s - begins_s) * DETECTOR.rate_hz)
    settled = round(SETTLING_S * DETECTOR.rate_hz)
    first = max(0, expected - round(EARLIEST_S * DETECTOR.rate_hz))
    last = expected + round(LATEST_S * DETECTOR.rate_hz)
    room_db = _room_db(heard[settled : max(first, settled + 1)])
    place = _place(played, heard[first : last + len(played)])
    if place is None:
        return Measured(room_db)
    part = heard[first + place : first + place + len(played)]
    power = max(10 ** (loudness_db(part) / 10) - 10 ** (room_db / 10), 1e-9)
    heard_db = float(10 * np.log10(power))
    return Measured(
        room_db,
        heard_db,
        heard_db - loudness_db(played),
        (first + place - expected) * 1000 / DETECTOR.rate_hz,
        int(np.count_nonzero(np.abs(part) >= FULL_SCALE)) >= CLIPPED,
    )


def propose(measured: Measured) -> Proposal:
    """The setting for this room, and why."""
    advice = tuple(_advice(measured))
    leak_db, delay_ms, heard_db = measured.leak_db, measured.delay_ms, measured.heard_db
    if leak_db is None or delay_ms is None or heard_db is None:
        return Proposal("hardware", "the microphone did not hear the speaker", advice)
    if heard_db < measured.room_db + INAUDIBLE_DB:
        return Proposal("hardware", "the echo is hardly louder than the room", advice)
    if measured.clipped:
        return Proposal("half_duplex", "the echo is too loud for the microphone", advice)
    if delay_ms > LONGEST_DELAY_MS:
        late = f"the echo comes {delay_ms:.0f} ms late, and the gate waits {LONGEST_DELAY_MS} ms"
        return Proposal("half_duplex", late, (*advice, CANCEL))
    if leak_db > WEAK_ECHO_DB:
        loud = f"a voice is hardly louder than an echo of {leak_db:.0f} dB"
        return Proposal("half_duplex", loud, (*advice, CANCEL))
    return Proposal("gate", f"a voice is louder than an echo of {leak_db:.0f} dB", advice)


def _advice(measured: Measured) -> list[str]:
    advice = []
    if measured.room_db < DEAD_DB:
        advice.append("The microphone gives only silence: unmute it, e.g. with alsamixer.")
    elif measured.room_db > LOUD_ROOM_DB:
        advice.append("The room is loud: turn the microphone down, or find it a quieter place.")
    if measured.clipped:
        advice.append("The microphone clips: turn it or the speaker down, and calibrate again.")
    if measured.leak_db is None:
        advice.append(
            "If you did not hear a rising tone, check the speaker first: run pi-voice devices."
        )
    return advice


def _sweep(rate_hz: int) -> Signal:
    at_s = np.arange(round(SWEEP_S * rate_hz)) / rate_hz
    low_hz, high_hz = SWEEP_HZ
    octaves = np.log(high_hz / low_hz)
    phase = 2 * np.pi * low_hz * SWEEP_S / octaves * np.expm1(at_s / SWEEP_S * octaves)
    edge_s = np.minimum(at_s, SWEEP_S - at_s)
    made: Signal = (PEAK * np.sin(phase) * np.clip(edge_s * 1000 / FADE_MS, 0, 1)).astype(
        np.float32
    )
    return made


def _room_db(quiet: Signal) -> float:
    """The median of its frames: a door that shuts meanwhile is not the room."""
    size = DETECTOR.samples(FRAME_MS)
    starts = range(0, max(1, len(quiet) - size + 1), size)
    return float(np.median([loudness_db(quiet[start : start + size]) for start in starts]))


def _place(part: Signal, whole: Signal) -> int | None:
    """Where the part is in the whole, whatever its polarity; None if it is not."""
    places = len(whole) - len(part)
    if places <= 0:
        return None
    size = 1 << (len(whole) + len(part)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    likeness = np.abs(np.fft.irfft(spectrum, size)[:places])
    place = int(np.argmax(likeness))
    return place if likeness[place] > LEAST_LIKENESS * np.median(likeness) else None
