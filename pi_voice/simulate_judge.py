"""What came of a turn in a simulation, and whether that may be so."""

from __future__ import annotations

import asyncio
import itertools
import math
from array import array
from collections.abc import Sequence

from pi_voice.build import Simulation
from pi_voice.core.actions import Pattern
from pi_voice.core.device import COMPLAINT_MS
from pi_voice.frames import WIRE
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.service_records import Turn
from pi_voice.sim.service_reply import DELTA_MS
from pi_voice.simulate_habits import SILENCE_S, Habit
from pi_voice.simulate_record import Heard, Record

ROUNDING_MS = 1.0
LATE_MS = 3.0 * DELTA_MS  # one is being sent, one is sent after all, and one to be sure
HEARD = (Pattern.LISTENING, Pattern.THINKING)
LOSERS = ("speaker", "microphone")  # without a speaker no word of comfort can be heard
NOISE_PEAK = 300  # -40 dB, below which no detector hears speech
STRIDE = 7  # every seventh sample tells whether two sounds are the same
ALIKE = 0.99  # of 1; the speaker's volume and its resampling change less


class Judge:
    """Compares what somebody did and heard with what the service got and sent."""

    def __init__(self, box: Simulation, record: Record, habit: Habit) -> None:
        self._box = box
        self._record = record
        self._habit = habit

    def turns(self, since_s: float) -> list[Turn]:
        """What the service took for questions since then."""
        sessions = self._box.service.sessions[-10:]
        turns = itertools.chain.from_iterable(session.turns for session in sessions)
        return [turn for turn in turns if turn.committed_at_s >= since_s]

    def count(self, outcome: str) -> None:
        self._record.outcomes[outcome] += 1

    def no_turn(self, since_s: float, complaint: str) -> None:
        """Nothing was asked since then, or there is something to complain of."""
        if self.turns(since_s):
            self._record.fail(complaint)

    def words(self, began_s: float, said: Utterance) -> None:
        """Who listens shows it, and does not talk."""
        if self._excuse(began_s):
            return
        if not self._is_shown(Pattern.LISTENING, began_s):
            self._record.fail("the light did not show that the box listens")
        loud_s = self._box.speaker.loud_until(said.began_s)
        if loud_s is not None and loud_s - said.began_s > self._habit.hears_after_s:
            self._record.fail("the box talked into the user's words")

    def answer(self, began_s: float, said: Utterance | None) -> None:
        """Somebody asked, and was left in peace until now."""
        record, excuse = self._record, self._excuse(began_s)
        self._expect_whole(began_s, said)
        if self._heard(began_s):
            self.count("answered")
            if not excuse:
                self._expect_all_heard(began_s)
        elif not excuse:
            told = record.told_since(began_s)
            record.fail(f"no answer came, and nothing was wrong; the box said: {told}")
        elif record.told_since(began_s - self._memory_s) is not None:
            self.count("told why not")
        elif record.excuse(began_s, self._now_s, LOSERS):
            self.count("without a card")
        elif self._saw_that_nobody_hears(began_s):
            self.count("saw that nobody hears")
        else:
            record.fail(f"no answer came during {excuse}, and nobody was told")

    def cut(self, began_s: float, pressed_s: float, running: Sequence[Turn]) -> None:
        """Somebody pressed in mid-reply a moment ago.

        Args:
            began_s: When they asked.
            pressed_s: When they pressed.
            running: What the service was answering then.
        """
        loud_s = self._box.speaker.loud_until(pressed_s)
        if self._excuse(began_s):
            return
        if loud_s is not None and loud_s - pressed_s > SILENCE_S:
            self._record.fail("a press in mid-reply did not silence the box within 100 ms")
        if any(turn.status != "cancelled" for turn in running):
            self._record.fail("a reply that was interrupted was not cancelled")
        known = [cut for session in self._box.service.sessions for cut in session.truncations]
        for heard in self._record.heard:
            if heard.at_s < pressed_s or not heard.interrupted:
                continue
            told_ms = [cut.audio_end_ms for cut in known if cut.item_id == heard.item_id]
            if not told_ms or abs(told_ms[-1] - heard.played_ms) > ROUNDING_MS:
                self._record.fail(
                    f"{heard.played_ms:.0f} ms of a reply were heard, the service knows {told_ms}"
                )

    def running(self, began_s: float) -> list[Turn]:
        """Questions since then of whose answer more is to come than the service sends too late."""
        running = [turn for turn in self.turns(began_s) if turn.status == "in_progress"]
        return [turn for turn in running if turn.replied_ms + LATE_MS < _ms(turn)]

    def _expect_whole(self, began_s: float, said: Utterance | None) -> None:
        """What was committed is what was spoken, once, or nothing was committed."""
        turns = self.turns(began_s)
        losers = ("microphone",) if self._habit.keeps_words else ()
        if said is None or self._excuse(began_s, losers):
            return
        for turn in turns:
            if not said.heard_whole:
                self._record.fail("half a question was asked")
            elif self._words(said) not in turn.pcm:
                self._record.fail("a question was asked that is not what was spoken")
        if len(turns) > 1 and not self._excuse(began_s):
            self._record.fail(f"a question was asked {len(turns)} times")

    def _words(self, said: Utterance) -> bytes:
        """What must arrive: all of it, or without the room's silence where voices begin a turn."""
        return loud_part(bytes(said.heard)) if self._habit.hands_free else bytes(said.heard)

    def _expect_all_heard(self, began_s: float) -> None:
        """What was sent of replies was heard, sample for sample, at the volume of the speaker."""
        turns, heard = self.turns(began_s), self._heard(began_s)
        played_ms = sum(one.played_ms for one in heard)
        sent_ms = sum(turn.replied_ms for turn in turns)
        if abs(played_ms - sent_ms) > ROUNDING_MS:
            self._record.fail(f"{sent_ms:.0f} ms of a reply were sent, {played_ms:.0f} ms heard")
        for turn, one in itertools.product(turns, heard):
            if turn.reply_item_id == one.item_id and not self._is_heard_as_sent(turn, one):
                self._record.fail("a reply was heard that is not what was sent")

    def _is_heard_as_sent(self, turn: Turn, heard: Heard) -> bool:
        speaker, sent = self._box.speaker, array("h", turn.pcm)  # the service is a parrot
        step = speaker.rate_hz // WIRE.rate_hz
        played = speaker.samples(speaker.clock.count(heard.from_s), step * len(sent))
        return played is not None and likeness(sent[::STRIDE], played[:: step * STRIDE]) > ALIKE

    def _heard(self, since_s: float) -> list[Heard]:
        """What was heard to its end of the replies to what was asked since then."""
        items = {turn.reply_item_id for turn in self.turns(since_s)}
        whole = self._record.heard_whole(since_s)
        return [one for one in whole if one.item_id in items and one.played_ms > 0]

    def _saw_that_nobody_hears(self, began_s: float) -> bool:
        """The light never showed that these words were heard, and only the service could hear."""
        noticed = any(self._is_shown(light, began_s) for light in HEARD)
        return not self._habit.keeps_words and not noticed

    @property
    def _memory_s(self) -> float:
        """How long somebody remembers what they were told: hands-free it is not told again."""
        return COMPLAINT_MS / 1000 if self._habit.hands_free else 0.0

    def _excuse(self, began_s: float, parts: Sequence[str] = ()) -> str:
        return self._record.excuse(began_s, self._now_s, parts)

    def _is_shown(self, pattern: Pattern, since_s: float) -> bool:
        """The status light told this since then, if only for a moment."""
        shown = self._box.leds.shown
        return any(light.pattern is pattern and light.at_s >= since_s for light in shown)

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def loud_part(pcm: bytes) -> bytes:
    """From the first to the last sample that is no noise of a quiet room."""
    samples = array("h", pcm)
    loud = [index for index, sample in enumerate(samples) if abs(sample) > NOISE_PEAK]
    return samples[loud[0] : loud[-1] + 1].tobytes() if loud else b""


def likeness(one: Sequence[int], other: Sequence[int]) -> float:
    """1 for the same sound at any volume, 0 for sounds that have nothing in common.

    Args:
        one: Samples.
        other: As many samples of the same times.
    """
    both = sum(a * b for a, b in zip(one, other, strict=True))
    size = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return both / size if size else 0.0


def _ms(turn: Turn) -> float:
    return WIRE.duration_ms(len(turn.pcm))
