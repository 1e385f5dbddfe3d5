"""Is somebody talking? webrtcvad, an adaptive floor and a vote, behind ports.SpeechDetector."""

from __future__ import annotations

from collections import deque
from math import hypot, log10

# The C module of webrtcvad: its Python wrapper costs 33 ms at import for a version string.
import _webrtcvad
import numpy as np

from pi_voice.audio.resample import Signal, from_pcm
from pi_voice.frames import DETECTOR, FRAME_MS, SAMPLE_BYTES

SILENCE_DB = -96.0
_ROUNDING = 0.25  # mean square that 16 bits cannot tell from silence: makes -96 dB of zeros
_FULL_SCALE = 32768.0**2

# Hum and rumble lie below, half of all hiss above: here the same speech is about 3 dB further above
# white and pink noise. Of 300 synthetic utterances at 10 dB none loses its onset, instead of five.
BAND_HZ = (200, 4000)
SETTLING_FRAMES = 5  # a card that was just opened clicks and settles; not yet the room
BREATH_FRAMES = 75  # nobody talks for 1.5 s without a dip: what never dips is a noise
FALL = 0.5  # of the way down to a quieter room, per frame
RISE_DB = 0.2  # per frame, 10 dB/s, while nothing sounds like a voice …
VOICED_RISE_DB = 0.05  # … and slower than a voice fades, while something does

_FRAME = DETECTOR.samples(FRAME_MS)
_WINDOW = np.hanning(_FRAME).astype(np.float32)
_LOW, _HIGH = (hz * _FRAME // DETECTOR.rate_hz for hz in BAND_HZ)
_POWER = 2 / (_FRAME * float(_WINDOW @ _WINDOW))  # from the spectrum to the mean square


def level_db(pcm: bytes) -> float:
    """Loudness of a piece of mono sound, in dB below full scale (silence is -96)."""
    samples = memoryview(pcm).cast("h")  # numpy costs 60 µs more at the first call after a rest
    return _decibels(hypot(*samples) ** 2 / max(1, len(samples)))


def loudness_db(samples: Signal) -> float:
    """The same of samples in hand, whose full scale is 32768; a shape of (n,), mono, n ≥ 0."""
    return _decibels(float(samples @ samples) / max(1, len(samples)))


class SpeechGate:
    """Opens on speech that stands out of the room, and closes some time after it.

    webrtcvad alone takes hum and hiss for speech; loudness alone takes a door for it. A frame is a
    hit if both agree, the gate opens on a majority of hits and closes when none came for a while.

    Attributes:
        is_open: The last verdict.
        is_hit: The last frame alone sounded like speech.
        level_db: Loudness of the last frame within `BAND_HZ`, in dB below full scale.
        floor_db: What the room sounds like while nobody talks; None until something was heard.
        freeze_rise: True while the speaker plays, lest the room learns our own voice.
    """

    def __init__(
        self,
        *,
        mode: int = 2,
        margin_db: float = 6.0,
        hits: int = 3,
        window: int = 5,
        hangover_ms: float = 600.0,
    ) -> None:
        """Take the knobs; the defaults are measured.

        Args:
            mode: Of webrtcvad, 0 to 3. 3 misses a quarter of all speech at -50 dB.
            margin_db: How far above the room speech must be, to open and to stay open: a lower
                one for staying makes the gate stick in hum.
            hits: How many of the last `window` frames must be hits to open. 3 of 5 loses no
                onset at 10 dB above noise; 6 of 8 is for talking over an echo.
            window: Frames of 20 ms.
            hangover_ms: Pauses inside a sentence are shorter than this. webrtcvad's own tail of
                about 100 ms comes on top.
        """
        self.is_open = False
        self.is_hit = False
        self.level_db = SILENCE_DB
        self.floor_db: float | None = None
        self.freeze_rise = False
        self._margin_db = margin_db
        self._hits_to_open = hits
        self._hangover_frames = round(hangover_ms / FRAME_MS)
        self._recent: deque[bool] = deque(maxlen=window)
        self._since_hit = 0
        self._levels: deque[float] = deque(maxlen=BREATH_FRAMES)
        self._to_settle = SETTLING_FRAMES
        self._knows_room = False
        self._vad = _webrtcvad.create()
        _webrtcvad.init(self._vad)
        _webrtcvad.set_mode(self._vad, mode)

    @property
    def sure_frames(self) -> int:
        """For how many frames to come the last verdict will hold, whatever they bring."""
        if self.is_open:
            return self._hangover_frames - self._since_hit - 1
        return self._hits_to_open - sum(self._recent) - 1

    def hears_speech(self, pcm: bytes) -> bool:
        """Judge one frame of 20 ms at 16 kHz, mono; True while the gate is open."""
        return self.verdicts(pcm)[0]

    def verdicts(self, pcm: bytes) -> list[bool]:
        """Judge whole frames, one after the other; all at once are cheaper than one by one."""
        levels_db = _band_levels_db(pcm)
        size = _FRAME * SAMPLE_BYTES
        return [
            self._judge(pcm[at * size : (at + 1) * size], level_db)
            for at, level_db in enumerate(levels_db)
        ]

    def _judge(self, frame: bytes, level_db: float) -> bool:
        voiced = bool(_webrtcvad.process(self._vad, DETECTOR.rate_hz, frame, _FRAME))
        self.level_db = level_db
        floor_db = self._learn(voiced=voiced)
        self.is_hit = voiced and self.level_db > floor_db + self._margin_db
        self._recent.append(self.is_hit)
        self._since_hit = 0 if self.is_hit else self._since_hit + 1
        if self.is_open:
            self.is_open = self._since_hit < self._hangover_frames
        else:
            self.is_open = sum(self._recent) >= self._hits_to_open
        return self.is_open

    def reset(self) -> None:
        """Sound is missing here: nobody is talking any more, but the room is the same."""
        self.is_open = self.is_hit = False
        self._recent.clear()
        self._to_settle = SETTLING_FRAMES

    def _learn(self, *, voiced: bool) -> float:
        """What the room sounds like, with what this frame adds to it."""
        settling = self._to_settle > 0
        self._to_settle -= settling
        if self.level_db < SILENCE_DB:  # a card that wakes up, or a gate in it: no room is so quiet
            return SILENCE_DB if self.floor_db is None else self.floor_db
        if self.floor_db is None or (settling and not self._knows_room):
            self.floor_db = self.level_db
        elif not settling:
            self._knows_room = True
            self.floor_db = self._follow(self.floor_db, voiced=voiced)
        return self.floor_db

    def _follow(self, floor_db: float, *, voiced: bool) -> float:
        """Down to the quiet between words within frames; up to a louder room within seconds."""
        above_db = self.level_db - floor_db
        if above_db < 0:
            floor_db += FALL * above_db
        elif not self.freeze_rise:
            floor_db += min(VOICED_RISE_DB if voiced else RISE_DB, above_db)
        if self.freeze_rise:
            return floor_db
        self._levels.append(self.level_db)
        is_full = len(self._levels) == BREATH_FRAMES
        return max(floor_db, min(self._levels)) if is_full else floor_db


def _band_levels_db(frames: bytes) -> list[float]:
    """Of each frame, in dB below full scale."""
    spectra = np.fft.rfft(from_pcm(frames).reshape(-1, _FRAME) * _WINDOW)[:, _LOW:_HIGH]
    return [_decibels(float(np.vdot(one, one).real) * _POWER) for one in spectra]


def _decibels(mean_square: float) -> float:
    return 10 * log10((mean_square + _ROUNDING) / _FULL_SCALE)
