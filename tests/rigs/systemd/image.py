"""The Debian that boxes start from: made once, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
SUITES = ("bookworm", "trixie")  # of Raspberry Pi OS 12 and 13
# what a Raspberry Pi OS has before anything is installed on it
SYSTEM = ("systemd", "systemd-sysv", "dbus", "kmod", "procps", "python3", "ca-certificates")
# what install.sh would fetch from the distribution, so that most tests need no network
PREPARED = ("python3-venv", "python3-pyaudio", "python3-spidev")
SOUND = ("libasound2-plugins", "alsa-utils")  # through which programs reach the virtual card
QUIET_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty@tty1.service",
)
BUILD_S = 900


class Missing(Exception):
    """Boxes cannot be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """A file system that is never changed.

    Attributes:
        layers: Its folders, the lowest last.
        wheels: A folder with the Python packages that the program needs, for pip.
    """

    layers: tuple[Path, ...]
    wheels: Path


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pi-voice-tests" / "systemd"


def check_tools() -> None:
    """Find out whether this machine can run boxes.

    Raises:
        Missing: It cannot.
    """
    if os.geteuid():
        raise Missing("a system in a box needs root")
    tools = {
        "systemd-nspawn": "systemd-container",
        "mmdebstrap": "mmdebstrap",
        "unshare": "util-linux",
        "nsenter": "util-linux",
        "pgrep": "procps",
    }
    for tool, package in tools.items():
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is missing; run: apt-get install {package}")


def root(packages: tuple[str, ...], suite: str = SUITES[0]) -> Path:
    """A Debian with these packages, made if it is not there.

    Raises:
        Missing: It could not be made.
    """
    name = hashlib.sha256(json.dumps([suite, packages, QUIET_UNITS]).encode()).hexdigest()[:12]
    place = cache() / name
    with alone(cache() / f"{name}.lock"):
        if not place.is_dir():
            _make(place, packages, suite)
    return place


def _make(place: Path, packages: tuple[str, ...], suite: str) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        new = Path(folder) / "root"
        # as this machine does it: its servers, its proxies
        options = [f"--aptopt={file}" for file in sorted(Path("/etc/apt/apt.conf.d").glob("99*"))]
        for kind in ("man", "locale", "doc"):
            options.append(f"--dpkgopt=path-exclude=/usr/share/{kind}/*")
        included = f"--include={','.join(packages)}"
        sources = Path(folder) / "debian.sources"
        sources.write_text(_sources(suite))
        base = ["mmdebstrap", "--variant=minbase", "--mode=root", *options, included]
        _run(*base, suite, str(new), str(sources))
        (new / "etc" / "hostname").write_text("box\n")
        (new / "etc" / "machine-id").write_text("")
        _run("systemctl", f"--root={new}", "mask", *QUIET_UNITS)
        new.rename(place)


def _sources(suite: str) -> str:
    """This machine's own package servers, asked for another release of Debian."""
    for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        text = Path(path).read_text() if Path(path).exists() else ""
        if any(known in text for known in SUITES):
            return re.sub("|".join(SUITES), suite, text)
    raise Missing(f"this machine's list of package servers names neither {' nor '.join(SUITES)}")


def wheels_name() -> str:
    """Changes with what the program needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [*requirements(), *project["build-system"]["requires"], SUITES[0]]
    return f"wheels-{hashlib.sha256(json.dumps(needs).encode()).hexdigest()[:12]}"


def requirements() -> list[str]:
    """What pip gets for the program; sound comes from the distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["gpio"],
    ]
    return [
        *(need for need in needs if not need.startswith("pyaudio")),
        *project["build-system"]["requires"],
        "wheel",
    ]


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep other test runs from making the same thing."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=BUILD_S)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{words[0]} took more than {BUILD_S} s") from error
    if done.returncode:
        raise Missing(f"{words[0]} failed: {done.stderr[-2000:]}")
