"""How somebody talks to a simulated box in each mode: what the hands do, and what the eyes see."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from random import Random
from typing import Literal

from pi_voice.build import Simulation
from pi_voice.core.actions import Pattern
from pi_voice.simulate_faults import waits_for

Mode = Literal["push_to_talk", "toggle", "voice", "server", "semantic"]

LIGHT_S = 2.0  # who sees no light by then does not talk
NOTICED_S = 5.0  # a voice that the service hears is shown by then, or hardly ever
SILENCE_S = 0.1  # a press during a reply silences it by then
HEARS_S = 0.3  # the service needs 60 ms of a voice, and the way there and back
TAP_S = 0.06
FASTEST_S = 0.042  # a worn switch needs 15 ms to be quiet and 25 more to be believed; twice this
# is less than the shortest turn of 100 ms
HEARING = (Pattern.OPENING, Pattern.LISTENING)
ANSWERING = (Pattern.THINKING, Pattern.SPEAKING)
NOTICED = (*HEARING, *ANSWERING, Pattern.MUTED)


class Habit(ABC):
    """Begins and ends the user's turns, and knows what the box owes whoever talks so.

    Attributes:
        hands_free: Words alone begin and end a turn.
        keeps_words: The box hears what is said by itself, and keeps it through a lost session.
        hears_after_s: The box is silent so soon after the first word.
    """

    hands_free = False
    keeps_words = True
    hears_after_s = SILENCE_S

    def __init__(self, box: Simulation, chance: Random) -> None:
        self._box = box
        self._chance = chance

    @abstractmethod
    async def begins(self) -> bool:
        """Do what it takes to be heard, also over a reply; False if no light says so."""

    @abstractmethod
    async def ends(self) -> None:
        """Show that this was all."""

    async def taps(self) -> None:
        """Touch the button for less than a turn takes."""
        await self._box.button.hold(self._chance.uniform(5, 80))

    async def interrupts(self) -> None:
        """Want no answer any more."""
        await self._box.button.hold(TAP_S * 1000)

    async def _sees_light(self) -> bool:
        return await waits_for(lambda: self._box.leds.mic_is_open, LIGHT_S)

    async def _quiets(self) -> None:
        """End a reply before saying something else."""
        if self._box.leds.pattern in ANSWERING:
            await self.interrupts()


class PushToTalk(Habit):
    """Holds the button and talks."""

    async def begins(self) -> bool:
        self._box.button.press()
        return await self._sees_light()

    async def ends(self) -> None:
        self._box.button.release()


class Toggle(Habit):
    """Taps, talks, and taps again if the light says that the box still listens."""

    async def begins(self) -> bool:
        await self._quiets()
        await self._box.button.hold(TAP_S * 1000)
        return await self._sees_light()

    async def ends(self) -> None:
        if self._box.leds.pattern in HEARING:
            await self._box.button.hold(TAP_S * 1000)

    async def taps(self) -> None:
        """Change the mind at once: tap twice within the shortest turn."""
        await self._box.button.hold(FASTEST_S * 1000)
        await asyncio.sleep(FASTEST_S)
        await self._box.button.hold(FASTEST_S * 1000)

    async def interrupts(self) -> None:
        """Tap, and once more if that came after the answer and began a turn."""
        await super().interrupts()
        await asyncio.sleep(TAP_S)
        await self.ends()


class Voice(Habit):
    """Just talks; a reply is ended by the button first, because the box hears nothing over it."""

    hands_free = True

    async def begins(self) -> bool:
        await self._quiets()
        return await self._sees_light()

    async def ends(self) -> None:
        """Say no more."""


class Service(Habit):
    """Just talks, also over a reply, if the light says that the line is open."""

    hands_free = True
    keeps_words = False
    hears_after_s = HEARS_S

    async def begins(self) -> bool:
        leds = self._box.leds
        return await waits_for(
            lambda: leds.mic_is_open and leds.pattern in (Pattern.IDLE, Pattern.SPEAKING), LIGHT_S
        )

    async def ends(self) -> None:
        """Say no more, and see that the service heard it; a slow line takes its time."""
        leds = self._box.leds
        await waits_for(lambda: leds.pattern in NOTICED, NOTICED_S)


HABITS: dict[Mode, type[Habit]] = {
    "push_to_talk": PushToTalk,
    "toggle": Toggle,
    "voice": Voice,
    "server": Service,
    "semantic": Service,
}
