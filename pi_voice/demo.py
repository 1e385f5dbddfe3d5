"""A conversation without hardware: real device, daemon, link and service; simulated room."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pi_voice import build, build_audio
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.demo_view import Outcome, Screen, TurnOutcome, closing, table
from pi_voice.errors import PiVoiceError
from pi_voice.frames import AudioFormat
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.wav import Recording, read_wav, write_wav

HELLO = files("pi_voice.sim") / "hello.wav"
Mode = Literal["push_to_talk", "toggle", "voice"]
STORIES = {
    "push_to_talk": "hold the button and talk",
    "toggle": "press, talk, press again",
    "voice": "just talk",
}
HEADER_HZ = 48_000
TAP_S = 0.06  # a quick finger; far below what counts as a turn
MID_REPLY = 0.4  # of the reply is heard when somebody interrupts it
CUE_S = 1.0  # who unmutes hears a short sound, and talks after it
ARRIVED_S = 0.3  # what was sent has arrived by then, and fingers are no faster
PATIENCE_S = 30.0  # beyond the length of what is said; then the reply does not come


class NoReplyError(PiVoiceError):
    """A turn of the demo did not get its reply."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for.

    Attributes:
        wavs: One utterance each; none: the recording that ships, in three turns.
        out: Where what the speaker played is written.
        activation: push_to_talk, toggle or voice.
        as_json: Print the outcome as one JSON object, last.
    """

    wavs: tuple[Path, ...]
    out: Path
    activation: Mode
    as_json: bool


def run(wishes: Wishes) -> int:
    """Hold the conversation and show it; 0 only if every turn got its reply."""
    speeches = [read_wav(path) for path in wishes.wavs]
    write_wav(wishes.out, b"", HEADER_HZ)  # what cannot be written is told before the talking
    screen = Screen(sys.stderr if wishes.as_json else sys.stdout)
    screen.say("You only watch: a recorded voice talks to a simulated box.")
    outcome = asyncio.run(_hold(wishes, speeches, screen))
    screen.say(*table(outcome))
    screen.say(f"What the speaker played is in {wishes.out}", closing(outcome))
    if wishes.as_json:
        sys.stdout.write(f"{json.dumps(outcome.as_dict())}\n")
    return 0 if outcome.is_complete else 1


async def _hold(wishes: Wishes, speeches: list[Recording], screen: Screen) -> Outcome:
    settings = Settings()
    settings = replace(settings, activation=replace(settings.activation, mode=wishes.activation))
    card = AudioFormat(speeches[0].rate_hz if speeches else _hello().rate_hz)
    async with build.simulation(settings, card) as box:
        daemon = asyncio.create_task(box.daemon.run(), name="daemon")
        live = asyncio.create_task(screen.live(box), name="live line")
        person = Person(box, wishes.activation, screen)
        talk = asyncio.create_task(_talk(person, speeches), name="person")
        try:
            await asyncio.wait({daemon, talk}, return_when=asyncio.FIRST_COMPLETED)
            box.daemon.stop()
            await daemon
            outcome = await talk
            write_wav(wishes.out, box.speaker.heard, box.speaker.rate_hz)
            return outcome
        finally:
            for task in (talk, live, daemon):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _talk(person: Person, speeches: list[Recording]) -> Outcome:
    await person.waits_for_idle(0.0)
    if speeches:
        for speech in speeches:
            await person.asks(speech)
    else:
        await person.asks(_hello())
        await person.asks(_hello(), interrupts=True)
        await person.is_muted_while_saying(_hello())
        await person.asks(_hello())
    return person.outcome()


def _hello() -> Recording:
    return read_wav(Path(str(HELLO)))


class Person:
    """Somebody at the box: watches the lights, presses, speaks, listens."""

    def __init__(self, box: build.Simulation, activation: Mode, screen: Screen) -> None:
        self._box = box
        self._screen = screen
        self._activation = activation
        self._turns: list[TurnOutcome] = []
        self._muted_bytes = 0

    async def asks(self, speech: Recording, *, interrupts: bool = False) -> None:
        """Say something and hear the reply, or interrupt it half-way."""
        story = f"Turn {len(self._turns) + 1}: {STORIES[self._activation]}"
        self._screen.say(
            f"{story}, and press the button in mid-reply." if interrupts else f"{story}."
        )
        pressed_s = await self._begins()
        said = await self._says(speech)
        await self._ends()
        interrupted_s = await self._interrupts(said) if interrupts else None
        await self.waits_for_idle(2 * _length_s(said))
        self._note(said, pressed_s, interrupted_s)

    async def is_muted_while_saying(self, speech: Recording) -> None:
        """Say something to a muted box: nothing of it may leave."""
        self._screen.say("Muted: talk to the box; nothing may leave it.")
        await asyncio.sleep(ARRIVED_S)
        before = self._box.service.audio_received_bytes
        self._wish(Wish.MUTE)
        self._box.button.press()
        await self._says(speech)
        self._box.button.release()
        await asyncio.sleep(ARRIVED_S)
        self._muted_bytes += self._box.service.audio_received_bytes - before
        self._wish(Wish.UNMUTE)
        await asyncio.sleep(CUE_S)

    async def waits_for_idle(self, length_s: float) -> None:
        try:
            await self._box.leds.shows(Pattern.IDLE, within_s=length_s + PATIENCE_S)
        except TimeoutError as error:
            raise NoReplyError(f"the conversation got stuck: {error}") from error

    def outcome(self) -> Outcome:
        return Outcome(
            turns=tuple(self._turns),
            leds=tuple(self._box.leds.patterns),
            muted_bytes_sent=self._muted_bytes,
            dropped_frames=self._box.microphone.dropped,
        )

    async def _begins(self) -> float | None:
        """Press where it takes a press, and wait for the light that says: I hear you."""
        pressed_s = None
        if self._activation != "voice":
            pressed_s = asyncio.get_running_loop().time()
            self._box.button.press()
        if self._activation == "toggle":
            await asyncio.sleep(TAP_S)
            self._box.button.release()
        await self._box.leds.mic(is_open=True)
        return pressed_s

    async def _says(self, speech: Recording) -> Utterance:
        card = self._box.microphone.format
        pcm = build.resampled(speech.mono, speech.rate_hz, card.rate_hz)
        return await self._box.microphone.say(pcm, card.rate_hz)

    async def _ends(self) -> None:
        if self._activation == "push_to_talk":
            self._box.button.release()
        elif self._activation == "toggle":
            await self._box.button.hold(TAP_S * 1000)

    async def _interrupts(self, said: Utterance) -> float:
        await self._box.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(_length_s(said) * MID_REPLY)
        interrupted_s = asyncio.get_running_loop().time()
        await self._box.button.hold(TAP_S * 1000)
        return interrupted_s

    def _wish(self, wish: Wish) -> None:
        self._box.daemon.post(Cue(wish, asyncio.get_running_loop().time(), local=True))

    def _note(self, said: Utterance, pressed_s: float | None, interrupted_s: float | None) -> None:
        number = len(self._turns)
        session = self._box.service.sessions[-1]
        if number >= len(self._box.log.turns):
            raise NoReplyError(
                f"turn {number + 1} was not heard: it must hold speech, of 0.1 s at least"
            )
        record, heard = self._box.log.turns[number], session.turns[number]
        cuts = [t.audio_end_ms for t in session.truncations if t.item_id == heard.reply_item_id]
        wire = build_audio.wire(Settings())
        self._turns.append(
            TurnOutcome(
                activation=self._activation,
                speech_ms=_length_s(said) * 1000,
                sent_ms=wire.duration_ms(len(heard.pcm)),
                reply_received_ms=record.received_ms,
                reply_heard_ms=record.heard_ms,
                interrupted=interrupted_s is not None,
                truncated_at_ms=cuts[0] if cuts else None,
                press_to_first_byte_ms=_since(pressed_s, heard.first_byte_at_s),
                speech_end_to_first_audio_ms=_since(said.ends_s, record.first_heard_s),
                interrupt_to_silence_ms=_since(interrupted_s, self._silent_since(interrupted_s)),
            )
        )

    def _silent_since(self, interrupted_s: float | None) -> float | None:
        if interrupted_s is None:
            return None
        return self._box.speaker.loud_until(interrupted_s) or interrupted_s


def _length_s(said: Utterance) -> float:
    return said.ends_s - said.began_s


def _since(from_s: float | None, to_s: float | None) -> float | None:
    return None if from_s is None or to_s is None else (to_s - from_s) * 1000
