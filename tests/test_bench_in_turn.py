from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import in_turn as turns
from benchmarks.clients.pace import Job, Report, frames
from benchmarks.clients.source import stream
from benchmarks.contenders import FLOOR, LAYER, against, daemon, held
from benchmarks.in_turn import Pace, Worker, in_turn
from benchmarks.processes import Service, service, working

ONCE = Pace(1, 0.05)


def stands_still(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@asynccontextmanager
async def two() -> AsyncIterator[tuple[Service, Service]]:
    async with service("steady") as ours, service("steady") as floor:
        yield ours, floor


def worker(who: Service, *, sends: bool = False) -> Worker:
    """A service that works by itself."""
    return Worker(who.pid, who, sends=sends)


async def test_one_stands_still_while_the_other_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    async with two() as (ours, floor):

        async def spent(pid: int, for_s: float) -> float:
            seen.append((pid, stands_still(ours.pid), stands_still(floor.pid)))
            return 1.0

        monkeypatch.setattr(turns, "spent", spent)
        await in_turn(worker(ours), worker(floor), Pace(2))
        resting = (floor.pid, True, False), (ours.pid, False, True)
        assert seen == [*resting, *resting, resting[0]]
        assert not stands_still(ours.pid)
        assert not stands_still(floor.pid)


async def test_each_slice_stands_beside_the_mean_of_the_floors_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costs = iter([1.0, 7.0, 3.0, 8.0, 4.0])

    async def spent(pid: int, for_s: float) -> float:
        return next(costs)

    monkeypatch.setattr(turns, "spent", spent)
    async with two() as (ours, floor):
        assert await in_turn(worker(ours), worker(floor), Pace(2)) == ([7.0, 8.0], [2.0, 3.5])


async def test_who_sends_nothing_has_no_figure_and_all_go_on() -> None:
    async with two() as (ours, floor):
        with pytest.raises(RuntimeError, match="sent nothing"):
            await in_turn(worker(ours, sends=True), worker(floor), ONCE)
        assert not stands_still(ours.pid)
        assert not stands_still(floor.pid)


async def test_who_ended_has_no_figure() -> None:
    async with two() as (ours, floor):
        process = await asyncio.create_subprocess_exec("sleep", "0")
        await process.wait()
        with pytest.raises(RuntimeError, match="ended while it was measured"):
            await Worker(process.pid, ours).slice(0.0)
        assert await in_turn(worker(ours), worker(floor), ONCE)


async def test_a_program_that_ends_before_it_works_is_a_failure() -> None:
    with pytest.raises(RuntimeError, match="ended before it worked"):
        async with working("benchmarks.clients.pace"):
            raise AssertionError("it never worked")


async def test_the_daemon_and_the_floor_work_in_turn() -> None:
    job = Job("", 40, 0, duplex=False)
    (ours,), (floor,) = await against(FLOOR, daemon(held), job, ONCE)
    assert ours > 0
    assert floor > 0


async def test_the_layer_works_in_turn_with_a_floor_without_a_card() -> None:
    (ours,), (floor,) = await against(FLOOR, LAYER.worker, Job("", 40, 0, duplex=True), ONCE)
    assert ours > 0
    assert floor > 0


@pytest.mark.parametrize("card", [True, False])
async def test_a_card_gives_the_pace_if_the_job_has_one(card: bool) -> None:
    sent: list[bytes] = []
    seen: set[bool] = set()

    async def send(pcm: bytes) -> None:
        sent.append(pcm)
        seen.add("card" in {thread.name for thread in threading.enumerate()})

    job = Job("", 20, 0.1, duplex=False, card=card)
    batches = frames(20, 0.1)
    await stream(send, job, Report(), batches)
    assert seen == {card}
    assert sent == batches[: len(sent)]


class LosesItsMicrophone:
    pid = 1

    def __init__(self) -> None:
        self.notes = [{"what": "microphone"}]


async def test_a_daemon_that_loses_its_microphone_has_no_figure() -> None:
    made: Any = LosesItsMicrophone()

    @asynccontextmanager
    async def works(steady: Service, job: Job) -> AsyncIterator[Any]:
        yield made

    unused: Any = None
    async with daemon(works)(unused, unused):
        pass
    with pytest.raises(RuntimeError, match="lost its microphone"):
        async with daemon(works)(unused, unused):
            made.notes.append({"what": "microphone"})
