"""The same waits through ALSA, on a virtual sound card in real time whose sink can be recorded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.box import Box, Setup, box
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, service
from tests.rigs.gpio import library
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.sound import pulse
from tests.rigs.sound.card import SoundCard

RATE_HZ = 24_000
SINK_MS = 20
QUIET = 2  # rounding on the way through the mixer
HOLD_S = 0.2  # after the light
BURST_EVERY_S = 0.4
CARD_LIMITS = "the buffers of the sound server, which a card does not have"


class Ear:
    """Hears one end of the card, with the time of every sample.

    The earliest piece says when the others were due: none can come before it was made.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._heard = 0
        self._begin_s = float("inf")

    async def hear(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(1 << 16):
            self._pieces.append(piece)
            self._heard += len(piece) // 2
            self._begin_s = min(self._begin_s, time.monotonic() - self._heard / RATE_HZ)

    def samples(self) -> NDArray[np.int16]:
        return np.frombuffer(b"".join(self._pieces), "<i2")

    def loud_s(self, above: int = QUIET) -> NDArray[np.float64]:
        """When each sample was made that is louder."""
        (loud,) = np.nonzero(np.abs(self.samples().astype(np.int32)) > above)
        return self._begin_s + loud / RATE_HZ


@contextlib.asynccontextmanager
async def listening(card: SoundCard, device: str) -> AsyncIterator[Ear]:
    form = (f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--raw")
    process = await asyncio.create_subprocess_exec(
        *("parecord", f"--device={device}", f"--latency-msec={SINK_MS}", *form),
        env={**os.environ, **card.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ear = Ear()
    hearing = asyncio.create_task(ear.hear(process.stdout))
    try:
        yield ear
        await asyncio.sleep(0.3)  # what is on its way is heard
    finally:
        process.terminate()
        await hearing
        await process.wait()


async def measure(effort: Effort) -> list[Figure]:
    try:
        card = SoundCard(pulse.find())
    except pulse.Missing as missing:
        sys.stderr.write(f"skipped, no virtual sound card: {missing}\n")
        return []
    with card:
        async with service("steady") as steady:
            setup = Setup(
                steady.url,
                microphone=SoundCard.MICROPHONE,
                speaker=SoundCard.SPEAKER,
                paced=False,
                environment=card.environment,
            )
            async with box(setup) as made:
                await made.told("light", pattern="idle")
                silence_ms, speaker_ms = await _presses(card, made, steady, effort.of(200, 10))
                wire_ms, cpu_min_s = await _bursts(card, made, steady, effort.of(50, 8))
            line_ms = await _on_a_line(card, setup, steady, effort.of(100, 10))
    where = "on a virtual card"
    figures = [
        Figure(f"press on a GPIO line → silence at the sink, {where}", "ms", line_ms,
               goal=Goal(Of.MOST, 100), limited_by=CARD_LIMITS),
        Figure(f"press → silence at the sink, {where}", "ms", silence_ms, goal=Goal(Of.P95, 60),
               limited_by=CARD_LIMITS),
        Figure(f"wire → sink, {where}", "ms", speaker_ms, limited_by=CARD_LIMITS),
        Figure(f"room → wire, batches of 40 ms, {where}", "ms", wire_ms, limited_by=CARD_LIMITS),
        Figure(f"CPU, uplink, {where}", "s per minute", [cpu_min_s]),
    ]  # fmt: skip
    return [figure for figure in figures if figure.ours]


async def _on_a_line(card: SoundCard, setup: Setup, steady: Service, count: int) -> list[float]:
    """The same presses through the kernel's door, lgpio and gpiozero."""
    try:
        chip = GpioChip(library.find())
    except library.Missing as missing:
        sys.stderr.write(f"skipped, no virtual GPIO chip: {missing}\n")
        return []
    with chip:
        async with box(replace(setup, chip=chip)) as made:
            await made.told("light", pattern="idle")
            silence_ms, _ = await _presses(card, made, steady, count)
    return silence_ms


async def _presses(
    card: SoundCard, made: Box, steady: Service, count: int
) -> tuple[list[float], list[float]]:
    """Press into a reply, again and again."""
    chance, presses, went = random.Random(count), [], []
    async with listening(card, "speaker.monitor") as ear:
        for number in range(count + 1):
            pressed_s = made.press()
            await made.told("light", after_s=pressed_s, pattern="listening")
            await asyncio.sleep(HOLD_S)
            await steady.ask("forget")
            released_s = made.release()
            if number:
                presses.append((pressed_s, released_s))
            await made.told("light", after_s=released_s, pattern="speaking")
            went.append((await steady.ask("pieces"))[0][0])
            await asyncio.sleep(chance.uniform(0.3, 0.5))
        await made.click("talk")  # too short for a turn
    loud_s = ear.loud_s()
    ends = np.searchsorted(loud_s, [released_s for _, released_s in presses]) - 1
    silence_ms = [
        max(0.0, 1000 * float(loud_s[end] - pressed_s))
        for end, (pressed_s, _) in zip(ends, presses, strict=True)
    ]
    begins = np.searchsorted(loud_s, went)
    speaker_ms = [
        1000 * float(loud_s[begin] - at_s) for begin, at_s in zip(begins, went, strict=True)
    ]
    return silence_ms, speaker_ms


async def _bursts(
    card: SoundCard, made: Box, steady: Service, count: int
) -> tuple[list[float], float]:
    """Clicks in the room: from the sample in the air to the service."""
    await asyncio.sleep(1)
    await steady.ask("forget")
    pressed_s = made.press()
    await made.told("light", after_s=pressed_s, pattern="listening")
    with tempfile.TemporaryDirectory() as folder:
        clicks = Path(folder) / "clicks.wav"
        _write_clicks(clicks, count)
        async with listening(card, "room.monitor") as ear:
            saying = asyncio.create_task(card.say(clicks))
            used = await made.over(count * BURST_EVERY_S / 2)
            await saying
    came = await steady.ask("bursts")
    made.release()
    loud_s = ear.loud_s(2000)
    starts = loud_s[np.flatnonzero(np.diff(loud_s, prepend=0.0) > BURST_EVERY_S / 2)]
    waits_ms = [
        1000 * (at_s - float(starts[starts < at_s][-1])) for at_s in came if (starts < at_s).any()
    ]
    return waits_ms, used.cpu_s * 60 / (count * BURST_EVERY_S / 2)


def _write_clicks(path: Path, count: int) -> None:
    """At no fixed place between two batches."""
    chance = np.random.default_rng(count)
    pcm = np.zeros(int((count + 1) * BURST_EVERY_S * RATE_HZ), "<i2")
    for number in range(count):
        at = int((number + 0.5 + chance.uniform(-0.05, 0.05)) * BURST_EVERY_S * RATE_HZ)
        pcm[at : at + 240] = 12_000 * np.sign(np.sin(np.arange(240)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm.tobytes())
