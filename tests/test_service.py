from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from pi_voice import service
from pi_voice.daemon import Daemon

PATIENCE_S = 30


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


STUCK = """
import asyncio, sys, time
from pi_voice import service
from pi_voice.daemon import SourceEndedError
from pi_voice.health import UnwellError

class Daemon:
    async def run(self, *, on_ready, on_leaving):
        self.over = asyncio.Event()
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
        try:
            on_ready()
            if sys.argv[1] == "fault":
                raise SourceEndedError("microphone")
            await self.over.wait()
        finally:
            on_leaving()

    def stop(self):
        self.over.set()

def look(now_s, every_s):
    if sys.argv[1] == "unwell":
        raise UnwellError("the microphone died")
    print("ready", flush=True)
    return ""

def keep_log():
    print("kept", flush=True)
    if sys.argv[1] == "disk":
        time.sleep(600)

asyncio.run(service.run(Daemon(), look, keep_log))
"""


def stuck(how: str) -> subprocess.Popen[str]:
    """A daemon whose disk hangs in a thread."""
    return subprocess.Popen(
        [sys.executable, "-c", STUCK, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("how", ["fault", "unwell"])
def test_a_fault_ends_the_process_even_if_a_part_does_not_end(how: str) -> None:
    with stuck(how) as process:
        told, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
    assert "kept" in told
    assert ("the microphone died" in told) is (how == "unwell")


def test_a_disk_that_does_not_take_the_last_words_does_not_hold_the_end() -> None:
    with stuck("disk") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == -signal.SIGALRM


def test_a_stop_ends_the_process_even_if_a_part_does_not_end(systemd: socket.socket) -> None:
    with stuck("stop") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    assert "kept" in told
    heard = [systemd.recv(100) for _ in range(3)]
    assert b"READY=1" in heard
    assert heard[-1] == b"STOPPING=1"


class Run:
    """A daemon that does nothing, for as long as the test wants."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def run(self, *, on_ready: Callable[[], None], on_leaving: Callable[[], None]) -> None:
        on_ready()
        await self.over.wait()

    def stop(self) -> None:
        self.over.set()


@pytest.mark.parametrize(("watchdog_s", "beats"), [(0, 6), (30, 6), (4, 30)])
@pytest.mark.virtual
async def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    monkeypatch: pytest.MonkeyPatch, watchdog_s: int, beats: int
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", str(watchdog_s * 1_000_000))
    looks: list[float] = []
    told: list[str] = []
    monkeypatch.setattr(service, "notify", told.append)

    def look(now_s: float, every_s: float) -> str:
        looks.append(every_s)
        return "idle" if len(looks) < 5 else "asleep"

    run = Run()
    running = asyncio.create_task(service.run(cast(Daemon, run), look))
    await asyncio.sleep(59.9)
    run.stop()
    await running
    assert len(looks) == beats
    assert [line for line in told if "STATUS" in line] == [
        "WATCHDOG=1\nSTATUS=idle",
        "WATCHDOG=1\nSTATUS=asleep",
    ]
    assert "READY=1" in told


def test_two_boxes_never_share_a_folder(tmp_path: Path) -> None:
    run, state = tmp_path / "run", tmp_path / "state"
    with service.alone(run, state):
        for other in ((run, tmp_path / "other"), (tmp_path / "other", state)):
            with pytest.raises(service.TakenError, match="another pi-voice runs with"):
                service.alone(*other).__enter__()
        with service.alone(tmp_path / "its", tmp_path / "own"):
            pass
    with service.alone(run, state):
        pass
    assert list(run.iterdir()) == list(state.iterdir()) == []


def test_one_folder_for_both_is_no_second_box(tmp_path: Path) -> None:
    with service.alone(tmp_path, tmp_path):
        pass


def test_where_no_folder_can_be_made_nothing_is_shared() -> None:
    with service.alone(Path("/proc/pi-voice"), Path("/dev/null/pi-voice")):
        pass
