"""Which answers of functions may still be given."""

from __future__ import annotations

from pi_voice.transport.tool_calls import MOST_CALLS, Answer, ToolCalls


def test_a_call_is_asked_once_and_answered() -> None:
    calls = ToolCalls()
    assert calls.ask("c1")
    assert not calls.ask("c1")
    assert calls.answer("c1") is Answer.SEND


def test_an_interruption_makes_answers_quiet() -> None:
    calls = ToolCalls()
    calls.ask("c1")
    calls.interrupt()
    calls.ask("c2")
    assert calls.answer("c1") is Answer.SEND_QUIETLY
    assert calls.answer("c2") is Answer.SEND


def test_answers_for_a_lost_session_are_dropped_even_after_an_interruption() -> None:
    calls = ToolCalls()
    calls.ask("c1")
    calls.reset()
    calls.interrupt()
    assert calls.answer("c1") is Answer.DROP


def test_a_new_session_may_use_an_old_name() -> None:
    calls = ToolCalls()
    calls.ask("c1")
    calls.reset()
    assert calls.ask("c1")
    assert calls.answer("c1") is Answer.SEND


def test_an_unknown_call_may_be_answered() -> None:
    assert ToolCalls().answer("c9") is Answer.SEND


def test_calls_that_nobody_answers_are_forgotten_in_time() -> None:
    calls = ToolCalls()
    for number in range(3 * MOST_CALLS):
        calls.ask(f"c{number}")
    assert len(calls._open) == MOST_CALLS
