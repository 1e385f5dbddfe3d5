"""Somebody who lives with a simulated box, and notices when it lets them down."""

from __future__ import annotations

import asyncio
import itertools
from array import array
from pathlib import Path

from pi_voice import build
from pi_voice.core import states
from pi_voice.core.actions import Pattern
from pi_voice.core.device import COMPLAINT_MS
from pi_voice.core.events import Cue, Wish
from pi_voice.frames import SAMPLE_BYTES
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.service_records import Turn
from pi_voice.sim.wav import read_wav
from pi_voice.simulate_checks import LONGEST_TURN_S
from pi_voice.simulate_faults import Scene, waits_for
from pi_voice.simulate_habits import HABITS, Mode
from pi_voice.simulate_record import Record

HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
PAUSE_S = 62.0  # between two turns on average: more than 1,000 a day
SILENCE_S = 0.1  # a press during a reply silences it by then
MOMENT_S = 0.05  # before the last word ends
NOISE_PEAK = 300  # -40 dB, below which no detector hears speech
ROUNDING_MS = 1.0
LOSERS = ("speaker", "microphone")  # without a speaker no word of comfort can be heard


class Person:
    """Talks, listens, interrupts, mutes; every turn is judged by what came of it."""

    def __init__(self, scene: Scene, record: Record, mode: Mode) -> None:
        self._box = scene.box
        self._hands = scene.hands
        self._chance = scene.chance
        self._device = scene.box.daemon.device
        self._record = record
        self._habit = HABITS[mode](scene.box, scene.chance)
        self._speech = speech(scene.box.microphone.format.rate_hz)
        self._acts = {
            self._asks: 70,
            self._interrupts: 10,
            self._talks_over: 5,
            self._mutes_in_mid_word: 4,
            self._talks_to_the_muted_box: 4,
            self._taps: 4,
            self._changes_their_mind: 3,
        }

    async def lives(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE_S))
            acts, weights = list(self._acts), list(self._acts.values())
            async with self._hands:
                [act] = self._chance.choices(acts, weights)
                await act()

    # -- what people do

    async def _asks(self) -> None:
        began_s = self._now_s
        said = await self._speaks()
        await self._is_idle()
        self._judge(began_s, said)

    async def _interrupts(self) -> None:
        """Ask, and want no more of the reply in its middle."""
        began_s = self._now_s
        await self._speaks()
        if await self._reply_is_heard():
            pressed_s = self._now_s
            await self._habit.interrupts()
            await self._expect_silence(pressed_s, began_s)
        await self._is_idle()
        self._count("interrupted")

    async def _talks_over(self) -> None:
        """Ask, and ask something else in mid-reply."""
        await self._speaks()
        await self._reply_is_heard()
        self._count("talked over")
        await self._asks()

    async def _mutes_in_mid_word(self) -> None:
        began_s = self._now_s
        if await self._habit.begins():
            words_s = self._says().ends_s - self._now_s
            longest_s = min(words_s - MOMENT_S, 1.5) if self._habit.hands_free else 1.5
            await asyncio.sleep(self._chance.uniform(0.1, longest_s))
        muted_s = self._wish(Wish.MUTE)
        await asyncio.sleep(self._chance.uniform(0.1, 2.0))
        await self._habit.ends()
        await self._stays_muted()
        if self._commits(muted_s if self._habit.hands_free else began_s):
            self._record.fail("a question that was muted in mid-word was asked")
        self._count("muted in mid-word")

    async def _talks_to_the_muted_box(self) -> None:
        muted_s = self._wish(Wish.MUTE)
        await asyncio.sleep(self._chance.uniform(0.1, 1.0))
        self._box.button.press()
        said = self._says()
        await asyncio.sleep(self._chance.uniform(0.1, 3.0))
        self._box.button.release()
        await said
        await self._stays_muted()
        if self._commits(muted_s):
            self._record.fail("the muted box was asked")
        self._count("talked to the muted box")

    async def _taps(self) -> None:
        began_s = self._now_s
        await self._habit.taps()
        await self._is_idle()
        if self._commits(began_s):
            self._record.fail("a tap became a question")
        self._count("tapped")

    async def _changes_their_mind(self) -> None:
        """Ask, and want no answer before it comes."""
        await self._speaks()
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))
        await self._habit.interrupts()
        await self._is_idle()
        self._count("changed their mind")

    # -- what that is made of

    async def _speaks(self) -> Utterance | None:
        """Talk, if the light says that the box hears; None if it does not."""
        began_s = self._now_s
        said = None
        if await self._habit.begins():
            said = await self._says()
            self._expect_no_talk(began_s)
        await self._habit.ends()
        return said

    def _says(self) -> Utterance:
        rate_hz = self._box.microphone.format.rate_hz
        length = int(
            self._chance.uniform(0.4, len(self._speech) / SAMPLE_BYTES / rate_hz) * rate_hz
        )
        pcm = self._speech[: length * SAMPLE_BYTES] * self._chance.choice((1, 1, 1, 2))
        return self._box.microphone.say(pcm, rate_hz)

    async def _reply_is_heard(self) -> bool:
        """Wait for the reply and listen to some of it; False if none came."""
        heard = await waits_for(
            lambda: (
                self._box.leds.pattern is Pattern.SPEAKING or self._device.turn is states.Turn.IDLE
            ),
            LONGEST_TURN_S,
        )
        await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        return heard and self._device.turn is states.Turn.SPEAKING

    async def _expect_silence(self, pressed_s: float, began_s: float) -> None:
        await asyncio.sleep(2 * SILENCE_S)
        loud_s = self._box.speaker.loud_until(pressed_s)
        late = loud_s is not None and loud_s - pressed_s > SILENCE_S
        if late and not self._record.excuse(began_s, self._now_s):
            self._record.fail("a press in mid-reply did not silence the box within 100 ms")

    def _expect_no_talk(self, began_s: float) -> None:
        """Who listens does not talk."""
        listens_s = self._shown_s(Pattern.LISTENING, began_s)
        if listens_s is None or self._record.excuse(began_s, self._now_s):
            return
        loud_s = self._box.speaker.loud_until(listens_s)
        if loud_s is not None and loud_s - listens_s > SILENCE_S:
            self._record.fail("the box talked into the user's words")

    async def _stays_muted(self) -> None:
        """Leave the box muted for a while; nobody from afar may change that."""
        if self._chance.random() < 0.5:
            self._wish(Wish.UNMUTE, local=False)
        await asyncio.sleep(self._chance.choice((2.0, 5.0, 300.0)))
        if not self._device.muted:
            self._record.fail("the box was muted, and is not muted any more")
        self._wish(Wish.UNMUTE)
        await self._is_idle()

    async def _is_idle(self) -> None:
        if not await waits_for(lambda: self._device.turn is states.Turn.IDLE, LONGEST_TURN_S):
            self._record.fail(f"the box is still {self._device.turn} long after a turn")
        await asyncio.sleep(1.0)  # what is said at the end is heard, too

    # -- what came of it

    def _judge(self, began_s: float, said: Utterance | None) -> None:
        record, now_s = self._record, self._now_s
        excuse = record.excuse(began_s, now_s)
        self._expect_whole(said, began_s)
        if self._heard_ms(began_s) > 0:
            self._count("answered")
            self._expect_all_heard(began_s, excuse)
        elif not excuse:
            told = record.told_since(began_s)
            record.fail(f"no answer came, and nothing was wrong; the box said: {told}")
        elif record.told_since(began_s - self._patience_s) is not None:
            self._count("told why not")
        elif record.excuse(began_s, now_s, LOSERS):
            self._count("without a card")
        elif self._saw_that_nobody_hears(began_s):
            self._count("saw that nobody hears")
        else:
            record.fail(f"no answer came during {excuse}, and nobody was told")

    def _expect_whole(self, said: Utterance | None, began_s: float) -> None:
        """What was committed is what was spoken, once, or nothing was committed."""
        commits = self._commits(began_s)
        parts = LOSERS[1:] if self._habit.keeps_words else ()
        if said is None or self._record.excuse(began_s, self._now_s, parts):
            return
        for pcm in commits:
            if not said.heard_whole:
                self._record.fail("half a question was asked")
            elif self._words(said) not in pcm:
                self._record.fail("a question was asked that is not what was spoken")
        if len(commits) > 1 and not self._record.excuse(began_s, self._now_s):
            self._record.fail(f"a question was asked {len(commits)} times")

    def _words(self, said: Utterance) -> bytes:
        """What must arrive: all of it, or without the room's silence where voices open."""
        return loud_part(bytes(said.heard)) if self._habit.hands_free else bytes(said.heard)

    def _saw_that_nobody_hears(self, began_s: float) -> bool:
        """The light never showed that these words were heard, and nobody else could."""
        heard = self._shown_s(Pattern.LISTENING, began_s) or self._shown_s(
            Pattern.THINKING, began_s
        )
        return not self._habit.keeps_words and heard is None

    @property
    def _patience_s(self) -> float:
        """How long somebody remembers what they were told; hands-free, it is not told again."""
        return COMPLAINT_MS / 1000 if self._habit.hands_free else 0.0

    def _expect_all_heard(self, began_s: float, excuse: str) -> None:
        played_ms = self._heard_ms(began_s)
        sent_ms = sum(turn.replied_ms for turn in self._turns(began_s))
        if not excuse and abs(played_ms - sent_ms) > ROUNDING_MS:
            self._record.fail(f"{sent_ms:.0f} ms of a reply were sent, {played_ms:.0f} ms heard")

    def _heard_ms(self, since_s: float) -> float:
        """How much was heard of the replies to what was asked since then."""
        items = {turn.reply_item_id for turn in self._turns(since_s)}
        return self._record.heard_ms(since_s, items)

    def _commits(self, since_s: float) -> list[bytes]:
        return [turn.pcm for turn in self._turns(since_s)]

    def _turns(self, since_s: float) -> list[Turn]:
        """What the service took for questions since then."""
        sessions = self._box.service.sessions[-10:]
        turns = itertools.chain.from_iterable(session.turns for session in sessions)
        return [turn for turn in turns if turn.committed_at_s >= since_s]

    def _count(self, outcome: str) -> None:
        self._record.outcomes[outcome] += 1

    # -- hands and eyes

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _wish(self, wish: Wish, *, local: bool = True) -> float:
        """Ask for it; returns when."""
        now_s = self._now_s
        self._box.daemon.post(Cue(wish, now_s, local=local))
        return now_s

    def _shown_s(self, pattern: Pattern, since_s: float) -> float | None:
        """When the status light first told this, since then; None if it never did."""
        times_s = (shown.at_s for shown in self._box.leds.shown if shown.pattern is pattern)
        return next((at_s for at_s in times_s if at_s >= since_s), None)


def speech(rate_hz: int) -> bytes:
    """The recording that ships, mono, at the rate of a card; no pause in it ends a turn.

    The silence around it is left out, or said twice it would have a longer one in its middle.
    """
    recorded = read_wav(HELLO)
    return loud_part(build.resampled(recorded.mono, recorded.rate_hz, rate_hz))


def loud_part(pcm: bytes) -> bytes:
    """From the first to the last sample that is no noise of a quiet room."""
    samples = array("h", pcm)
    loud = [index for index, sample in enumerate(samples) if abs(sample) > NOISE_PEAK]
    return samples[loud[0] : loud[-1] + 1].tobytes() if loud else b""
