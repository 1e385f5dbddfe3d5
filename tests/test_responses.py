"""Which response.create may go out, whatever the service says meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.responses import ALREADY_ACTIVE, NOT_ACTIVE, Responses

CREATE: dict[str, Any] = {"type": "response.create"}


def ask(responses: Responses, *, manual: bool = False, **fields: Any) -> dict[str, Any] | None:
    responses.request({**CREATE, **fields}, manual=manual)
    return responses.next_create()


def sent_id(responses: Responses, *, manual: bool = False) -> str:
    create = ask(responses, manual=manual)
    assert create is not None
    return str(create["event_id"])


def test_a_request_goes_out_at_once_with_an_id_of_ours() -> None:
    create = ask(Responses())
    assert create is not None
    assert create["type"] == "response.create"
    assert create["event_id"].startswith("pv_")


def test_an_id_of_the_caller_is_kept() -> None:
    assert ask(Responses(), event_id="mine") == {**CREATE, "event_id": "mine"}


def test_a_second_request_waits_until_the_reply_ended() -> None:
    responses = Responses()
    ask(responses)
    assert ask(responses) is None
    responses.created("r1")
    assert responses.next_create() is None
    responses.done("r1")
    assert responses.next_create() is not None


def test_automatic_requests_that_wait_become_one() -> None:
    responses = Responses()
    responses.created("r1")
    for _ in range(5):
        assert ask(responses) is None
    responses.done("r1")
    assert responses.next_create() is not None
    responses.created("r2")
    responses.done("r2")
    assert responses.next_create() is None


def test_manual_requests_stay_apart_and_in_their_place() -> None:
    responses = Responses()
    responses.created("r0")
    for manual in (False, False, True, False, False):
        ask(responses, manual=manual, **({"response": {}} if manual else {}))
    sent = []
    for number in range(5):
        responses.done(f"r{number}")
        create = responses.next_create()
        if create is None:
            break
        sent.append("response" in create)
        responses.created(f"r{number + 1}")
    assert sent == [False, True, False]


def test_the_end_of_an_older_reply_does_not_free_the_newer_one() -> None:
    responses = Responses()
    responses.created("r1")
    responses.created("r2")
    responses.done("r1")
    assert responses.ongoing
    assert responses.active_id == "r2"


def test_a_reply_beside_the_conversation_blocks_nobody() -> None:
    responses = Responses()
    responses.created("r1", outside=True)
    assert not responses.ongoing
    assert ask(responses) is not None
    responses.done("r1")
    assert responses.awaited


def test_a_reply_without_a_name_is_ended_by_any_end() -> None:
    responses = Responses()
    responses.created(None)
    responses.done("whatever")
    assert not responses.ongoing


def test_an_end_whose_beginning_was_lost_settles_our_request() -> None:
    responses = Responses()
    ask(responses)
    responses.done("r1")
    assert ask(responses) is not None


def test_a_cancelled_reply_holds_back_the_next_until_it_ended() -> None:
    responses = Responses()
    responses.created("r1")
    responses.cancel()
    assert ask(responses) is None
    responses.done("r1")
    assert responses.next_create() is not None


def test_a_reply_that_was_cancelled_before_it_began_must_end_at_once() -> None:
    responses = Responses()
    ask(responses)
    assert responses.silence_sent(cancel=False)
    assert not responses.silence_sent(cancel=False)
    assert responses.silence_sent(cancel=True)
    assert not responses.silence_sent(cancel=True)
    answered = responses.created("r1")
    assert answered is not None
    assert (answered.silenced, answered.cancelled) == (True, True)


def test_the_service_may_begin_replies_by_itself() -> None:
    responses = Responses()
    assert responses.created("r1") is None
    assert responses.ongoing


def test_a_reply_of_the_service_in_our_place_does_not_lose_our_request() -> None:
    responses = Responses()
    ours = sent_id(responses)
    responses.created("by speech")
    assert responses.refused(ALREADY_ACTIVE, "", ours)
    responses.done("by speech")
    assert responses.next_create() is not None


@pytest.mark.parametrize("name", [None, "ours"])
def test_a_request_refused_as_too_early_waits_for_the_reply_we_did_not_see(
    name: str | None,
) -> None:
    responses = Responses()
    ours = sent_id(responses)
    assert responses.refused(ALREADY_ACTIVE, "", ours if name else None)
    assert responses.next_create() is None
    responses.done("unseen")
    assert responses.next_create() is not None


def test_a_request_that_the_user_interrupted_is_not_asked_again() -> None:
    responses = Responses()
    ours = sent_id(responses)
    responses.silence_sent(cancel=True)
    responses.refused(ALREADY_ACTIVE, "", ours)
    responses.done("unseen")
    assert responses.next_create() is None


def test_a_refusal_of_someone_elses_request_changes_nothing() -> None:
    responses = Responses()
    ask(responses)
    assert responses.refused(ALREADY_ACTIVE, "", "not ours")
    assert not responses.refused("server_error", "", "not ours")
    assert responses.awaited


@pytest.mark.parametrize(
    ("code", "message", "named"),
    [
        ("invalid_value", "", True),
        ("bad_response_create", "", False),
        ("", "response.create is wrong", False),
    ],
)
def test_a_refused_request_is_dropped_and_the_next_may_go(
    code: str, message: str, named: bool
) -> None:
    responses = Responses()
    ours = sent_id(responses)
    assert not responses.refused(code, message, ours if named else None)
    assert responses.next_create() is None
    assert ask(responses) is not None


def test_an_unrelated_error_does_not_free_the_request() -> None:
    responses = Responses()
    ask(responses)
    assert not responses.refused("server_error", "out of luck", None)
    assert responses.awaited


def test_requests_merged_into_a_refused_one_are_asked_again() -> None:
    responses = Responses()
    responses.created("r1")
    for _ in range(3):
        ask(responses)
    responses.done("r1")
    refusals = []
    for _ in range(10):
        create = responses.next_create()
        if create is not None:
            refusals.append(responses.refused("invalid_value", "", create["event_id"]))
    assert refusals == [False] * 3


def test_a_cancel_of_nothing_is_settled() -> None:
    responses = Responses()
    assert responses.refused(NOT_ACTIVE, "", None)


def test_a_cancel_that_finds_nothing_frees_the_next_request() -> None:
    responses = Responses()
    responses.created("r1")
    responses.cancel()
    ask(responses)
    responses.refused(NOT_ACTIVE, "", None)
    assert responses.next_create() is not None


def test_a_late_refused_cancel_does_not_end_the_newer_reply() -> None:
    responses = Responses()
    responses.created("r1")
    responses.cancel()
    responses.done("r1")
    responses.created("r2")
    responses.refused(NOT_ACTIVE, "", None)
    assert responses.ongoing


def test_silence_is_waited_out_and_then_given_up() -> None:
    responses = Responses()
    ask(responses)
    assert responses.stalled
    responses.release()
    assert ask(responses) is not None


def test_what_waits_behind_an_endless_reply_is_guarded_too() -> None:
    responses = Responses()
    responses.created("r1")
    assert not responses.stalled
    ask(responses)
    assert responses.stalled


def test_a_lost_connection_forgets_every_request() -> None:
    responses = Responses()
    responses.created("r1")
    ask(responses)
    responses.reset()
    assert responses.next_create() is None
    assert not responses.ongoing


def test_names_of_old_replies_are_forgotten_in_time() -> None:
    responses = Responses()
    for number in range(1000):
        responses.created(f"r{number}")
        responses.done(f"r{number}")
    assert len(responses._seen) <= 64
