"""A folder with one version of the program: a checkout, or the copy that an installation keeps."""

from __future__ import annotations

import fnmatch
import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pi_voice.installer.machine import VERSIONS, InstallError, Machine

PARTS = ("pyproject.toml", "README.md", "LICENSE", "install.sh", "pi_voice", "systemd", "config")
PROFILES = {  # the configurations to begin with, the usual one first, and how each is used
    "hobby-kit": "hold the button; two short presses mute",
    "smart-speaker": "just talk; a short press interrupts, a long one mutes",
    "kiosk": "hold the button; small hourly and daily limits, no mute at the box",
}
USUAL = next(iter(PROFILES))
_UNWANTED = ("__pycache__", "*.pyc", "*.egg-info")


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the program, complete with its unit and its profiles.

    Attributes:
        folder: Where it is.
        version: Its number, and what tells apart two states of the same number.
    """

    folder: Path
    version: str

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def profile(self, name: str) -> str:
        return (self.folder / "config" / f"{name}.toml").read_text()

    def copy_to(self, folder: Path) -> None:
        """Copy what belongs to the program, and nothing that tests or tools left beside it."""
        folder.mkdir(parents=True)
        for part in PARTS:
            source = self.folder / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(*_UNWANTED))
            else:
                shutil.copy(source, folder / part)


def in_checkout(folder: Path) -> Release:
    """The version in a folder.

    Raises:
        InstallError: Parts of it are missing.
    """
    if missing := [part for part in PARTS if not (folder / part).exists()]:
        raise InstallError(
            f"{folder} is no complete copy of pi_voice: {', '.join(missing)} is missing. "
            "Get it again, and run install.sh there"
        )
    number = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o100:o}\0".encode())
        digest.update(path.read_bytes())
    return Release(folder, f"{number}-{digest.hexdigest()[:8]}")


def installed(machine: Machine, version: str) -> Release:
    """A version that is on the machine."""
    return Release(machine.at(f"{VERSIONS}/{version}/release"), version)


def _files(folder: Path) -> Iterator[Path]:
    for part in PARTS:
        path = folder / part
        for file in path.rglob("*") if path.is_dir() else (path,):
            names = file.relative_to(folder).parts
            if file.is_file() and not any(fnmatch.filter(names, word) for word in _UNWANTED):
                yield file
