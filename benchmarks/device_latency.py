"""How long a person waits: the whole daemon on a card that keeps time."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.box import Box, Setup, box
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, service
from benchmarks.speech import HELLO, spoken

HOLD_S = 0.25
CUSHION_MS, BUFFER_MS = 120, 20  # what ships
LIMITED_BY = "the scheduler: a thread of the card and two processes take turns on the cores"


@dataclass(slots=True)
class Waits:
    """All in ms."""

    first_byte: list[float] = field(default_factory=list)
    to_speaker: list[float] = field(default_factory=list)
    after_release: list[float] = field(default_factory=list)
    silence: list[float] = field(default_factory=list)


async def measure(effort: Effort) -> list[Figure]:
    async with service("steady") as steady:
        waits = await _presses(steady, effort.of(60, 8))
        spoken_ms = await _hands_free(steady, effort.of(8, 1))
    to_speaker = Goal(Of.P99, CUSHION_MS + BUFFER_MS)
    silence = Goal(Of.P95, 60)
    return [
        Figure("press → first byte, microphone closed before", "ms", waits.first_byte),
        Figure("wire → speaker", "ms", waits.to_speaker, goal=to_speaker, limited_by=LIMITED_BY),
        Figure("press → silence", "ms", waits.silence, goal=silence, limited_by=LIMITED_BY),
        Figure("release → first sound of the reply, tail of 150 ms", "ms", waits.after_release),
        Figure("end of speech → first sound, hangover of 600 ms", "ms", spoken_ms),
    ]  # fmt: skip


async def _presses(steady: Service, count: int) -> Waits:
    """Hold to talk, hear the reply, press into it."""
    waits, chance = Waits(), random.Random(count)
    async with box(Setup(steady.url)) as made:
        await made.told("light", pattern="idle")
        for number in range(count + 1):
            await steady.ask("forget")
            pressed_s = made.press()
            if number:
                await _note(waits.silence, made, "silence", pressed_s)
            await asyncio.sleep(HOLD_S)
            (first_s, *_), *_ = await steady.ask("frames")
            waits.first_byte.append(1000 * (first_s - pressed_s))
            await steady.ask("forget")  # a piece of the reply before may have left meanwhile
            released_s = made.release()
            at_s = await _note(waits.after_release, made, "sound", released_s)
            (went_s, _), *_ = await steady.ask("pieces")
            waits.to_speaker.append(1000 * (at_s - went_s))
            await asyncio.sleep(chance.uniform(0.1, 0.2))
    return waits


async def _hands_free(steady: Service, count: int) -> list[float]:
    """Just talk; the button ends the reply."""
    waits_ms: list[float] = []
    with tempfile.TemporaryDirectory(prefix="pi-voice-bench-") as folder:
        recording = Path(folder) / "hello.pcm"
        recording.write_bytes(spoken(HELLO))
        async with box(Setup(steady.url, mode="voice")) as made:
            opened = await made.told("microphone")
            after_s = opened["at_s"]
            for _ in range(count):
                await asyncio.sleep(1.2)  # the room is quiet again
                made.say(recording)
                said = await made.told("said", after_s=after_s)
                after_s = await _note(waits_ms, made, "sound", said["at_s"])
                await made.click("talk")
    return waits_ms


async def _note(waits_ms: list[float], made: Box, what: str, since_s: float) -> float:
    told = await made.told(what, after_s=since_s)
    at_s: float = told["at_s"]
    waits_ms.append(1000 * (at_s - since_s))
    return at_s
