"""A room in which the microphone hears the speaker."""

from __future__ import annotations

import math
from array import array

from pi_voice.sim.microphone import FULL_SCALE
from pi_voice.sim.speaker import SimSpeaker


class Room:
    """What comes back of the speaker: `microphone.surroundings = Room(speaker, …)`.

    Both cards keep their own clocks: the echo of a speaker that runs fast comes ever earlier.

    Attributes:
        gain_db: How loud the echo is at the microphone, beside what the speaker was given.
        delay_ms: How long it is under way.
    """

    def __init__(
        self, speaker: SimSpeaker, *, gain_db: float = -12.0, delay_ms: float = 5.0
    ) -> None:
        self.gain_db = gain_db
        self.delay_ms = delay_ms
        self._speaker = speaker

    def __call__(self, at_s: float, samples: int, rate_hz: float) -> array[int] | None:
        clock = self._speaker.clock
        begin = (at_s - self.delay_ms / 1000 - clock.origin_s) * clock.true_rate_hz
        step = clock.true_rate_hz / rate_hz
        first = math.floor(begin)
        played = self._speaker.samples(first, math.ceil(samples * step) + 2)
        if played is None:
            return None
        gain = 10 ** (self.gain_db / 20)
        echo = array("h", bytes(2 * samples))
        for number in range(samples):
            place = begin - first + number * step
            index = int(place)
            part = place - index
            value = gain * (played[index] * (1 - part) + played[index + 1] * part)
            echo[number] = max(-FULL_SCALE, min(FULL_SCALE, round(value)))
        return echo
