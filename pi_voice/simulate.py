"""A day in the life of the box, faster than it passes: real device, simulated room, many faults."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import math
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.errors import UsageError
from pi_voice.frames import WIRE
from pi_voice.sim import clock
from pi_voice.sim.network import Network
from pi_voice.sim.room import Room
from pi_voice.simulate_checks import Ear, Growth, Guard, Lines
from pi_voice.simulate_faults import FAULTS, HOUR_S, Scene, Weather
from pi_voice.simulate_habits import Mode
from pi_voice.simulate_person import Person
from pi_voice.simulate_record import Record, is_of_age

KEEP_S = 120.0  # of what was played; the longest reply is shorter
KEEP = 100  # changes of the lights
SESSIONS = 12  # more than ever end in one turn
AUDIO_BYTES = 2**22  # of the longest turn and its reply; the day must not fill the memory
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for.

    Attributes:
        hours: How long, in simulated time.
        speed: At most so many times faster than real time.
        seed: Of all dice; the same seed is the same story.
        faults: "all", "none", or names out of the table, with commas between them.
        json: Where the outcome is written, too.
        mode: How people talk to the box.
    """

    hours: float = 24.0
    speed: float = math.inf
    seed: int = 1
    faults: str = "all"
    json: Path | None = None
    mode: Mode = "push_to_talk"

    def names(self) -> list[str]:
        """The faults that may strike; all are those that a box in this mode can notice.

        Raises:
            UsageError: There is no such fault.
        """
        if self.faults in ("all", "none"):
            return list(FAULTS) if self.faults == "all" else []
        names = self.faults.split(",")
        for name in names:
            if name not in FAULTS:
                known = ", ".join(FAULTS)
                raise UsageError(
                    f"there is no fault {name!r}. Choose all, none or some of: {known}"
                )
        return names


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        wishes: What was asked for.
        simulated_s: How long it went.
        took_s: How long that took.
        record: What happened.
        growth: What the process held.
        lines: Of log.
    """

    wishes: Wishes
    simulated_s: float
    took_s: float
    record: Record
    growth: Growth
    lines: int

    @property
    def problem(self) -> str | None:
        """What went wrong, as one sentence; None if nothing did."""
        return None if self.record.problem is None else str(self.record.problem)

    @property
    def swaps(self) -> int:
        """Sessions that were followed by another one because of their age."""
        renewed = sum(n for reason, n in self.record.downs.items() if is_of_age(reason))
        return renewed + self.record.faults["session_cap"]


def run(wishes: Wishes) -> int:
    """Live through it and tell; 0 only if nothing happened that must not."""
    wishes.names()
    say = _printer()
    outcome = live(wishes, progress=say)
    for line in report(outcome):
        say(line)
    if wishes.json is not None:
        wishes.json.write_text(json.dumps(as_dict(outcome), indent=2) + "\n")
    return 1 if outcome.problem else 0


def live(wishes: Wishes, *, progress: Callable[[str], object] = lambda _: None) -> Outcome:
    """Simulate all of it, or up to the first thing that must never happen."""
    before = random.getstate()
    random.seed(wishes.seed)  # the dice of the reconnects
    lines, log = Lines(), logging.getLogger("pi_voice")
    log.addHandler(lines)
    log.propagate, propagated = False, log.propagate
    network = Network()
    try:
        story = _live(wishes, network, progress, lines)
        return clock.run(story, network=network, speed=wishes.speed)
    finally:
        log.removeHandler(lines)
        log.propagate = propagated
        random.setstate(before)


async def _live(
    wishes: Wishes, network: Network, progress: Callable[[str], object], lines: Lines
) -> Outcome:
    loop = asyncio.get_running_loop()
    began_s, really_s = loop.time(), time.monotonic()
    async with _stage(wishes, network) as (record, growth, tasks):
        end_s, told_s = began_s + wishes.hours * HOUR_S, began_s
        while loop.time() < end_s and record.problem is None:
            await asyncio.sleep(min(LOOK_S, end_s - loop.time()))
            _expect_life(tasks, record)
            if loop.time() - told_s >= HOUR_S:
                told_s += HOUR_S
                progress(_progress(told_s - began_s, record, growth))
        simulated_s = loop.time() - began_s
        growth.judge(record)
        lines.judge(simulated_s, record)
    took_s = time.monotonic() - really_s
    return Outcome(wishes, simulated_s, took_s, record, growth, lines.lines)


@contextlib.asynccontextmanager
async def _stage(
    wishes: Wishes, network: Network
) -> AsyncIterator[tuple[Record, Growth, set[asyncio.Task[None]]]]:
    """The box, its person and the weather, all of them running."""
    settings, record = _settings(wishes.mode), Record()
    async with build.simulation(settings, WIRE) as made:
        made.service.calendar = lambda: 0.0  # a date is never the same: sessions count from birth
        made.service.keep(sessions=SESSIONS, audio_bytes=AUDIO_BYTES)
        made.speaker.keep_s, made.leds.keep, made.microphone.watched = KEEP_S, KEEP, True
        if wishes.mode == "voice":  # elsewhere a button tells who talks, or the card removes it
            made.microphone.surroundings = Room(made.speaker)
        made.daemon.watchers.append(record)
        dice = [random.Random(f"{wishes.seed} {who}") for who in ("person", "weather")]
        scenes = [Scene(made, network, chance, asyncio.Lock()) for chance in dice]
        scenes[1] = replace(scenes[1], hands=scenes[0].hands)
        growth = Growth()
        person = Person(scenes[0], record, wishes.mode)
        weather = Weather(scenes[1], record, wishes.names())
        guard = Guard(made, Ear(made.daemon.device, network), record)
        lives = (made.daemon.run(), person.lives(), weather.blow(), guard.watch(), growth.watch())
        tasks = {asyncio.create_task(life) for life in lives}
        try:
            yield record, growth, tasks
        finally:
            network.heal()
            made.daemon.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _settings(mode: Mode) -> Settings:
    """As it ships, without the limits that would end the talking after two hours."""
    settings = Settings()
    echo = "hardware" if mode in build.TURN_DETECTION else settings.audio.echo
    limits = replace(
        settings.limits,
        turn_s=0.0,
        session_min=0.0,
        hour_min=0.0,
        day_min=0.0,
        idle_hang_up_min=0.0,
    )
    activation, audio = replace(settings.activation, mode=mode), replace(settings.audio, echo=echo)
    return replace(settings, activation=activation, audio=audio, limits=limits)


def _expect_life(tasks: set[asyncio.Task[None]], record: Record) -> None:
    """Nothing of it ends before its time, with an error or without."""
    for task in tasks:
        if task.done() and not task.cancelled():
            error = task.exception()
            told = "stopped by itself" if error is None else f"crashed: {error!r}"
            record.fail(f"the box {told}")


# -- what people read


def report(outcome: Outcome) -> Iterator[str]:
    """The outcome as lines of text."""
    record, wishes = outcome.record, outcome.wishes
    speed = outcome.simulated_s / outcome.took_s
    yield ""
    yield f"simulated        {_hours(outcome.simulated_s)} h at {speed:.0f}×, seed {wishes.seed}"
    yield f"mode             {wishes.mode}"
    turns = ", ".join(f"{count} {what}" for what, count in record.outcomes.most_common())
    yield f"turns            {record.outcomes.total()}: {turns}"
    yield f"sessions         {record.downs.total() + 1}, {outcome.swaps} ended by age"
    yield f"log              {outcome.lines / (outcome.simulated_s / 60):.1f} lines a minute"
    yield from _grown(outcome.growth)
    yield ""
    yield f"{'fault':<22}{'struck':>8}{'well again after (s): median':>30}{'p95':>8}{'worst':>8}"
    for name, count in sorted(record.faults.items()):
        after = sorted(record.recoveries_s[name])
        cells = [_figure(percentile(after, share)) for share in (0.5, 0.95, 1.0)]
        yield f"{name:<22}{count:>8}{cells[0]:>30}{cells[1]:>8}{cells[2]:>8}"
    yield ""
    yield f"story            {record.digest}"
    if outcome.problem:
        yield from record.steps
        yield f"at {_hours(outcome.simulated_s)} h ({outcome.simulated_s:.3f} s): {outcome.problem}"
        again = f"pi-voice simulate --mode {wishes.mode} --seed {wishes.seed}"
        again = f"{again} --hours {wishes.hours:g}"
        yield f"See it again with: {again} --faults {wishes.faults} --speed max"
    else:
        yield "Nothing happened that must not."


def _grown(growth: Growth) -> Iterator[str]:
    first, last = growth.samples[0], growth.samples[-1]
    rise = growth.slope_mib_per_h
    told = "too short to tell" if rise is None else f"{rise:+.3f} MiB an hour when warm"
    yield f"memory           {first.rss_mib:.0f} → {last.rss_mib:.0f} MiB, {told}"
    for what in ("handles", "threads", "tasks"):
        figures = [getattr(sample, what) for sample in growth.samples]
        yield f"{what:<17}{figures[0]} → {figures[-1]}, never more than {max(figures)}"


def as_dict(outcome: Outcome) -> dict[str, object]:
    """The outcome for programs."""
    record = outcome.record
    return {
        "mode": outcome.wishes.mode,
        "seed": outcome.wishes.seed,
        "faults": outcome.wishes.faults,
        "simulated_s": outcome.simulated_s,
        "took_s": outcome.took_s,
        "problem": outcome.problem,
        "story": record.digest,
        "turns": dict(record.outcomes),
        "sessions_ended": dict(record.downs),
        "swaps": outcome.swaps,
        "struck": dict(record.faults),
        "recoveries_s": dict(record.recoveries_s),
        "log_lines": outcome.lines,
        "slope_mib_per_h": outcome.growth.slope_mib_per_h,
        "samples": [dataclasses.asdict(sample) for sample in outcome.growth.samples],
    }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share does not exceed (nearest rank); None of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _progress(simulated_s: float, record: Record, growth: Growth) -> str:
    sample = growth.samples[-1]
    turns, faults, ended = record.outcomes.total(), record.faults.total(), record.downs.total()
    told = f"{turns} turns, {faults} faults, {ended} sessions ended, {sample.rss_mib:.0f} MiB"
    return f"{_hours(simulated_s)} h: {told}"


def _hours(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _printer() -> Callable[[str], None]:
    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    return say
