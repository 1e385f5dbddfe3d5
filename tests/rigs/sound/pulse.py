"""Where PulseAudio comes from: the system, or a package that is only unpacked.

Debian's PipeWire plugin for ALSA and PulseAudio exclude each other, and nobody's PipeWire is
removed for a test: there the package and what it needs are unpacked into the user's cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("pactl", "paplay", "parecord")  # package pulseaudio-utils, which goes well with PipeWire
DOWNLOAD_S = 120


class Missing(Exception):
    """There is no PulseAudio here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How to start the daemon.

    Attributes:
        command: The program, with what it needs to find its modules.
        environment: What it needs to find its libraries.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def find() -> Pulse:
    """PulseAudio, unpacked first if it must be.

    PULSE_TREE names a folder into which the package was unpacked already.

    Raises:
        Missing: It cannot be had.
    """
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is missing; run: apt-get install pulseaudio-utils")
    if unpacked := os.environ.get("PULSE_TREE"):
        return _in_tree(Path(unpacked))
    if program := shutil.which("pulseaudio"):
        return Pulse((program,))
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Missing("pulseaudio is missing; install it with the system's package manager")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    tree = Path(cache) / "pi-voice" / "pulseaudio"
    if not tree.is_dir():
        _unpack(tree)
    return _in_tree(tree)


def _in_tree(tree: Path) -> Pulse:
    libraries = {str(file.parent) for file in tree.rglob("*.so*")}
    modules = {str(file.parent) for file in tree.rglob("module-null-sink.so")}
    program = tree / "usr" / "bin" / "pulseaudio"
    if not program.is_file() or not modules:
        raise Missing(f"there is no PulseAudio in {tree}; remove that folder and try again")
    path = ":".join([*sorted(libraries), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
    return Pulse((str(program), f"--dl-search-path={modules.pop()}"), {"LD_LIBRARY_PATH": path})


def _unpack(tree: Path) -> None:
    """Fill the folder in one step, so that an interrupted download leaves nothing behind."""
    # only asked, never done: the answer also holds the libraries that are not installed yet
    plan = _run("apt-get", "-s", "--no-install-recommends", "install", "pulseaudio")
    packages = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent) as folder:
        _run("apt-get", "download", *packages, folder=Path(folder))
        files = Path(folder) / "files"
        for package in Path(folder).glob("*.deb"):
            _run("dpkg", "-x", str(package), str(files))
        files.rename(tree)


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, timeout=DOWNLOAD_S
        )
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(command)} failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command)} took more than {DOWNLOAD_S} s") from error
    return done.stdout
