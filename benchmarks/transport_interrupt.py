"""From the call of `interrupt()` to `response.cancel` at the service, in another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.peers.environments import PEERS, Absent, Peer, python_of
from benchmarks.processes import Service, program, rounds, service

PRESSES = 20  # in one session of a full run
MOMENTS = ("before sound", "in mid-reply")
LIMITED_BY = "the process of the service takes the time, and has to get a core first"
NO_CANCEL = "has no message that cancels a reply"

Runs = Mapping[str, Sequence[Any]]


async def measure(effort: Effort) -> list[Figure]:
    runs = {
        "ours": partial(program, "benchmarks.clients.layer_press"),
        "floor": partial(program, "benchmarks.clients.floor_press"),
    }
    cannot = {peer.name: NO_CANCEL for peer in PEERS if not peer.press}
    for peer in PEERS:
        if peer.press:
            try:
                runs[peer.name] = await _peer(peer)
            except Absent as why:
                cannot[peer.name] = str(why)
    presses = effort.of(PRESSES, 6)
    figures: list[Figure] = []
    async with service("embedded") as embedded:
        for moment in MOMENTS:
            job = {"moment": moment, "presses": presses}
            jobs = {name: partial(_press, embedded, run, job) for name, run in runs.items()}
            done = await rounds(jobs, effort.of(3, 1))
            figures += _figures(f"interrupt {moment}", done, presses, cannot)
    return figures


async def _peer(peer: Peer) -> partial[Any]:
    python = await python_of(peer)
    return partial(program, f"benchmarks.peers.{peer.press}", python)


async def _press(embedded: Service, run: partial[Any], job: Mapping[str, Any]) -> Any:
    """One session of interruptions, while sound goes up."""
    said = await run(url=embedded.url, **job)
    arrived_s = await embedded.ask("cancels")
    after_ms = [
        1000 * (arrived_s[response] - pressed_s)
        for response, pressed_s in said["pressed"].items()
        if response in arrived_s
    ]
    return {"late_ms": 0.0, **said, "after_ms": after_ms}


def _figures(name: str, done: Runs, presses: int, cannot: Mapping[str, str]) -> list[Figure]:
    def times(what: str) -> dict[str, list[float]]:
        return {who: [ms for said in each for ms in said[what]] for who, each in done.items()}

    wire_ms, call_ms = times("after_ms"), times("call_ms")
    late_ms = {who: [said["late_ms"] / presses for said in each] for who, each in done.items()}
    seen = [float(len(said["after_ms"])) for said in done["ours"]]
    others = [who for who in done if who not in ("ours", "floor")]
    return [
        Figure(
            f"{name} → response.cancel at the service", "ms", wire_ms["ours"], wire_ms["floor"],
            Goal(Of.P99, 4.0, median=1.0), LIMITED_BY, paired=False,
            peers={who: wire_ms[who] for who in others}, cannot=cannot,
        ),
        Figure(
            f"{name}: the call, which writes it", "ms", call_ms["ours"], call_ms["floor"],
            paired=False, peers={who: call_ms[who] for who in others},
        ),
        Figure(f"{name}: cancels", f"of {presses}", seen, goal=Goal(Of.LEAST, presses)),
        Figure(
            f"{name}: sound handed over after it", "ms", late_ms["ours"], goal=Goal(Of.MOST, 0.0),
            peers={who: late_ms[who] for who in others}, cannot=cannot,
        ),
    ]  # fmt: skip
