"""What a minute costs: the whole daemon beside the floor and the peers, in the same rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from benchmarks.clients.pace import FRAME_MS, Job
from benchmarks.contenders import (
    BARE,
    FLOOR,
    LAYER,
    Contender,
    Run,
    held,
    listening,
    muted,
    open_line,
    peers,
    replied_to,
    spoken_to,
)
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, rounds, service

BATCHES_MS = (20, 40, 60)
USUAL_MS = 40
HANDS_FREE = "hands-free"
REPLY, OPEN_LINE = "a reply is heard", "open line"
CPU = "s per minute"
UPLINK, DUPLEX = Goal(Of.RATIO, 0.8), Goal(Of.RATIO, 1.0)
LIMITED_BY = {
    "uplink": "the card's thread, its hop to the loop, and numpy, whose calls after every sleep "
    "find cold caches; hands-free also the detector; the floor has no numpy and no detector",
    "duplex": "the speaker, whose buffer of 20 ms makes a stop quick: 50 callbacks a second; and "
    "the detector; the floor has neither",
    "open line": "the speaker, whose buffer of 20 ms makes a stop quick: 50 callbacks a second, "
    "of which the floor has none",
    "listening": "the wake-up of a thread for each batch, and the detector for each 20 ms",
    "muted": "waking up to look whether the service is still there",
    "rss": "numpy, which takes 15 MB at the first sound",
    "mic": "the scheduler: four threads and two processes lie between a sample and the service",
    "wire": "the scheduler: two processes lie between the service and the player",
}
NO_VAD = "has no local detector: it cannot hear with the gate shut"
NO_MUTE = "drives no microphone: it cannot close one"

Runs = Mapping[str, Sequence[Run]]


async def measure(effort: Effort) -> list[Figure]:
    here, absent = await peers()
    for_s = effort.of(4, 1)
    async with service("steady") as steady:
        figures: list[Figure] = []
        for direction in ("uplink", "duplex"):
            runs: dict[str, Callable[[], Awaitable[Run]]] = {}
            job = partial(Job, steady.url, for_s=for_s, duplex=direction == "duplex")
            run = spoken_to if direction == "duplex" else held
            for batch_ms in BATCHES_MS:
                runs[str(batch_ms)] = partial(run, steady, job(frame_ms=batch_ms))
            if direction == "uplink":
                runs[HANDS_FREE] = partial(spoken_to, steady, job(frame_ms=USUAL_MS))
            else:
                runs[OPEN_LINE] = partial(open_line, steady, job(frame_ms=USUAL_MS))
                runs[REPLY] = partial(replied_to, steady, job(frame_ms=USUAL_MS))
            for name, contender in {"floor": FLOOR, "layer": LAYER, **here}.items():
                runs[name] = partial(contender.run, steady, job(frame_ms=FRAME_MS))
            done = await rounds(runs, effort.of(4, 1))
            figures += _cpu(direction, done, list(here), absent)
            more = _uplink if direction == "uplink" else _duplex
            figures += more(done, list(here), absent)
        return figures + await _rest(steady, effort, here, absent)


def _cpu(
    direction: str, done: Runs, here: Sequence[str], absent: Mapping[str, str]
) -> list[Figure]:
    goal = UPLINK if direction == "uplink" else DUPLEX
    others = {name: [run.cpu_min_s for run in done[name]] for name in here}
    floor = [run.cpu_min_s for run in done["floor"]]
    how = "button held" if direction == "uplink" else "hands-free"
    rows = {str(ms): f"{direction}, {how}, batches of {ms} ms" for ms in BATCHES_MS}
    if HANDS_FREE in done:
        rows[HANDS_FREE] = f"{direction}, hands-free, batches of {USUAL_MS} ms"
    if OPEN_LINE in done:
        rows[OPEN_LINE] = f"{direction}, open line, batches of {USUAL_MS} ms"
    if REPLY in done:
        rows[REPLY] = "a reply is heard, and a voice would end it"
    figures = [
        Figure(
            f"CPU, {name}", CPU, [run.cpu_min_s for run in done[key]], floor,
            goal if key in (str(USUAL_MS), HANDS_FREE, OPEN_LINE) else None,
            LIMITED_BY.get(key, LIMITED_BY[direction]),
            peers=others, cannot=absent,
        )
        for key, name in rows.items()
    ]  # fmt: skip
    switches = [run.switches_s for run in done[str(USUAL_MS)]]
    return [*figures, Figure(f"context switches, {direction}", "per s", switches)]


def _uplink(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    return _bytes(done, here) + _latencies(done, here, absent)


def _duplex(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    others = {name: [run.rss_mb for run in done[name]] for name in here}
    rss_mb = [run.rss_mb for run in done[str(USUAL_MS)]]
    return [
        Figure(
            "RSS after seconds of duplex", "MB", rss_mb, goal=Goal(Of.MOST, 60),
            limited_by=LIMITED_BY["rss"], peers=others, cannot=absent,
        ),
        *_to_player(done, here, absent),
    ]  # fmt: skip


def _bytes(done: Runs, here: Sequence[str]) -> list[Figure]:
    """As JSON; a satellite has a protocol of its own, without base64."""
    others = {name: [run.sent_mb_min for run in done[name] if run.sent_mb_min] for name in here}
    sent = [run.sent_mb_min for run in done[str(USUAL_MS)]]
    goal = Goal(Of.MOST, 4.0)
    return [Figure("bytes up, speech, pcm", "MB per minute", sent, goal=goal, peers=others)]


def _latencies(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    def times(name: str) -> list[float]:
        return [ms for run in done[name] for ms in run.mic_ms]

    others = {name: times(name) for name in here}
    limit = LIMITED_BY["mic"]
    figures = []
    for batch_ms in BATCHES_MS:
        waits_ms = [ms for run in done[str(batch_ms)] for ms in run.batch_ms]
        name = f"first sample of a batch of {batch_ms} ms → wire"
        goal = Goal(Of.P99, batch_ms + 5)
        figures.append(Figure(name, "ms", waits_ms, goal=goal, limited_by=limit))
    short, usual = (f"frame → wire, batches of {batch_ms} ms" for batch_ms in (20, USUAL_MS))
    goal = Goal(Of.P99, 3)
    figures.append(
        Figure(
            short, "ms", times("20"), times("floor"), goal, limit, paired=False, peers=others,
            cannot=absent,
        )
    )  # fmt: skip
    goal = Goal(Of.P99, 30)
    figures.append(Figure(usual, "ms", times(str(USUAL_MS)), goal=goal, limited_by=limit))
    return figures


def _to_player(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    def times(name: str) -> list[float]:
        return [ms for run in done[name] for ms in run.wire_ms]

    others = {name: times(name) for name in here}
    return [
        Figure(
            "wire → player, through the transport", "ms", times("layer"), times("floor"),
            Goal(Of.P99, 3), LIMITED_BY["wire"], paired=False, peers=others, cannot=absent,
        )
    ]  # fmt: skip


async def _rest(
    steady: Service, effort: Effort, here: Mapping[str, Contender], absent: Mapping[str, str]
) -> list[Figure]:
    """Nobody talks."""
    job = Job(steady.url, FRAME_MS, effort.of(5, 1), duplex=False, idle=True)
    all_of_them = {"floor": BARE} if effort.quick else {"floor": BARE, **here}
    runs = {name: partial(one.run, steady, job) for name, one in all_of_them.items()}
    idle = await rounds(runs, effort.of(2, 1))
    cpu = {name: [run.cpu_min_s for run in done] for name, done in idle.items()}
    job = replace(job, frame_ms=USUAL_MS, for_s=effort.of(60, 5))
    # both at once: neither does enough to be in the other's way
    closed, shut = await asyncio.gather(held(steady, job), muted(steady, job))
    others = {name: cpu[name] for name in here if name in cpu}
    least = Goal(Of.MEDIAN, 0.01)
    return [
        Figure(
            "CPU, idle, microphone closed", CPU, [closed.cpu_min_s], cpu["floor"], least,
            LIMITED_BY["muted"], paired=False, peers=others, cannot=absent,
        ),
        Figure("wake-ups, idle", "per s", [closed.switches_s]),
        Figure(
            "CPU, hands-free, muted", CPU, [shut.cpu_min_s], goal=least,
            limited_by=LIMITED_BY["muted"], cannot=dict.fromkeys(here, NO_MUTE),
        ),
        *await _listening(steady, effort, here),
    ]  # fmt: skip


async def _listening(
    steady: Service, effort: Effort, here: Mapping[str, Contender]
) -> list[Figure]:
    """Hands-free, and the gate is shut."""
    job = partial(Job, steady.url, for_s=effort.of(5, 1), duplex=False)
    runs = {
        str(batch_ms): partial(listening, steady, job(frame_ms=batch_ms)) for batch_ms in BATCHES_MS
    }
    heard = await rounds(runs, effort.of(3, 1))
    coded = await held(steady, job(frame_ms=USUAL_MS), "pcmu")
    cannot = dict.fromkeys(here, NO_VAD)
    sent = [run.sent_mb_min for run in heard[str(USUAL_MS)]]
    return [
        Figure("bytes up, silence, hands-free", "MB per minute", sent, goal=Goal(Of.MOST, 0.05),
               cannot=cannot),
        Figure("bytes up, speech, pcmu", "MB per minute", [coded.sent_mb_min]),
        *(
            Figure(
                f"CPU, hands-free, nobody talks, batches of {batch_ms} ms", CPU,
                [run.cpu_min_s for run in heard[str(batch_ms)]],
                goal=Goal(Of.MEDIAN, 0.5) if batch_ms == USUAL_MS else None,
                limited_by=LIMITED_BY["listening"], cannot=cannot,
            )
            for batch_ms in BATCHES_MS
        ),
    ]  # fmt: skip
