"""The thread that talks to cards: it takes wishes in order, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator

import pytest

from pi_voice.audio.worker import Worker
from tests.until import until


class Diary:
    """What a worker did, in order."""

    def __init__(self, wait_s: float | None = None) -> None:
        self.lines: list[str] = []
        self.threads: set[int] = set()
        self._wait_s = wait_s

    def worker(self) -> Worker[str]:
        return Worker("card", self.step, inside=self.around(), last=self.last, ended=self.ended)

    def step(self, wish: str | None) -> float | None:
        self.threads.add(threading.get_ident())
        self.lines.append(wish or "looks")
        if wish == "fails":
            raise ValueError("in the thread")
        return self._wait_s

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        self.lines.append("in")
        yield
        self.lines.append("out")

    def last(self) -> None:
        self.lines.append("last")

    def ended(self) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.lines.append("ended")


async def test_wishes_are_taken_in_order_in_a_thread_of_their_own() -> None:
    diary = Diary()
    async with diary.worker() as worker:
        for wish in ("open", "close", "open"):
            worker.ask(wish)
    assert diary.lines == ["in", "open", "close", "open", "last", "out", "ended"]
    assert len(diary.threads) == 1
    assert threading.get_ident() not in diary.threads


async def test_without_a_wish_it_looks_when_its_time_is_over() -> None:
    diary = Diary(wait_s=0.001)
    async with diary.worker() as worker:
        worker.ask("open")
        await until(lambda: diary.lines.count("looks") >= 3)


async def test_a_step_that_fails_ends_the_thread_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    async with diary.worker() as worker:
        with caplog.at_level(logging.ERROR):
            worker.ask("fails")
            await until(lambda: "ended" in diary.lines)
    assert diary.lines == ["in", "fails", "last", "ended"]
    assert "the thread of the card failed" in caplog.text


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Diary, Worker[str], threading.Event]]:
    """A worker whose first step never returns, until the event is set."""
    monkeypatch.setattr("pi_voice.audio.worker.LEAVE_S", 0.01)
    diary, answer = Diary(), threading.Event()

    def step(_: str | None) -> float | None:
        answer.wait()
        return None

    around = diary.around()
    yield diary, Worker("card", step, inside=around, last=diary.last, ended=diary.ended), answer
    answer.set()


Held = tuple[Diary, Worker[str], threading.Event]


async def test_nobody_waits_for_a_card_that_never_answers(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    diary, worker, answer = held
    async with worker:
        worker.ask("open")
    assert "the card is held by its driver; leaving it behind" in caplog.text
    assert [t.daemon for t in threading.enumerate() if t.name == "card"] == [True]
    answer.set()
    await until(lambda: diary.lines == ["in", "last", "out", "ended"])


async def test_it_ends_quietly_when_the_loop_is_gone(held: Held) -> None:
    diary, worker, answer = held

    async def scene() -> None:
        async with worker:
            worker.ask("open")

    await asyncio.to_thread(lambda: asyncio.run(scene()))
    answer.set()
    await until(lambda: not any(thread.name == "card" for thread in threading.enumerate()))
    assert diary.lines == ["in", "last", "out"]
