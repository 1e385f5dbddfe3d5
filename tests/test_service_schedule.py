"""Timed output as data."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.sim.service_schedule import Schedule, Step


def steps(name: str, *pauses_s: float) -> Iterator[Step]:
    yield {"type": f"{name}0"}
    for n, pause_s in enumerate(pauses_s, 1):
        yield pause_s
        yield {"type": f"{name}{n}"}


def names(events: Iterator[dict[str, object]]) -> list[object]:
    return [event["type"] for event in events]


def test_what_is_due_comes_and_the_rest_waits() -> None:
    schedule = Schedule()
    schedule.start(steps("a", 1.0, 1.0), 10.0)
    assert names(schedule.poll(10.0)) == ["a0"]
    assert schedule.due_s == 11.0
    assert names(schedule.poll(10.9)) == []
    assert names(schedule.poll(12.0)) == ["a1", "a2"]
    assert schedule.due_s is None


def test_who_comes_late_gets_everything_in_the_order_of_time() -> None:
    schedule = Schedule()
    schedule.start(steps("a", 1.0, 1.0), 10.0)
    schedule.start(steps("b", 0.5, 1.0), 10.0)
    assert names(schedule.poll(99.0)) == ["a0", "b0", "b1", "a1", "b2", "a2"]


def test_a_generator_can_be_finished_without_its_pauses() -> None:
    schedule = Schedule()
    running = schedule.start(steps("a", 5.0), 10.0)
    assert names(schedule.poll(10.0)) == ["a0"]
    assert names(schedule.finish(running)) == ["a1"]
    assert schedule.due_s is None
