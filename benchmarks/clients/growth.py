"""The whole device on simulated time, turn after turn in one session: what changes with age.

CPU is of device and service together, memory of the device alone.
"""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from array import array
from dataclasses import replace
from random import Random
from typing import Any

from benchmarks.clients.pace import job, tell
from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.frames import WIRE
from pi_voice.sim import clock

LOUD = 6000
OURS = (
    tracemalloc.Filter(True, "*/pi_voice/*"),
    tracemalloc.Filter(False, "*/pi_voice/sim/*"),
    # the simulated speaker keeps what it played
    tracemalloc.Filter(False, "*/audio/resample.py"),
    tracemalloc.Filter(False, "*/audio/feed.py"),
)
LONGEST_S = 3600.0


def settings() -> Settings:
    made = Settings()
    return replace(
        made,
        activation=replace(made.activation, longest_turn_s=130),
        limits=replace(
            made.limits, turn_s=0, session_min=0, hour_min=0, day_min=0, idle_hang_up_min=0
        ),
    )


def speech(duration_ms: int) -> bytes:
    chance = Random(duration_ms)
    samples = (chance.randint(-LOUD, LOUD) for _ in range(WIRE.samples(duration_ms)))
    return array("h", samples).tobytes()


async def turn(here: Simulation, pcm: bytes) -> tuple[float, float]:
    """One turn and its reply; CPU of each."""
    began_s = time.process_time()
    here.button.press()
    await here.leds.mic(is_open=True)
    await here.microphone.say(pcm, WIRE.rate_hz)
    here.button.release()
    await here.leds.shows(Pattern.SPEAKING, within_s=LONGEST_S)
    middle_s = time.process_time()
    await here.leds.shows(Pattern.IDLE, within_s=LONGEST_S)
    return middle_s - began_s, time.process_time() - middle_s


def memory_mb() -> float:
    if not tracemalloc.is_tracing():
        return 0.0
    found = tracemalloc.take_snapshot().filter_traces(OURS).statistics("filename")
    return sum(each.size for each in found) / 1e6


async def session(turns: int, every_s: float, marks: list[int]) -> list[dict[str, Any]]:
    """So many short turns; at each mark, CPU of the last turns and memory."""
    told, pcm, loop = [], speech(400), asyncio.get_running_loop()
    async with build.simulation(settings(), WIRE) as here:
        running = asyncio.create_task(here.daemon.run())
        await here.leds.shows(Pattern.IDLE)
        cpu_s: list[float] = []
        for number in range(1, turns + 1):
            due_s = loop.time() + every_s
            cpu_s.append(sum(await turn(here, pcm)))
            await asyncio.sleep(due_s - loop.time())
            if number in marks:
                told.append({"cpu_ms": 1000 * min(cpu_s[-5:]), "memory_mb": memory_mb()})
        here.daemon.stop()
        await running
    return told


async def replies(lengths_s: list[int]) -> list[dict[str, Any]]:
    """One reply of each length; CPU for each second of it."""
    told = []
    async with build.simulation(settings(), WIRE) as here:
        running = asyncio.create_task(here.daemon.run())
        await here.leds.shows(Pattern.IDLE)
        await turn(here, speech(1000))
        for length_s in lengths_s:
            _, reply_s = await turn(here, speech(1000 * length_s))
            told.append({"cpu_ms": 1000 * reply_s / length_s})
        here.daemon.stop()
        await running
    return told


def main(what: str, traced: bool = False, **given: Any) -> None:
    if traced:
        tracemalloc.start()
    work = session(**given) if what == "session" else replies(**given)
    tell(clock.run(work))


if __name__ == "__main__":
    main(**job())
