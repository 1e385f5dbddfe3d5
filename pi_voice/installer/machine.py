"""The machine that is installed on: its files, its commands, and what we changed on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pi_voice import locks
from pi_voice.errors import PiVoiceError
from pi_voice.installer.manifest import Manifest

OPT = "/opt/pi-voice"
VERSIONS = f"{OPT}/versions"
CURRENT = f"{OPT}/current"
MANIFEST = f"{OPT}/manifest.json"
ETC = "/etc/pi-voice"
STATE = "/var/lib/pi-voice"
UNIT = "/etc/systemd/system/pi-voice.service"
SYSUSERS = "/etc/sysusers.d/pi-voice.conf"
COMMAND = "/usr/local/bin/pi-voice"
USER = "pi-voice"
SERVICE = "pi-voice.service"

Answer = tuple[int, str]  # the exit code and everything that was said
Run = Callable[[Sequence[str]], Answer]


_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "PYPI": "1",  # where lgpio is built: together with its C library, which Debian lacks
}


class InstallError(PiVoiceError):
    """Something could not be done; the text says what, why and how to mend it."""


def run(words: Sequence[str]) -> Answer:
    """Run a command without a terminal."""
    # the installer's own path would make pip take the checkout for an installed program
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    if "PIP_CACHE_DIR" not in environment:
        environment["PIP_NO_CACHE_DIR"] = "1"  # an SD card has better uses
    done = subprocess.run(
        words,
        env={**environment, **_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


class Machine:
    """What steps look at and change.

    Args:
        root: The folder that the machine's files are below.
        run: Runs a command and returns its exit code and what it said.
        pause: Lets so many seconds pass.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        run: Run = run,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root = root
        self._run = run
        self.pause = pause
        self._said: list[str] = []

    def at(self, path: str) -> Path:
        """Where a path of the machine is."""
        return self.root / path.lstrip("/")

    def exists(self, path: str) -> bool:
        """True also for a link that leads nowhere."""
        return os.path.lexists(self.at(path))

    def ask(self, *words: str) -> Answer:
        """Run a command that may fail: the answer is a fact."""
        code, said = self._run(words)
        self._said.append(f"$ {' '.join(words)}\n{said}")
        return code, said

    def holds(self, *words: str) -> bool:
        return self.ask(*words)[0] == 0

    def call(self, *words: str) -> None:
        """Run a command that must not fail.

        Raises:
            InstallError: It did.
        """
        code, said = self.ask(*words)
        if code:
            last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
            raise InstallError(f"{Path(words[0]).name} failed: {_cause(said) or last.strip()}")

    def transcript(self) -> str:
        """Every command so far and what it said."""
        return "\n".join(self._said)

    @property
    def is_booted(self) -> bool:
        """Whether systemd runs here; it does not in an image that is being made, say."""
        return self.at("/run/systemd/system").is_dir()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other installation out meanwhile; a kill or a power cut leaves no trace of it.

        Raises:
            InstallError: Another one is at work.
        """
        door = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if not locks.is_ours(door):
                raise InstallError(
                    "another install.sh is at work here: wait for its end, then run this again"
                )
            yield
        finally:
            os.close(door)

    @property
    def manifest(self) -> Manifest:
        """What was changed here.

        Raises:
            InstallError: The list of it is damaged.
        """
        try:
            return Manifest.load(self.at(MANIFEST))
        except ValueError as error:
            raise InstallError(
                f"{MANIFEST} is damaged ({error}): the card may be worn out. To go on without "
                f"the list: sudo rm {MANIFEST}"
            ) from error

    @property
    def linked(self) -> str:
        """The version that starts next, seen to run or not; "" if there is none."""
        place = self.at(CURRENT)
        return os.path.basename(os.readlink(place)) if place.is_symlink() else ""

    def note(self, manifest: Manifest) -> None:
        """Keep on disk what was changed; called before the change, so that it can be undone."""
        if not self.exists(OPT):
            self.at(OPT).mkdir(parents=True)
        manifest.save(self.at(MANIFEST))

    def claim(self, path: str) -> None:
        """Note that a path, and the folders above it that are missing, will be made by us."""
        line = [str(above) for above in (*reversed(Path(path).parents), Path(path))]
        manifest = self.manifest
        known = (OPT, *manifest.made)  # the list itself is in OPT, which goes last
        unknown = tuple(made for made in line if made not in known and not self.exists(made))
        if unknown:
            self.note(replace(manifest, made=manifest.made + unknown))

    def remove(self, path: str) -> None:
        """Take away a file, a link, or a folder with all that is in it."""
        place = self.at(path)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def draft(path: str) -> str:
    """Where a file or a link is made before it takes its place in one step."""
    place = Path(path)
    return str(place.with_name(f".{place.name}.new"))


_WRONG_CLOCK = "the clock is wrong: sudo timedatectl set-ntp true, wait a minute, run this again"
_CAUSES = {
    "not yet valid": _WRONG_CLOCK,  # a certificate
    "not valid yet": _WRONG_CLOCK,  # a list of packages
    "No space left on device": "the disk is full: make room, then run this again",
    "remove is disabled": "a package here is in the way, and none is ever removed",
    "Could not get lock": "another program installs packages: run this again later",
    "emporary failure": "the package servers cannot be reached: check the network",
    "ould not resolve": "the package servers cannot be reached: check the network",
    "ailed to establish": "the package servers cannot be reached: check the network",
    "unreachable": "the package servers cannot be reached: check the network",
    "timed out": "the package servers cannot be reached: check the network",
}


def _cause(said: str) -> str:
    """What the words of a tool mean, where they are known; else nothing."""
    return next((cause for words, cause in _CAUSES.items() if words in said), "")
