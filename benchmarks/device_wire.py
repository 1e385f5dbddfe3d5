"""What goes over the wire, and how late: the whole daemon beside the floor and the peers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from benchmarks.clients.pace import FRAME_MS, Job
from benchmarks.contenders import FLOOR, LAYER, Run, held, peers, run, spoken_to
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import rounds, service

BATCHES_MS = (20, 40, 60)
USUAL_MS = 40
CODED = "pcmu"
LIMITED_BY = {
    "rss": "numpy, which takes 15 MB at the first sound",
    "mic": "the scheduler: four threads and two processes lie between a sample and the service",
    "wire": "the scheduler: two processes lie between the service and the player",
}

Runs = Mapping[str, Sequence[Run]]


async def measure(effort: Effort) -> list[Figure]:
    here, absent = await peers()
    figures: list[Figure] = []
    async with service("steady") as steady:
        for duplex in (False, True):
            job = partial(Job, steady.url, for_s=effort.of(4, 1), duplex=duplex)
            runs: dict[str, Callable[[], Awaitable[Run]]] = {}
            if duplex:
                runs[str(USUAL_MS)] = partial(run, spoken_to, steady, job(frame_ms=USUAL_MS))
            else:
                for batch_ms in BATCHES_MS:
                    runs[str(batch_ms)] = partial(run, held, steady, job(frame_ms=batch_ms))
                coded = partial(held, encoding=CODED)
                runs[CODED] = partial(run, coded, steady, job(frame_ms=USUAL_MS))
            others = (
                {"floor": FLOOR, "layer": LAYER, **here} if duplex else {"floor": FLOOR, **here}
            )
            for name, contender in others.items():
                runs[name] = partial(contender.run, steady, job(frame_ms=FRAME_MS, card=True))
            done = await rounds(runs, effort.of(4, 1))
            figures += (_duplex if duplex else _uplink)(done, list(here), absent)
    return figures


def _uplink(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    switches = [run.switches_s for run in done[str(USUAL_MS)]]
    return [
        Figure("context switches, uplink", "per s", switches),
        *_bytes(done, here),
        *_latencies(done, here, absent),
    ]


def _duplex(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    others = {name: [run.rss_mb for run in done[name]] for name in here}
    rss_mb = [run.rss_mb for run in done[str(USUAL_MS)]]
    return [
        Figure("context switches, duplex", "per s",
               [run.switches_s for run in done[str(USUAL_MS)]]),
        Figure(
            "RSS after some seconds of duplex", "MB", rss_mb, goal=Goal(Of.MOST, 60),
            limited_by=LIMITED_BY["rss"], peers=others, cannot=absent,
        ),
        *_to_player(done, here, absent),
    ]  # fmt: skip


def _bytes(done: Runs, here: Sequence[str]) -> list[Figure]:
    """As JSON; a satellite has a protocol of its own, without base64."""
    others = {name: [run.sent_mb_min for run in done[name] if run.sent_mb_min] for name in here}
    sent = [run.sent_mb_min for run in done[str(USUAL_MS)]]
    goal = Goal(Of.MOST, 4.0)
    coded = [run.sent_mb_min for run in done[CODED]]
    return [
        Figure("bytes up, speech, pcm", "MB per minute", sent, goal=goal, peers=others),
        Figure(f"bytes up, speech, {CODED}", "MB per minute", coded),
    ]


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
    goal = Goal(Of.P99, 3, median=0.5)
    figures.append(
        Figure(
            short, "ms", times("20"), times("floor"), goal, limit, paired=False, peers=others,
            cannot=absent,
        )
    )  # fmt: skip
    goal = Goal(Of.P99, 30, median=15)
    figures.append(Figure(usual, "ms", times(str(USUAL_MS)), goal=goal, limited_by=limit))
    return figures


def _to_player(done: Runs, here: Sequence[str], absent: Mapping[str, str]) -> list[Figure]:
    def times(name: str) -> list[float]:
        return [ms for run in done[name] for ms in run.wire_ms]

    others = {name: times(name) for name in here}
    return [
        Figure(
            "wire → player, through the transport", "ms", times("layer"), times("floor"),
            Goal(Of.P99, 3, median=0.5), LIMITED_BY["wire"], paired=False, peers=others,
            cannot=absent,
        )
    ]  # fmt: skip
