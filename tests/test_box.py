"""The box as a process of its own, asked over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_voice import box, build, service
from pi_voice.budget import Caps, Ledger
from pi_voice.config import Settings, parse
from pi_voice.config.settings import Limits, Prices
from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Used
from pi_voice.core.failures import Failure
from pi_voice.core.states import Mic
from pi_voice.crashes import GOOD_S, LOOP, SAFE_S, CrashFile
from pi_voice.daemon import Daemon
from pi_voice.equipment import NO_BUTTON
from pi_voice.errors import EXIT_TAKEN, DeviceError
from pi_voice.frames import AudioFormat
from pi_voice.hardware.gpio import GpioButton
from pi_voice.health import UnwellError
from pi_voice.journal import LAST_RUN
from pi_voice.spending import today
from pi_voice.state import Memory, StateFile
from pi_voice.status import NOT_KEPT, Finding
from tests.until import until

PATIENCE_S = 30
KEY = "sk-proj-0123456789abcdefghij"
CONFIG = """
version = 1
[device]
state_dir = "{state}"
runtime_dir = "{folder}/run"
[service]
api_key_file = "{folder}/key"
[activation]
mode = "{mode}"
[button]
driver = "none"
[leds]
driver = "none"
[privacy]
remote_unmute = {remote_unmute}
"""


NO_BUTTON_TO_TALK = '[activation]\nmode = "voice"\n[button]\ndriver = "none"\n'


@pytest.fixture
def slim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of the tests is larger than a box may be."""
    monkeypatch.setattr(box, "rss_mb", lambda: 50.0)


class Process:
    """A running box.

    Attributes:
        folder: Where its files are.
        config: Its configuration.
        log: What it said.
        key: The file with the key of the service.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mode: str = "voice",
        state: str = "",
        through: Sequence[str] = (),
        remote_unmute: bool = False,
    ) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.log = folder / "log"
        self.key = folder / "key"
        self.key.write_text(KEY)
        text = CONFIG.format(
            folder=folder,
            mode=mode,
            state=state or folder / "state",
            remote_unmute=str(remote_unmute).lower(),
        )
        self.config.write_text(text)
        self._through = through
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

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
        run = [sys.executable, "-m", "pi_voice.cli", "run", "--config", str(self.config)]
        heard = Path(os.devnull) if self._through else self.log  # journald has a disk of its own
        with heard.open("ab") as log:
            self._process = subprocess.Popen([*self._through, *run], stderr=log)
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


def test_a_second_box_in_the_same_folders_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Otherwise a mute would reach only one of them."""
    with running(tmp_path) as process:
        kept = tmp_path / "state" / LAST_RUN
        kept.write_text("what broke last week\n")
        second = process.verb("run")
        assert second.returncode == EXIT_TAKEN
        assert second.stderr == (
            f"pi-voice: another pi-voice runs with {tmp_path / 'run'}. Stop it first: "
            "sudo systemctl stop pi-voice; or give this one folders of its own: "
            "[device] runtime_dir and state_dir\n"
        )
        assert kept.read_text() == "what broke last week\n"
        assert process.status()["pid"] == process.pid
        assert process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    "how",
    [
        {"state": "/proc/pi-voice"},
        {"through": ("prlimit", "--fsize=0")},  # as if every disk were full
    ],
    ids=["no folder", "full disk"],
)
def test_a_box_that_can_keep_nothing_still_mutes_and_ends_well(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    with running(tmp_path, **how) as process:
        said = process.verb("mute")
        assert said.returncode in (0, 1)
        told = process.status()
        assert NOT_KEPT in [finding["name"] for finding in told["findings"]]
        assert told["muted"]
        assert told["microphone"] == "closed"
        assert process.end(signal.SIGTERM) == 0


def test_no_key_is_in_a_file_a_log_or_the_process_table(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.verb("mute")
        proc = Path(f"/proc/{process.pid}")
        told = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
        report = tmp_path / "report.txt"
        assert process.verb("report", "--offline", "--out", str(report)).returncode == 0
        told += report.read_bytes() + process.verb("logs").stdout.encode()
        told += process.verb("status", "--json").stdout.encode()
        process.end(signal.SIGTERM)
        files = [path for path in tmp_path.rglob("*") if path.is_file() and path != process.key]
        assert process.log in files
        assert tmp_path / "state" / "state" in files
        assert KEY.encode() not in told + b"".join(path.read_bytes() for path in files)


def test_a_box_that_lacks_something_says_so_before_the_first_press(tmp_path: Path) -> None:
    process = Process(tmp_path)
    text = process.config.read_text().replace('mode = "voice"', 'mode = "push_to_talk"')
    text = text.replace('driver = "none"', 'driver = "gpio"', 1)
    process.config.write_text(f'{text}[audio]\nmicrophone = "hw:CARD=Nowhere"\n')
    try:
        process.start()
        told = process.status()
        hints = {one["name"]: one["hint"] for one in told["findings"]}
        assert hints["no_microphone"] == "Run: pi-voice devices"
        assert told["microphone"] == "closed"  # and nobody opened it to find out
        assert process.end(signal.SIGTERM) == 0
    finally:
        process.close()


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


@pytest.mark.parametrize(
    ("text", "unmutes"),
    [
        ('[button]\ndouble = "mute"\n', True),
        ("[mute_button]\npin = 5\n", True),
        (f"{NO_BUTTON_TO_TALK}[mute_button]\npin = 5\n", True),
        ("", False),
        ("[mute_switch]\npin = 5\n", False),
        (f'{NO_BUTTON_TO_TALK}tap = "mute"\n', False),
    ],
)
def test_a_hand_unmutes_where_a_button_does(text: str, unmutes: bool) -> None:
    assert box.hand_unmutes(parse(text)) is unmutes


def test_the_last_words_of_a_box_that_broke_are_kept(tmp_path: Path) -> None:
    config = breaking(tmp_path)
    done = run(config)
    assert done.returncode == 1
    kept = (tmp_path / "state" / "last-run.log").read_text()
    assert "the button stopped working" in kept


def test_a_box_that_crashes_again_and_again_comes_up_without_what_crashes_it(
    tmp_path: Path,
) -> None:
    """What systemd does is done here: a new start, and lights off with how it ended."""
    config = breaking(tmp_path)
    for _ in range(LOOP):
        assert run(config).returncode == 1
        died = {"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "1"}
        assert run(config, "lights", "off", **died).returncode == 0
    process = Process(tmp_path)
    breaking(tmp_path)
    try:
        process.start()
        told = process.status()
        assert (told["state"], told["connection"]) == ("safe_mode", "online")
        text = {one["name"]: one["text"] for one in told["findings"]}["safe_mode"]
        assert "ended with status 1" in text
        assert "the button stopped working" in text
        assert '[button] driver = "breaking:Broken"' in text
        assert "safe_mode: the service crashed again and again" in process.log.read_text()
        assert process.end(signal.SIGTERM) == 0
    finally:
        process.close()
    assert run(config, "lights", "off", SERVICE_RESULT="success").returncode == 0
    assert run(config).returncode == 1  # all of it is tried again


def breaking(folder: Path) -> Path:
    """The configuration of a box that breaks."""
    (folder / "breaking.py").write_text(BREAKING)
    config = folder / "config.toml"
    config.write_text(
        f'[device]\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
        f'drivers = "{folder}"\n[leds]\ndriver = "none"\n[button]\ndriver = "breaking:Broken"\n'
    )
    (folder / "state").mkdir(exist_ok=True)
    return config


def run(config: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pi_voice.cli", *(words or ("run",)), "--config", str(config)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


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


# Those who watch


def started(limits: Limits, memory: Memory) -> box.Watched:
    made = settings(limits)
    parts = build.hardware(made, "ws://127.0.0.1:9", memory)
    return box.Watched(made, Daemon(build.device(made), parts), memory)


async def test_what_was_spent_before_a_restart_is_spent() -> None:
    memory = Memory()
    spent = Ledger(Caps())
    spent.sent(61.0, today())
    memory.spent = spent.kept()
    report = started(Limits(day_min=1), memory).spending.report()
    assert (report["day_s"], report["day_limit_s"]) == (61.0, 60)


async def test_a_button_without_its_pin_is_told_before_it_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = DeviceError("button on GPIO 17", "cannot be used", "Mend it")
    monkeypatch.setattr(GpioButton, "problems", [problem])
    told = started(Limits(), Memory()).overview.status(0.0)
    assert Finding(NO_BUTTON, "button on GPIO 17 cannot be used", "Mend it") in told.findings


@pytest.mark.usefixtures("slim")
async def test_a_look_after_a_minute_forgets_the_crashes_and_an_hour_ends_safe_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes, stopped = CrashFile(tmp_path), []
    for at_s in range(LOOP):
        crashes.note("ended with status 1", float(at_s))
    daemon = started(Limits(), Memory()).daemon
    monkeypatch.setattr(daemon, "stop", lambda: stopped.append("stopped"))
    watched = box.Watched(Settings(), daemon, Memory(), safe_mode="x", good=crashes.forget)
    watched.look(0.0, 5.0)
    assert len(crashes.load()) == LOOP
    watched.look(GOOD_S, 5.0)
    assert crashes.load() == []
    assert not stopped
    watched.look(SAFE_S, 5.0)
    assert stopped


@pytest.mark.parametrize("count", [0, LOOP - 1, LOOP])
def test_a_start_after_three_crashes_is_one_in_safe_mode(tmp_path: Path, count: int) -> None:
    crashes = CrashFile(tmp_path)
    for _ in range(count):
        crashes.note("was ended by SIGSEGV", time.monotonic())
    made = replace(Settings(), device=replace(Settings().device, state_dir=tmp_path))
    (tmp_path / LAST_RUN).write_text("what an older run said\n")
    start = box.Start.after(crashes, made)
    if count < LOOP:
        assert start == box.Start(made, crashes)
    else:
        assert start.settings.audio.mixer == "none"
        told = 'at last it was ended by SIGSEGV; it does without [audio] mixer = "auto"'
        assert start.safe_mode == told


async def test_what_is_spent_now_is_kept(tmp_path: Path) -> None:
    async with Memory(StateFile(tmp_path)) as memory:
        daemon = started(Limits(), memory).daemon
        for watch in daemon.watchers:
            watch(ev.MicHeard(()), [do.SendAudio(bytes(48_000))], 0.0)
    facts = StateFile(tmp_path).load()
    assert facts is not None
    assert facts["spent"]["day_s"] == 1.0


@pytest.mark.usefixtures("slim")
async def test_a_look_finds_a_part_that_died() -> None:
    watched = started(Limits(), Memory())
    for watch in watched.daemon.watchers:
        watch(ev.MicOpened(), [], 0.0)
    for now_s in range(0, 35, 5):
        assert watched.look(float(now_s), 5.0) == "starting; connection starting"
    with pytest.raises(UnwellError):
        watched.look(35.0, 5.0)


@pytest.mark.virtual
@pytest.mark.usefixtures("slim")
async def test_a_muted_box_whose_budget_is_spent_opens_nothing_when_it_starts() -> None:
    made = replace(
        settings(Limits(day_min=1)), activation=replace(Settings().activation, mode="voice")
    )
    spent = Ledger(Caps())
    spent.sent(61.0, today())
    async with build.simulation(made, AudioFormat(24_000)) as room:
        memory = Memory()
        memory.muted, memory.spent = True, spent.kept()
        daemon = Daemon(build.device(made), replace(room.daemon.parts, memory=memory))
        watched = box.Watched(made, daemon, memory)
        watched.look(0.0, 5.0)  # the watchdog is fed before the parts are there
        running = asyncio.create_task(daemon.run())
        await until(lambda: daemon.device.condition.trouble is Failure.BUDGET_SPENT)
        assert room.leds.patterns == [Pattern.MUTED]
        assert daemon.device.microphone is Mic.CLOSED
        daemon.stop()
        await running


@pytest.mark.virtual
@pytest.mark.usefixtures("slim")
async def test_an_idle_box_learns_of_a_new_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(Limits(hour_min=1))
    spent = Ledger(Caps())
    spent.sent(61.0, today())
    async with build.simulation(made, AudioFormat(24_000)) as room:
        memory = Memory()
        memory.spent = spent.kept()
        daemon = Daemon(build.device(made), replace(room.daemon.parts, memory=memory))
        watched = box.Watched(made, daemon, memory)
        running = asyncio.create_task(service.run(daemon, watched.look))
        await room.leds.shows(Pattern.BUDGET_SPENT, within_s=60)
        now_s = time.time()
        monkeypatch.setattr(time, "time", lambda: now_s + 3600)
        await room.leds.shows(Pattern.IDLE, within_s=60)
        daemon.stop()
        await running
