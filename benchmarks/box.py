"""The whole daemon in a process of its own, with a card that keeps time and buttons to press."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import PATIENCE_S, ROOT
from benchmarks.usage import Usage, usage
from tests.rigs.gpio.chip import GpioChip

PARTS = ROOT / "benchmarks" / "parts"
DAEMON = ("pi_voice.cli", "run", "--config")
LINE = 17
BOTH_WAYS = ("benchmarks.clients.both_ways",)  # the daemon, which talks while it hears

Note = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration in few words.

    Attributes:
        url: Of the service.
        mode: Of [activation].
        batch_ms: Of [audio].
        echo: Of [audio].
        speaker_idle_s: Of [audio]; 30 ships.
        encoding: On the line.
        microphone: Of [audio].
        speaker: Of [audio].
        paced: The card is that of `parts`; else one of ALSA.
        program: What is started, as `python -m` takes it; the configuration file comes last.
        environment: Beside that of the benchmark.
        leds: The driver of the lights.
        chip: Whose line 17 is the button; else it is that of `parts`.
    """

    url: str
    mode: str = "push_to_talk"
    batch_ms: int = 40
    echo: str = "half_duplex"
    speaker_idle_s: int = 30
    encoding: str = "pcm"
    microphone: str = "default"
    speaker: str = "default"
    paced: bool = True
    program: tuple[str, ...] = DAEMON
    environment: Mapping[str, str] = field(default_factory=dict)
    leds: str = "panel:Lights"
    chip: GpioChip | None = None

    def toml(self, folder: Path) -> str:
        return f"""version = 1
[device]
drivers = "{PARTS}"
state_dir = "{folder}"
runtime_dir = "{folder}"
[service]
url = "{self.url}"
api_key_file = "{folder}/none"
format = "{self.encoding}"
[activation]
mode = "{self.mode}"
longest_turn_s = 300
[audio]
batch_ms = {self.batch_ms}
volume = 100
speaker_idle_s = {self.speaker_idle_s}
microphone = "{self.microphone}"
speaker = "{self.speaker}"
echo = "{self.echo}"
[button]
driver = "{"gpio" if self.chip else "panel:Buttons"}"
pin = {LINE}
[leds]
driver = "{self.leds}"
[cues]
enabled = false
[limits]
turn_s = 0
session_min = 0
hour_min = 0
day_min = 0
idle_hang_up_min = 0
[log]
level = "error"
"""


class Box:
    """A daemon that runs.

    Attributes:
        started_s: When it was started; all times are of `time.monotonic()`.
        ready_s: When systemd would have been told that it is ready.
        notes: What its card and its lights told, in order.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, started_s: float, chip: GpioChip | None
    ) -> None:
        self.started_s = started_s
        self.ready_s = 0.0
        self.notes: list[Note] = []
        self.pid = process.pid
        self._process = process
        self._chip = chip
        self._news = asyncio.Event()

    def press(self, button: str = "talk") -> float:
        """Press; gives the time."""
        return self._edge(button, pressed=True)

    def release(self, button: str = "talk") -> float:
        return self._edge(button, pressed=False)

    async def click(self, button: str, hold_s: float = 0.06) -> None:
        """Longer than contacts bounce."""
        self.press(button)
        await asyncio.sleep(hold_s)
        self.release(button)
        await asyncio.sleep(hold_s)

    def say(self, recording: Path) -> None:
        """Let the room hear raw PCM of 24 kHz."""
        self._order({"say": str(recording)})

    async def told(self, what: str, *, after_s: float = 0.0, **facts: object) -> Note:
        """The first such note after a moment; waits for it."""

        def fits(note: Note) -> bool:
            rest = (note.get(name) == value for name, value in facts.items())
            return note["what"] == what and note["at_s"] > after_s and all(rest)

        return await self._first(fits)

    async def over(self, for_s: float) -> Usage:
        """What it uses in the next seconds."""
        before, begin_s = usage(self.pid), time.monotonic()
        await asyncio.sleep(for_s)
        used, took_s = usage(self.pid) - before, time.monotonic() - begin_s
        return Usage(used.cpu_s * for_s / took_s, used.switches, used.threads)

    async def read(self) -> None:
        """Take its notes until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.notes.append(json.loads(line))
            self._news.set()

    def ready(self, at_s: float) -> None:
        self.ready_s = self.ready_s or at_s
        self._news.set()

    async def until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.ready_s:
                if self._process.returncode is not None:
                    raise RuntimeError("the daemon ended before it was ready")
                await self._more()

    async def _first(self, fits: Callable[[Note], bool]) -> Note:
        seen = 0
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for note in self.notes[seen:]:
                    seen += 1
                    if fits(note):
                        return note
                await self._more()

    async def _more(self) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):  # look at the process now and then
            async with asyncio.timeout(1):
                await self._news.wait()

    def _edge(self, button: str, *, pressed: bool) -> float:
        at_s = time.monotonic()
        if self._chip is None:
            self._order({"button": button, "pressed": pressed, "at_s": at_s})
        else:
            self._chip.drive(LINE, not pressed)  # its button connects the line to ground
        return at_s

    def _order(self, order: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(order)}\n".encode())


@contextlib.asynccontextmanager
async def box(setup: Setup) -> AsyncIterator[Box]:
    """Run the daemon until the end of the block; entered when it is ready."""
    with tempfile.TemporaryDirectory(prefix="pi-voice-bench-") as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(setup.toml(folder))
        with _systemd(folder / "notify") as door:
            environment = {**os.environ, **setup.environment, "NOTIFY_SOCKET": door.getsockname()}
            environment["PYTHONPATH"] = str(PARTS) if setup.paced else ""
            environment |= setup.chip.environment if setup.chip else {}
            started_s = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *setup.program, str(config)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
                env=environment,
            )
            made = Box(process, started_s, setup.chip)
            asyncio.get_running_loop().add_reader(door, _hear, door, made)
            reading = asyncio.create_task(made.read())
            try:
                await made.until_ready()
                yield made
            finally:
                asyncio.get_running_loop().remove_reader(door)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                await reading
                await process.wait()


@contextlib.contextmanager
def _systemd(path: Path) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.setblocking(False)
        door.bind(str(path))
        yield door


def _hear(door: socket.socket, made: Box) -> None:
    if b"READY=1" in door.recv(4096):
        made.ready(time.monotonic())
