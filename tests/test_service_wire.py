"""Ids and refusals of the embedded service."""

from __future__ import annotations

from pi_voice.sim.service_wire import Names, Rejected, error_event


def test_ids_are_never_the_same_and_every_run_repeats_them() -> None:
    ids = {Names(session, born_s).new("item") for session in (1, 2) for born_s in (5.0, 6.0)}
    assert len(ids) == 4
    assert Names(1, 5.0).new("item") in ids
    names = Names(1, 5.0)
    assert names.new("item") != names.new("item")


def test_a_refusal_names_the_event_that_it_answers() -> None:
    rejected = Rejected("invalid_value", "Invalid value: 'x'.", param="type")
    assert rejected.event("mine") == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "Invalid value: 'x'.",
            "param": "type",
            "event_id": "mine",
        },
    }


def test_the_service_can_be_at_fault_itself() -> None:
    assert error_event("oops", "Sorry.", kind="server_error")["error"]["type"] == "server_error"
