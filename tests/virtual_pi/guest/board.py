"""The board under the box, from inside the guest: lines, light, card, service, in plain Python."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
import wave
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

HEADER = Path("/run/header")
TALK, MUTE, LED = 17, 22, 27
CARD = Path("/proc/asound/Loopback")
DRIVER = Path("/sys/bus/platform/drivers/snd_aloop")
CAPTURE = re.compile(r"/dev/snd/pcmC\d+D\d+c")
OUTSIDE = "plughw:CARD=Loopback,DEV=0"  # the other end of the cable whose DEV=1 is the box's card
PYTHON = "/opt/pi-voice/current/bin/python"
CONTROL = "/run/pi-voice/control.sock"
CONFIG = Path("/etc/pi-voice/config.toml")
SERVICE = "pi-voice.service"
PATIENCE_S = 180.0  # an emulated computer on a busy one
LOUD = 1000
LOOK_S = 0.02  # more often, and watching would slow down what is watched


class NeverTrue(Exception):
    """What was waited for did not come."""


def wait(fact: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> float:
    """Seconds until a fact is true."""
    began_s = time.monotonic()
    while not fact():
        if time.monotonic() - began_s > within_s:
            raise NeverTrue(f"{what}: not within {within_s:g} s")
        time.sleep(LOOK_S)
    return time.monotonic() - began_s


# -- lines


def drive(line: int, *, down: bool) -> None:
    """Connect a line to ground, as its button does, or leave it to its pull-up."""
    pull = "pull-down" if down else "pull-up"
    (HEADER / f"sim_gpio{line}" / "pull").write_text(pull)


def is_lit() -> bool:
    return (HEADER / f"sim_gpio{LED}" / "value").read_text().startswith("1")


class Hands:
    """What the program of the box takes for presses; a context manager."""

    def __init__(self, lines: Iterable[int]) -> None:
        self._command = [PYTHON, "/host/presses.py", *map(str, lines)]
        self._said: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd="/run"
        )
        self._reader = threading.Thread(target=self._read, name="hands")
        self._reader.start()
        wait(lambda: "ready" in self._said, "the levels of all lines were read")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._reader.join()
        self._process.wait()

    def did(self, word: str, times: int) -> bool:
        return sum(line.startswith(f"{word} ") for line in self._said) >= times

    def counts(self, word: str) -> list[int]:
        """How often, of each line that did it."""
        words = (line.split() for line in self._said)
        return list(Counter(pin for did, *rest in words if did == word for pin in rest).values())

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line.strip())


class Light(threading.Thread):
    """Watches the light; a context manager.

    Attributes:
        changes: When, on the clock of time.monotonic(), and whether it is lit from then on.
    """

    def __init__(self) -> None:
        super().__init__(name="light")
        self.changes: list[tuple[float, bool]] = [(time.monotonic(), is_lit())]
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(LOOK_S):
            if (lit := is_lit()) is not self.changes[-1][1]:
                self.changes.append((time.monotonic(), lit))

    def steps_ms(self, since_s: float, until_s: float) -> list[tuple[bool, int]]:
        """Each level between two moments with the time that it lasted, of those that ended."""
        ends = [at_s for at_s, _ in self.changes[1:]]
        steps = zip(self.changes, ends, strict=False)
        return [
            (lit, round((end_s - at_s) * 1000))
            for (at_s, lit), end_s in steps
            if end_s > since_s and at_s < until_s
        ]

    def is_steady(self, for_s: float = 0.5) -> bool:
        at_s, lit = self.changes[-1]
        return lit and time.monotonic() - at_s >= for_s


# -- sound


def capture_is_open() -> bool:
    """The kernel says that somebody captures from the box's end of the cable."""
    try:
        return "closed" not in (CARD / "pcm1c" / "sub0" / "status").read_text()
    except FileNotFoundError:  # there is no card
        return False


def holds_capture(pid: int) -> bool:
    """A process has the file of a microphone open."""
    folder = Path("/proc", str(pid), "fd")
    try:
        numbers = os.listdir(folder)
    except FileNotFoundError:  # it ended
        return False
    for number in numbers:
        try:
            if CAPTURE.fullmatch(os.readlink(folder / number)):
                return True
        except FileNotFoundError:  # closed since it was listed
            continue
    return False


def say(wav: Path) -> None:
    """Talk to the microphone of the box; returns when all was said."""
    subprocess.run(["aplay", "-q", "-D", OUTSIDE, str(wav)], check=True)


class Recording:
    """What comes out of the box's card while the context lasts."""

    def __init__(self, wav: Path) -> None:
        form = ("-f", "S16_LE", "-r", "48000", "-c", "2", "-t", "wav")
        self._command = ["arecord", "-q", "-D", OUTSIDE, *form, str(wav)]

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command)
        wait(lambda: "RUNNING" in self._status(), "the recorder runs")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    @staticmethod
    def _status() -> str:
        return (CARD / "pcm0c" / "sub0" / "status").read_text()


def loud_s(wav: Path) -> float:
    """For how long a recording is not silent."""
    piece_s = 0.02
    loud = 0
    with wave.open(str(wav)) as file:
        while piece := file.readframes(int(file.getframerate() * piece_s)):
            loud += max(array("h", piece)) > LOUD
    return loud * piece_s


# -- the service


def run(*command: str) -> str:
    """A command that works, and what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NeverTrue(f"{' '.join(command)}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def main_pid() -> int:
    return int(run("systemctl", "show", "-P", "MainPID", SERVICE))


def ask(verb: str) -> dict[str, Any]:
    """What the control socket answers; nothing while nobody does."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(PATIENCE_S)
        try:
            door.connect(CONTROL)
            door.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            with door.makefile("rb") as answer:
                told: dict[str, Any] = json.loads(answer.readline() or b"{}")
        except OSError:
            return {}
    return told


def status() -> dict[str, Any]:
    facts: dict[str, Any] = ask("status").get("status") or {}
    return facts


def is_idle() -> bool:
    return status().get("state") == "idle"


def restart(mode: str) -> None:
    """Start the service again with another way to talk."""
    text = re.sub(r'mode = "\w+"', f'mode = "{mode}"', CONFIG.read_text())
    CONFIG.write_text(text)
    run("systemctl", "restart", SERVICE)
    wait(lambda: status().get("connection") == "online", "the box is online again")
