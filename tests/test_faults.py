"""A script of faults, without a socket."""

from __future__ import annotations

from collections import Counter

import pytest

from pi_voice.sim.faults import (
    Close,
    Cut,
    Deed,
    Fault,
    FaultLine,
    Lose,
    Output,
    Repeat,
    Script,
    Send,
    Silence,
    Swap,
)

A, B, NEW = {"type": "a"}, {"type": "b"}, {"type": "new"}


def passed(*faults: Fault, events: tuple[dict[str, str], ...] = (A, B)) -> list[Output]:
    line = FaultLine(Script(faults=faults), Counter())
    return [output for event in events for output in line.outgoing(event)]


@pytest.mark.parametrize(
    ("deed", "outputs"),
    [
        (Close(1013), [A, Close(1013), B]),
        (Cut(), [A, Cut(), B]),
        (Silence(), [A, Silence(), B]),
        (Send(NEW), [A, NEW, B]),
        (Send("{", times=3), [A, "{", "{", "{", B]),
        (Send(NEW, instead=True), [NEW, B]),
        (Repeat(), [A, A, B]),
        (Swap(), [B, A]),
    ],
)
def test_a_deed_is_done_at_its_event(deed: Deed, outputs: list[Output]) -> None:
    assert passed(Fault("a", deed)) == outputs


def test_a_fault_comes_once_at_its_number_or_every_time() -> None:
    assert passed(Fault("a", Send(NEW), nth=2), events=(A, A, A)) == [A, A, NEW, A]
    assert passed(Fault("a", Send(NEW), nth=None), events=(A, A)) == [A, NEW, A, NEW]


def test_events_are_counted_over_all_sessions() -> None:
    script, seen = Script(faults=[Fault("a", Cut(), nth=2)]), Counter[str]()
    assert list(FaultLine(script, seen).outgoing(A)) == [A]
    assert list(FaultLine(script, seen).outgoing(A)) == [A, Cut()]


def test_a_client_event_can_set_a_fault_off_and_is_not_echoed() -> None:
    line = FaultLine(Script(faults=[Fault("a", Close(1011)), Fault("a", Send(NEW))]), Counter())
    assert list(line.incoming(A)) == [Close(1011), NEW]
    assert list(line.incoming(B)) == []


def test_without_faults_everything_passes() -> None:
    assert passed() == [A, B]


def test_a_lost_response_is_never_heard_of_again_and_others_are() -> None:
    created = {"type": "response.created", "response": {"id": "r1"}}
    delta = {"type": "response.output_audio.delta", "response_id": "r1"}
    done = {"type": "response.done", "response": {"id": "r1"}}
    other = {"type": "response.done", "response": {"id": "r2"}}
    line = FaultLine(Script(faults=[Fault("response.created", Lose())]), Counter())
    events = (created, delta, done, other)
    assert [output for event in events for output in line.outgoing(event)] == [created, other]


def test_what_is_planned_is_done_once_by_whichever_session_comes_first() -> None:
    planned: dict[str, list[Deed]] = {"a": [Cut()]}
    one, two = (FaultLine(Script(), Counter(), planned) for _ in range(2))
    assert list(one.outgoing(B)) == [B]
    assert list(two.outgoing(A)) == [A, Cut()]
    assert list(one.outgoing(A)) == [A]
