"""Tell a person who talks over a reply from the reply itself, without cancelling anything."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from pi_voice.audio.vad import SILENCE_DB, level_db
from pi_voice.frames import DETECTOR, FRAME_MS

HOLD_FRAMES = 12  # 240 ms: the buffers of both cards and the way through the air
DECAY_DB = 3.0  # per frame: a living room falls by 60 dB in 300 ms, this in 400
AUDIBLE_DB = -70.0  # below, the speaker cannot be heard over any room
LOUD_DB = -40.0  # the leak is learned from what is well above the room
LEARNING_FRAMES = 50  # of loud playback before anybody may interrupt
RISE_DB = 0.3  # per frame; a person who talks over us teaches the gate only after half a second
FALL_DB = 0.02  # per frame; the way back to a better coupling takes its time
MARGIN_DB = 6.0  # 3 dB were enough in simulated rooms; the rest is for people who walk about
HITS, WINDOW = 6, 8  # in 160 ms, because an echo has onsets too
HANGOVER_MS = 600.0
_BYTES = DETECTOR.size_bytes(FRAME_MS)


class Gate(Protocol):
    """A speech detector that can be wrapped.

    Attributes:
        is_hit: The last frame alone sounded like speech.
        freeze_rise: True while the speaker plays, lest the room learns our own voice.
    """

    is_hit: bool
    freeze_rise: bool

    @property
    def sure_frames(self) -> int:
        """For how many frames to come the last verdict will hold, whatever they bring."""

    def hears_speech(self, pcm: bytes) -> bool: ...

    def verdicts(self, pcm: bytes) -> list[bool]: ...

    def reset(self) -> None: ...


class CouplingGate:
    """A speech detector that counts only what is louder than our own voice can be.

    It learns how much weaker the speaker's sound comes back from the microphone, and while the
    speaker plays, a frame must stand out of that echo as well. No clock has to agree with another:
    the envelope of what was played is held for longer than any delay between the cards. The price
    is that a voice much softer than the echo is not found: that takes an echo canceller.

    Attributes:
        coupling_db: How loud our own sound comes back, against what was played; None until known.
    """

    def __init__(self, gate: Gate) -> None:
        """Wrap the gate that is right while nothing plays."""
        self.coupling_db: float | None = None
        self._gate = gate
        self._played_db = SILENCE_DB
        self._held: deque[float] = deque([SILENCE_DB], maxlen=HOLD_FRAMES)
        self._envelope_db = SILENCE_DB
        self._to_learn = LEARNING_FRAMES
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._since_hit = 0
        self._is_open = False

    def plays(self, played_db: float) -> None:
        """The card was handed a block of this loudness; called from any thread."""
        self._played_db = max(self._played_db, played_db)

    def far_end(self, pcm: bytes, rate_hz: int) -> None:
        """The same for a block as Playback tells it; loudness has no rate."""
        self.plays(level_db(pcm))

    @property
    def sure_frames(self) -> int:
        """For how many frames to come the last verdict will hold, unless the speaker begins."""
        return self._gate.sure_frames if self._is_silent() else 0

    def verdicts(self, pcm: bytes) -> list[bool]:
        """Judge whole frames, one after the other; all at once while the speaker is silent."""
        if not self._is_silent():
            return [self.hears_speech(pcm[at : at + _BYTES]) for at in range(0, len(pcm), _BYTES)]
        verdicts = self._gate.verdicts(pcm)
        for _ in verdicts:
            self._hold(SILENCE_DB)
        self._is_open = verdicts[-1]
        return verdicts

    def hears_speech(self, pcm: bytes) -> bool:
        """Judge one frame of 20 ms at 16 kHz, mono, of what the microphone hears."""
        was_audible = self._gate.freeze_rise
        is_audible = self._gate.freeze_rise = self._follow()
        heard = self._gate.hears_speech(pcm)
        if is_audible and not was_audible:
            self._recent.clear()
            self._since_hit = 0
        if is_audible:
            self._is_open = self._stands_out(level_db(pcm))
        elif was_audible and not self._is_open:
            self._gate.reset()  # it still holds the echo for speech
        else:
            self._is_open = heard
        return self._is_open

    def reset(self) -> None:
        """Sound is missing here: nobody is talking any more, but room and coupling are the same."""
        self._gate.reset()
        self._recent.clear()
        self._is_open = False

    def _follow(self) -> bool:
        """Hold and decay what was played; True while it can be heard."""
        played_db, self._played_db = self._played_db, SILENCE_DB
        self._hold(played_db)
        return self._envelope_db > AUDIBLE_DB

    def _hold(self, played_db: float) -> None:
        self._held.append(played_db)
        self._envelope_db = max(*self._held, self._envelope_db - DECAY_DB)

    def _is_silent(self) -> bool:
        """The speaker cannot be heard, and could not be in the last frame."""
        quiet = max(self._played_db, self._envelope_db) <= AUDIBLE_DB
        return quiet and not self._gate.freeze_rise

    def _stands_out(self, heard_db: float) -> bool:
        coupling_db = self._learn(heard_db - self._envelope_db)
        hit = self._gate.is_hit and heard_db > self._envelope_db + coupling_db + MARGIN_DB
        self._recent.append(hit)
        self._since_hit = 0 if hit else self._since_hit + 1
        if self._is_open:
            return self._since_hit * FRAME_MS < HANGOVER_MS
        return sum(self._recent) >= HITS

    def _learn(self, above_db: float) -> float:
        """Follow the loudest echo up within a second, and down within a minute."""
        coupling_db = above_db if self.coupling_db is None else self.coupling_db
        if self._envelope_db > LOUD_DB and not self._is_open:
            if self._to_learn:
                self._to_learn -= 1
                self.coupling_db = max(coupling_db, above_db)
            else:
                self.coupling_db = coupling_db + min(RISE_DB, max(-FALL_DB, above_db - coupling_db))
        return coupling_db
