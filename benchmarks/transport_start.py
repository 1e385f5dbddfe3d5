"""From the start of a process to a session whose settings the service confirmed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.clients.pace import FRAME_MS, Job
from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.peers.environments import PEERS, Absent, python_of
from benchmarks.processes import program, rounds, service

LIMITED_BY = "importing, which is CPU alone: what else runs on the machine slows it down"
OTHER = "has a protocol of its own, without sessions"


async def measure(effort: Effort) -> list[Figure]:
    cannot = {peer.name: OTHER for peer in PEERS if not peer.speaks}
    async with service("embedded") as embedded:
        runs = {
            name: partial(
                _start, partial(program, f"benchmarks.clients.{module}", url=embedded.url)
            )
            for name, module in (("ours", "layer_start"), ("floor", "floor_start"))
        }
        job = asdict(Job(embedded.url, FRAME_MS, 0, duplex=False))
        for peer in PEERS:
            if peer.speaks:
                try:
                    run = partial(program, f"benchmarks.peers.{peer.module}", await python_of(peer))
                except Absent as why:
                    cannot[peer.name] = str(why)
                else:
                    runs[peer.name] = partial(_start, partial(run, **job))
        await rounds(runs, 1)  # the disk is not what is measured
        done = await rounds(runs, effort.of(10, 1))
    return _figures(done, cannot)


def _figures(done: dict[str, list[Any]], cannot: dict[str, str]) -> list[Figure]:
    def all_of(what: str) -> dict[str, Sequence[float]]:
        return {name: [start[what] for start in every] for name, every in done.items()}

    ready_ms, cpu_ms = all_of("ready_ms"), all_of("cpu_ms")
    others = done.keys() - {"ours", "floor"}
    heavy = [float(len(start["heavy"])) for start in done["ours"]]
    name = "exec → session.updated"
    return [
        Figure(
            name, "ms", ready_ms["ours"], ready_ms["floor"], Goal(Of.MEDIAN, 350), LIMITED_BY,
            peers={other: ready_ms[other] for other in others}, cannot=cannot,
        ),
        Figure(
            f"{name}: CPU", "ms", cpu_ms["ours"], cpu_ms["floor"], Goal(Of.MEDIAN, 350),
            LIMITED_BY, peers={other: cpu_ms[other] for other in others},
        ),
        Figure(f"{name}: heavy libraries", "", heavy, goal=Goal(Of.MOST, 0)),
    ]  # fmt: skip


async def _start(run: partial[Any]) -> dict[str, Any]:
    began_s = time.monotonic()
    said = await run()
    cpu_s = said["ready_cpu_s"] if "ready_cpu_s" in said else said["cpu_s"]
    return {**said, "ready_ms": 1000 * (said["ready_s"] - began_s), "cpu_ms": 1000 * cpu_s}
