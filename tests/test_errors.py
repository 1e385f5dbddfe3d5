from __future__ import annotations

import getpass

import pytest

from pi_voice.errors import (
    EXIT_CONFIG,
    ConfigError,
    DeviceError,
    PiVoiceError,
    RemoteLinkError,
    join,
)


def test_a_device_error_says_what_where_and_what_to_do() -> None:
    error = DeviceError("microphone 'usb:Jabra'", "not found", "Run: pi-voice devices")
    assert str(error) == "microphone 'usb:Jabra' not found. Run: pi-voice devices"
    assert isinstance(error, OSError)
    assert isinstance(error, PiVoiceError)


def test_a_config_error_lists_every_problem_and_must_not_be_restarted() -> None:
    error = ConfigError("one", "two")
    assert str(error) == "one\ntwo"
    assert error.exit_code == EXIT_CONFIG == 78


def test_a_refusal_says_whether_another_try_can_help() -> None:
    assert RemoteLinkError("busy", retryable=True).retryable


@pytest.mark.parametrize(
    ("user", "then"),
    [("pi", "log in again"), ("pi-voice", "sudo systemctl restart pi-voice")],
)
def test_whoever_is_not_in_a_group_reads_how_to_join_it(
    user: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    assert join("gpio") == f"Run: sudo usermod -aG gpio {user}; then {then}"
