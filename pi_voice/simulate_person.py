"""Somebody who lives with a simulated box, and notices when it lets them down."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pi_voice import build
from pi_voice.core import states
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.frames import SAMPLE_BYTES
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.wav import read_wav
from pi_voice.simulate_checks import LONGEST_TURN_S
from pi_voice.simulate_faults import Scene, waits_for
from pi_voice.simulate_habits import HABITS, SILENCE_S, Mode
from pi_voice.simulate_judge import Judge, loud_part
from pi_voice.simulate_record import Record

HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
PAUSE_S = 62.0  # between two turns on average: more than 1,000 a day
MOMENT_S = 0.05  # before the last word ends


class Person:
    """Talks, listens, interrupts, mutes; every turn is judged by what came of it."""

    def __init__(self, scene: Scene, record: Record, mode: Mode) -> None:
        self._box = scene.box
        self._hands = scene.hands
        self._chance = scene.chance
        self._device = scene.box.daemon.device
        self._record = record
        self._habit = HABITS[mode](scene.box, scene.chance)
        self._judge = Judge(scene.box, record, self._habit)
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
        self._judge.answer(began_s, said)

    async def _interrupts(self) -> None:
        """Ask, and want no more of the reply in its middle."""
        began_s = self._now_s
        await self._speaks()
        if await self._reply_is_heard():
            pressed_s, running = self._now_s, self._judge.running(began_s)
            await self._habit.interrupts()
            await asyncio.sleep(2 * SILENCE_S)
            self._judge.cut(began_s, pressed_s, running)
        await self._is_idle()
        self._judge.count("interrupted")

    async def _talks_over(self) -> None:
        """Ask, and ask something else in mid-reply."""
        await self._speaks()
        await self._reply_is_heard()
        self._judge.count("talked over")
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
        since_s = muted_s if self._habit.hands_free else began_s
        self._judge.no_turn(since_s, "a question that was muted in mid-word was asked")
        self._judge.count("muted in mid-word")

    async def _talks_to_the_muted_box(self) -> None:
        muted_s = self._wish(Wish.MUTE)
        await asyncio.sleep(self._chance.uniform(0.1, 1.0))
        self._box.button.press()
        said = self._says()
        await asyncio.sleep(self._chance.uniform(0.1, 3.0))
        self._box.button.release()
        await said
        await self._stays_muted()
        self._judge.no_turn(muted_s, "the muted box was asked")
        self._judge.count("talked to the muted box")

    async def _taps(self) -> None:
        began_s = self._now_s
        await self._habit.taps()
        await self._is_idle()
        self._judge.no_turn(began_s, "a tap became a question")
        self._judge.count("tapped")

    async def _changes_their_mind(self) -> None:
        """Ask, and want no answer before it comes."""
        await self._speaks()
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))
        await self._habit.interrupts()
        await self._is_idle()
        self._judge.count("changed their mind")

    # -- what that is made of

    async def _speaks(self) -> Utterance | None:
        """Talk, if the light says that the box hears; None if it does not."""
        began_s = self._now_s
        said = None
        if await self._habit.begins():
            said = await self._says()
            self._judge.words(began_s, said)
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

    # -- hands and eyes

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _wish(self, wish: Wish, *, local: bool = True) -> float:
        """Ask for it; returns when."""
        now_s = self._now_s
        self._box.daemon.post(Cue(wish, now_s, local=local))
        return now_s


def speech(rate_hz: int) -> bytes:
    """The recording that ships, mono, at the rate of a card; no pause in it ends a turn.

    The silence around it is left out, or said twice it would have a longer one in its middle.
    """
    recorded = read_wav(HELLO)
    return loud_part(build.resampled(recorded.mono, recorded.rate_hz, rate_hz))
