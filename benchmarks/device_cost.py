"""CPU of a minute: the whole daemon, and the peers, each in turn with the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from benchmarks.clients.pace import FRAME_MS, Job
from benchmarks.contenders import (
    FLOOR,
    Contender,
    Works,
    against,
    at_rest,
    daemon,
    held,
    listening,
    muted,
    open_line,
    peers,
    replied_to,
    run,
    spoken_to,
)
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.in_turn import pace
from benchmarks.processes import Service, rounds, service

BATCHES_MS = (20, 40, 60)
USUAL_MS = 40
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
}
NO_VAD = "has no local detector: it cannot hear with the gate shut"
NO_MUTE = "drives no microphone: it cannot close one"


async def measure(effort: Effort) -> list[Figure]:
    here, absent = await peers()
    figures = await _uplink(effort, here, absent) + await _duplex(effort, here, absent)
    async with service("steady") as steady:
        return figures + await _rest(steady, effort, here, absent)


async def _uplink(
    effort: Effort, here: Mapping[str, Contender], absent: Mapping[str, str]
) -> list[Figure]:
    others = await _others(effort, here, duplex=False)
    job = partial(Job, "", for_s=0, duplex=False, card=True)
    rows: list[tuple[str, Works, int, Goal | None]] = [
        ("button held", held, batch_ms, UPLINK if batch_ms == USUAL_MS else None)
        for batch_ms in BATCHES_MS
    ]
    rows.append(("hands-free", spoken_to, USUAL_MS, UPLINK))
    return [
        Figure(
            f"CPU, uplink, {how}, batches of {batch_ms} ms", CPU,
            *await against(FLOOR, daemon(works), job(frame_ms=batch_ms), pace(effort)),
            goal, LIMITED_BY["uplink"], peers=others if goal else {}, cannot=absent,
        )
        for how, works, batch_ms, goal in rows
    ]  # fmt: skip


async def _duplex(
    effort: Effort, here: Mapping[str, Contender], absent: Mapping[str, str]
) -> list[Figure]:
    others = await _others(effort, here, duplex=True)
    job = partial(Job, "", for_s=0, duplex=True, card=True)
    rows: list[tuple[str, Works, int, Goal | None, str]] = [
        ("hands-free", spoken_to, batch_ms, DUPLEX if batch_ms == USUAL_MS else None, "duplex")
        for batch_ms in BATCHES_MS
    ]
    rows.append(("open line", open_line, USUAL_MS, DUPLEX, "open line"))
    figures = [
        Figure(
            f"CPU, duplex, {how}, batches of {batch_ms} ms", CPU,
            *await against(FLOOR, daemon(works), job(frame_ms=batch_ms), pace(effort)),
            goal, LIMITED_BY[limit], peers=others if goal else {}, cannot=absent,
        )
        for how, works, batch_ms, goal, limit in rows
    ]  # fmt: skip
    alone = daemon(replied_to, sends=False)
    pairs = await against(FLOOR, alone, job(frame_ms=USUAL_MS), pace(effort))
    return [*figures, Figure("CPU, a reply is heard, and a voice would end it", CPU, *pairs)]


async def _others(
    effort: Effort, here: Mapping[str, Contender], *, duplex: bool
) -> dict[str, list[float]]:
    """Of each peer over the floor, in frames of 20 ms as the floor, and from the same card."""
    job = Job("", FRAME_MS, 0, duplex=duplex, card=True)
    ratios = {}
    for name, peer in here.items():
        mine, floor = await against(FLOOR, peer.worker, job, pace(effort))
        ratios[name] = [ours / least for ours, least in zip(mine, floor, strict=True)]
    return ratios


async def _rest(
    steady: Service, effort: Effort, here: Mapping[str, Contender], absent: Mapping[str, str]
) -> list[Figure]:
    """Nobody talks."""
    job = Job(steady.url, FRAME_MS, effort.of(40, 5), duplex=False, idle=True)  # 20 s to a ping
    # all at once: nobody does enough to be in another's way
    all_of_them = {"floor": FLOOR} if effort.quick else {"floor": FLOOR, **here}
    done = await asyncio.gather(*(one.run(steady, job) for one in all_of_them.values()))
    cpu = {name: [one.cpu_min_s] for name, one in zip(all_of_them, done, strict=True)}
    job = replace(job, frame_ms=USUAL_MS, for_s=effort.of(60, 5))
    closed, shut = await asyncio.gather(run(at_rest, steady, job), run(muted, steady, job))
    others = {name: cpu[name] for name in here if name in cpu}
    least = Goal(Of.MEDIAN, 0.01)
    return [
        Figure(
            "CPU, idle, microphone closed", CPU, [closed.cpu_min_s], cpu["floor"], least,
            LIMITED_BY["muted"], paired=False, peers=others, cannot=absent,
        ),
        Figure(
            "context switches, idle", "per s", [closed.switches_s], goal=Goal(Of.MOST, 1),
            limited_by=LIMITED_BY["muted"],
        ),
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
        str(batch_ms): partial(run, listening, steady, job(frame_ms=batch_ms))
        for batch_ms in BATCHES_MS
    }
    heard = await rounds(runs, effort.of(3, 1))
    cannot = dict.fromkeys(here, NO_VAD)
    sent = [run.sent_mb_min for run in heard[str(USUAL_MS)]]
    return [
        Figure("bytes up, silence, hands-free", "MB per minute", sent, goal=Goal(Of.MOST, 0.05),
               cannot=cannot),
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
