"""A sound card of this test run alone: real ALSA, in real time, without hardware."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

from tests.rigs.sound.pulse import Missing, Pulse
from tests.until import until

HERE = Path(__file__).parent
PREFIX = "pi-voice-sound-"
START_S = 20.0  # it takes a tenth of a second; a machine under load gets there
STOP_S = 5.0
SILENCE_BYTES = 48_000 * 2 * 2 // 4  # a quarter of a second
PR_SET_PDEATHSIG = 1  # prctl(2): die with whoever started it, even if that was killed


class SoundCard:
    """A private PulseAudio with a room, in which `rig_mic` hears, and a loudspeaker, `rig_speaker`.

    A context manager; its daemon, its socket and its files are its own and end with it, also when
    the process is killed.

    Attributes:
        environment: What a program needs so that ALSA finds this card and no other.
    """

    MICROPHONE = "rig_mic"
    SPEAKER = "rig_speaker"

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        # a socket's path may have 108 characters, and pytest's own folders are deep
        _remove_orphans()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._folder.chmod(0o755)  # a service under another user may use the card
        socket_path = str(self._folder / "pulse")
        for name in ("pulse.pa", "asound.conf"):
            text = (HERE / name).read_text().replace("@SOCKET@", socket_path)
            (self._folder / name).write_text(text)
        self._cli = f"{socket_path}.cli"
        self._daemon: subprocess.Popen[bytes] | None = None
        self.environment: Mapping[str, str] = {
            "ALSA_CONFIG_PATH": str(self._folder / "asound.conf"),
            "PULSE_SERVER": f"unix:{socket_path}",
            "PULSE_COOKIE": str(self._folder / "cookie"),
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the daemon and remove its files."""
        self.kill(signal.SIGTERM)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the daemon, or start it again after `kill`; returns when it answers.

        Raises:
            Missing: It does not run here; with what it said.
        """
        home = self._folder / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        own = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")
        log = self._folder / "log"
        with log.open("wb") as output:
            self._daemon = subprocess.Popen(
                [*self._pulse.command, *_OPTIONS, "-F", str(self._folder / "pulse.pa")],
                env={
                    **os.environ,
                    **self._pulse.environment,
                    **dict.fromkeys(own, str(home)),
                    "DBUS_SESSION_BUS_ADDRESS": "",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,
            )
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() > deadline_s:
                raise Missing(f"PulseAudio does not start: {log.read_text(errors='replace')}")
            time.sleep(0.02)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the daemon, as a crash does; `start` brings it back."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        daemon.send_signal(how)
        try:
            daemon.wait(STOP_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    async def say(self, wav: Path) -> None:
        """Play a recording into the room; returns when its last sample was heard there."""
        await self._run("paplay", "--device=room", str(wav))

    async def couple(self, *, volume_percent: int, latency_ms: int = 40) -> None:
        """Let the microphone hear the loudspeaker, until the daemon ends.

        Args:
            volume_percent: As PulseAudio counts, cubic: 50 is a gain of 1/8.
            latency_ms: Beside what both cards take.
        """
        options = ("source=speaker.monitor", "sink=room", f"latency_msec={latency_ms}")
        module = "module-loopback"
        number = await self._run("pactl", "load-module", module, *options, "adjust_time=0")
        listed = await self._run("pactl", "list", "sink-inputs")
        streams = listed.split("Sink Input #")[1:]
        owned = f"Owner Module: {number.strip()}\n"
        (stream,) = (text.split("\n", 1)[0] for text in streams if owned in text)
        await self._run("pactl", "set-sink-input-volume", stream, f"{volume_percent}%")

    @contextlib.asynccontextmanager
    async def recording(self, wav: Path) -> AsyncIterator[None]:
        """Write what the loudspeaker plays, at 48 kHz and in two channels, into a file.

        Leaving waits for silence, because what was handed to the card is still to be heard.
        """
        form = ("--rate=48000", "--channels=2", "--format=s16le", "--file-format=wav")
        command = ("parecord", "--device=speaker.monitor", "--latency-msec=20", *form, str(wav))
        before = len(await self.captures())
        recorder = await asyncio.create_subprocess_exec(*command, env=self._environment())
        try:
            await self.wait_for(self.captures, before + 1)
            yield
            begins = _size(wav)
            await until(lambda: _ends_silent(wav, begins))
        finally:
            with contextlib.suppress(ProcessLookupError):
                recorder.terminate()
            await recorder.wait()

    async def captures(self) -> list[str]:
        """The numbers of the streams that record from the room, the proof of an open microphone.

        Whoever records the loudspeaker is among them.
        """
        return await self._numbers("source-outputs")

    async def playbacks(self) -> list[str]:
        """The numbers of the streams that play."""
        return await self._numbers("sink-inputs")

    async def cut_streams(self) -> None:
        """Take every stream away from its program, as a sound server does that loses its card."""
        for number in await self.captures():
            self._command(f"kill-source-output {number}")
        for number in await self.playbacks():
            self._command(f"kill-sink-input {number}")

    async def suspend(self, *, suspended: bool) -> None:
        """Let both ends of the card hang: streams stay, sound stops. Or let them go on."""
        flag = str(int(suspended))
        await self._run("pactl", "suspend-source", "mic", flag)
        await self._run("pactl", "suspend-sink", "speaker", flag)

    async def wait_for(self, streams: Callable[[], Awaitable[list[str]]], count: int) -> None:
        """Return when there are so many streams, of `captures` or `playbacks`."""
        async with asyncio.timeout(START_S):
            while len(await streams()) != count:
                pass

    async def _numbers(self, what: str) -> list[str]:
        listed = await self._run("pactl", "list", "short", what)
        # a module of the daemon, such as the microphone itself, has no client
        rows = [line.split("\t") for line in listed.splitlines()]
        return [row[0] for row in rows if row[2] != "-"]

    async def _run(self, *command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), stdout=asyncio.subprocess.PIPE
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, f"{' '.join(command)} ended with {process.returncode}"
        return output.decode()

    def _command(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as cli:
            cli.connect(self._cli)
            cli.sendall(f"{line}\n".encode())
            cli.shutdown(socket.SHUT_WR)
            while cli.recv(4096):
                pass

    def _answers(self) -> bool:
        asked = subprocess.run(
            ["pactl", "list", "short", "sources"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return "\tmic\t" in asked.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


_OPTIONS = (
    "-n",
    "--daemonize=no",
    "--use-pid-file=no",
    "--exit-idle-time=-1",
    "--disallow-exit=yes",
    "--disable-shm=yes",
    "--realtime=no",
    "--high-priority=no",
    "--log-target=stderr",
    "--log-level=notice",
)


def _size(file: Path) -> int:
    return file.stat().st_size


def _ends_silent(wav: Path, begins: int) -> bool:
    """A recording grew by SILENCE_BYTES, and nothing but zeros are in them."""
    recorded = wav.read_bytes()
    return len(recorded) >= begins + SILENCE_BYTES and not any(recorded[-SILENCE_BYTES:])


def _remove_orphans() -> None:
    """Remove what a run left that was killed; its daemon went with it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
