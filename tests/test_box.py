"""The box as a process of its own, asked over its socket."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pi_voice import box
from pi_voice.config import Settings
from pi_voice.config.settings import Limits, Prices
from pi_voice.core.events import Used
from pi_voice.spending import today

PATIENCE_S = 30
CONFIG = """
version = 1
[device]
state_dir = "{folder}/state"
runtime_dir = "{folder}/run"
[activation]
mode = "{mode}"
[button]
driver = "none"
[leds]
driver = "none"
[privacy]
remote_unmute = {remote_unmute}
"""


class Process:
    """A running box.

    Attributes:
        folder: Where its files are.
        config: Its configuration.
    """

    def __init__(self, folder: Path, *, mode: str = "voice", remote_unmute: bool = False) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        text = CONFIG.format(folder=folder, mode=mode, remote_unmute=str(remote_unmute).lower())
        self.config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pi_voice.cli", *words, "--config", str(self.config)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def status(self) -> dict[str, Any]:
        done = self.verb("status", "--json")
        facts: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return facts

    def start(self) -> None:
        command = [sys.executable, "-m", "pi_voice.cli", "run", "--config", str(self.config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + PATIENCE_S
        while self.status().get("connection") != "online":
            assert time.monotonic() < deadline_s, "the box did not come up"

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGKILL)


@contextlib.contextmanager
def running(folder: Path, **how: Any) -> Iterator[Process]:
    made = Process(folder, **how)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_mute_outlives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        assert process.verb("mute").returncode == 0
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        process.start()
        told = process.status()
        assert told["muted"]
        assert told["microphone"] == "closed"
        assert process.end(signal.SIGTERM) == 0


def test_nobody_at_the_socket_unmutes_unless_the_owner_wants_it(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.verb("mute")
        refused = process.verb("unmute")
        assert refused.returncode == 1
        assert "remote_unmute" in refused.stderr
        assert process.status()["muted"]


def test_the_owner_may_let_the_socket_unmute(tmp_path: Path) -> None:
    with running(tmp_path, remote_unmute=True) as process:
        process.verb("mute")
        assert process.verb("unmute").returncode == 0
        assert not process.status()["muted"]


def test_the_last_words_of_a_box_that_broke_are_kept(tmp_path: Path) -> None:
    (tmp_path / "breaking.py").write_text(BREAKING)
    config = tmp_path / "config.toml"
    config.write_text(
        f'[device]\nstate_dir = "{tmp_path}/state"\nruntime_dir = "{tmp_path}/run"\n'
        f'drivers = "{tmp_path}"\n[leds]\ndriver = "none"\n[button]\ndriver = "breaking:Broken"\n'
    )
    (tmp_path / "state").mkdir()
    command = [sys.executable, "-m", "pi_voice.cli", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    kept = (tmp_path / "state" / "last-run.log").read_text()
    assert "the button stopped working" in kept


BREAKING = """
class Broken:
    def __init__(self, settings): pass
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
    async def events(self):
        return
        yield
"""


def settings(limits: Limits) -> Settings:
    return replace(Settings(), limits=limits)


def test_the_limits_are_those_of_the_configuration() -> None:
    caps = box.ledger(settings(Limits(turn_s=1, session_min=2, hour_min=3, day_min=4))).caps
    assert (caps.turn_s, caps.session_s, caps.hour_s, caps.day_s) == (1, 120, 180, 240)


def test_the_prices_are_those_of_the_model() -> None:
    model = Settings().service.model
    prices = {model: Prices(audio_out=64.0), "another": Prices(audio_out=1.0)}
    ledger = box.ledger(settings(Limits(day_money=1.0, prices=prices)))
    ledger.used(Used(audio_out=1_000_000), today())
    assert ledger.spent.day_money == 64.0


def test_the_memory_of_a_process_is_known_here() -> None:
    assert 5 < box.rss_mb() < 1000
