"""What can be wished of the box from afar, and in one sentence what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pi_voice.control_wire import Request, Verb
from pi_voice.core.events import Cue, Event, Say, Wish
from pi_voice.status import NOT_KEPT, Status

EFFECT_S = 2.0  # a card that takes longer to close is broken
LOOKS = 100  # at the status while a wish takes effect: nobody notices 20 ms
# the device gives a lost session up after 8 s, and whoever asks waits for 10
SPEAKS_S = 9.0
SPEAKING = "speaking"
LISTENING, ANSWERING = ("listening", "ending"), ("thinking", "speaking")
NO_HAND = "no button of this box unmutes"
NO_SPEAKER = "no_speaker"  # the name of its finding


@dataclass(frozen=True, slots=True)
class Access:
    """What the socket reaches of the box; every call returns at once.

    Attributes:
        ask: Puts an event into the inbox.
        status: How things stand.
        logs: The last lines of the log, the oldest first.
        last_run: Those of the run that ended by a fault of its own.
        remote_unmute: The socket may unmute; otherwise only a hand at the box can.
        hand_unmutes: There is a button at the box that unmutes.
    """

    ask: Callable[[Event], None]
    status: Callable[[], Status]
    logs: Callable[[], Sequence[str]] = tuple
    last_run: Callable[[], Sequence[str]] = tuple
    remote_unmute: bool = False
    hand_unmutes: bool = True


class Wishes:
    """Asks the device, and knows in one sentence what came of it.

    Args:
        access: To the device.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def fulfil(self, request: Request) -> tuple[bool, str]:
        """Do what is asked for, and wait until it took effect.

        Returns:
            Whether it did, and the sentence.
        """
        if request.verb is Verb.MUTE:
            return await self._mute()
        if request.verb is Verb.UNMUTE:
            return await self._unmute()
        if request.verb is Verb.INTERRUPT:
            return await self._interrupt()
        if request.verb is Verb.SAY:
            return await self._say(request.text)
        return True, ""

    async def _mute(self) -> tuple[bool, str]:
        self._wish(Wish.MUTE)
        if await self._becomes(
            lambda now: now.muted and now.microphone != "open" and now.mute_kept
        ):
            return True, f"muted: the microphone is closed{self._until_when()}{self._way_back()}"
        if self._access.status().muted and self._access.status().microphone != "open":
            kept = "the disk is slow to keep it"
            return True, f"muted: the microphone is closed; {kept}{self._way_back()}"
        if self._access.status().muted:
            return False, (
                f"muted: nothing is sent, but the microphone is still open after {EFFECT_S:g} s. "
                "Look who holds it: sudo pi-voice mute --verify"
            )
        return False, "the box did not mute; look why: pi-voice logs"

    def _until_when(self) -> str:
        """A mute that ends with the power is worth a word."""
        found = (finding for finding in self._access.status().findings)
        lost = next((finding.text for finding in found if finding.name == NOT_KEPT), "")
        return f"; but {lost}" if lost else ""

    def _way_back(self) -> str:
        """How to unmute, where no hand at the box can."""
        if self._access.hand_unmutes:
            return ""
        if self._access.remote_unmute:
            return f"; {NO_HAND}, but pi-voice unmute does"
        return f"; {NO_HAND}, and pi-voice unmute only with [privacy] remote_unmute = true"

    async def _unmute(self) -> tuple[bool, str]:
        now = self._access.status()
        if not now.muted:
            return True, f"not muted: the microphone is {_microphone(now)}"
        if now.switched_off:
            return False, "the mute switch at the box is closed; only it can unmute"
        if not self._access.remote_unmute:
            who = "only the button at the box can unmute" if self._access.hand_unmutes else NO_HAND
            return False, (
                f"{who}; to allow it here, set [privacy] remote_unmute = true, "
                "then: sudo systemctl restart pi-voice"
            )
        self._wish(Wish.UNMUTE)
        is_kept = await self._becomes(lambda now: not now.muted and now.mute_kept)
        now = self._access.status()
        if not now.muted:
            hears = ": the box hears you again when a turn begins"
            if now.microphone == "lost":
                hears = f", but the microphone is {_microphone(now)}"
            return True, f"unmuted{hears}" + ("" if is_kept else "; the disk is slow to keep it")
        return False, "the box did not unmute; look why: pi-voice logs"

    async def _interrupt(self) -> tuple[bool, str]:
        before = self._access.status().turn
        self._wish(Wish.INTERRUPT)
        if before not in ANSWERING:
            return True, "there was nothing to interrupt"
        if await self._becomes(lambda now: now.turn not in ANSWERING):
            return True, "interrupted: the box is silent"
        return False, "the box did not stop; look why: pi-voice logs"

    async def _say(self, text: str) -> tuple[bool, str]:
        now = self._access.status()
        if no := _unspeakable(now):
            return False, no
        self._access.ask(Say(text))
        if now.turn == SPEAKING:  # what it says now is not it
            await self._becomes(lambda now: now.turn != SPEAKING)
        await self._becomes(lambda now: now.turn == SPEAKING or bool(_unspeakable(now)), SPEAKS_S)
        now = self._access.status()
        if no := _unspeakable(now):
            return False, no
        if now.turn == SPEAKING:
            return True, "the box says it"
        silence = f"the box was asked, and says nothing for {SPEAKS_S:g} s"
        return False, f"{silence}; look why: pi-voice status"

    def _wish(self, wish: Wish) -> None:
        self._access.ask(Cue(wish, asyncio.get_running_loop().time()))

    async def _becomes(self, fact: Callable[[Status], bool], within_s: float = 0.0) -> bool:
        """Wait until the status shows it, for EFFECT_S if not said; False if it takes too long."""
        for _ in range(LOOKS):
            if fact(self._access.status()):
                return True
            await asyncio.sleep((within_s or EFFECT_S) / LOOKS)
        return fact(self._access.status())


def _unspeakable(now: Status) -> str:
    """Why no text can be said now; "" if one can."""
    if now.trouble:
        why = now.connection_reason or now.trouble.replace("_", " ")
        return f"the box cannot say it, because only the service can speak: {why}"
    if lost := next((found for found in now.findings if found.name == NO_SPEAKER), None):
        return f"the box cannot say it: {lost.text}. {lost.hint}".rstrip(". ")
    if now.turn in LISTENING:
        return "somebody talks to the box; try again"
    return ""


def _microphone(now: Status) -> str:
    return f"{now.microphone}: {now.microphone_reason}" if now.microphone_reason else now.microphone
