"""The contracts' words, and the errors of the transport."""

from __future__ import annotations

import pytest

from pi_voice.errors import LinkError, LocalLinkError
from pi_voice.transport.contracts import (
    AlreadyConnectedError,
    NotConnectedError,
    TransportError,
    TransportStatus,
)


@pytest.mark.parametrize(
    ("status", "agents", "kernl"),
    [
        ("disconnected", "disconnected", "disconnected"),
        ("connecting", "connecting", "connecting"),
        ("connected", "connected", "connected"),
        ("disconnecting", "disconnecting", "connected"),
        ("reconnecting", "connecting", "reconnecting"),
        ("closed", "disconnected", "closed"),
    ],
)
def test_every_state_has_its_word_in_both_contracts(status: str, agents: str, kernl: str) -> None:
    found = TransportStatus(status)
    assert (found.agents, found.kernl) == (agents, kernl)


def test_every_error_of_the_transport_is_one_of_the_link() -> None:
    assert issubclass(TransportError, LinkError)
    assert issubclass(NotConnectedError, TransportError)
    assert issubclass(NotConnectedError, LocalLinkError)


def test_an_error_is_a_payload_too() -> None:
    error = TransportError("no", error={"type": "error"}, code="c", event_id="e", retryable=False)
    assert (error.type, error.message, str(error)) == ("error", "no", "no")
    assert (error.error, error.code, error.event_id) == ({"type": "error"}, "c", "e")
    assert not error.retryable
    assert error.status is error.retry_after_s is None


def test_a_second_connect_says_what_to_do() -> None:
    assert "close()" in str(AlreadyConnectedError())
