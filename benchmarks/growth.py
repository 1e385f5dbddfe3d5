"""Whether the box gets slower or larger: with the length of a session, a history, a reply."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import client

EVERY_S = 7.2  # 500 turns, so 1000 items, in an hour
MARKS = {"1 min": 8, "10 min, 166 items": 83, "60 min, 1000 items": 500}
QUICK = {"1 min": 8, "4 min, 66 items": 33}
REPLIES_S = (1, 10, 60, 120)
SAME = Goal(Of.RATIO, 1.25)  # what the first turns of a process are slower is less than that
GROWN_MB = 1.0  # the text of the conversation is kept, so that it survives a lost link


async def measure(effort: Effort) -> list[Figure]:
    wanted = QUICK if effort.quick else MARKS
    names, marks = list(wanted), list(wanted.values())
    plain = await _session(marks, traced=False)
    traced = await _session(marks, traced=True)
    figures = [
        Figure(
            f"CPU of a turn after {name}, against 1 min", "ms",
            [mark["cpu_ms"]], [plain[0]["cpu_ms"]], SAME if name != names[0] else None,
        )
        for name, mark in zip(names, plain, strict=True)
    ]  # fmt: skip
    figures += [
        Figure(
            f"memory grown from 1 min to {name}", "MB",
            [mark["memory_mb"] - traced[0]["memory_mb"]], goal=Goal(Of.MOST, GROWN_MB),
        )
        for name, mark in zip(names[1:], traced[1:], strict=True)
    ]  # fmt: skip
    lengths_s = list(REPLIES_S[: effort.of(4, 2)])
    told = await client("growth", what="replies", lengths_s=lengths_s)
    return figures + [
        Figure(
            f"CPU per second of a reply of {length_s} s, against 1 s", "ms",
            [reply["cpu_ms"]], [told[0]["cpu_ms"]], SAME if length_s > 1 else None,
        )
        for length_s, reply in zip(lengths_s, told, strict=True)
    ]  # fmt: skip


async def _session(marks: list[int], *, traced: bool) -> Any:
    return await client(
        "growth", what="session", traced=traced, turns=marks[-1], every_s=EVERY_S, marks=marks
    )
