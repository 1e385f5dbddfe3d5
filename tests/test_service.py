from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_voice import service


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket at which systemd listens for sd_notify."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(address))
        door.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        yield door


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_systemd_hears_that_we_are_ready(systemd: socket.socket) -> None:
    service.notify("READY=1")
    assert systemd.recv(100) == b"READY=1"


def test_nothing_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service.notify("READY=1")


def test_an_abstract_socket_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"pi-voice-test-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(f"\0{name}")
        door.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        service.notify("WATCHDOG=1")
        assert door.recv(100) == b"WATCHDOG=1"


def test_the_journal_gets_the_priority_on_every_line(
    root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    service.configure_logging("info")
    (handler,) = root_logger.handlers
    record = logging.LogRecord("pi_voice.x", logging.WARNING, "", 0, "two\nlines", (), None)
    assert handler.format(record) == "<4>pi_voice.x: two\n<4>lines"


def test_the_wire_library_never_logs_the_key(root_logger: logging.Logger) -> None:
    service.configure_logging("debug")
    assert not logging.getLogger("websockets.client").isEnabledFor(logging.DEBUG)
