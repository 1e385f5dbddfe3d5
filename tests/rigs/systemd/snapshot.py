"""What is on a file system, so that two moments can be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

# what changes on a machine without anybody's doing, and what its tools keep for themselves
NOT_LOOKED_AT = (
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "wheels",
    "checkout",
    "var/cache",
    "var/log",
    "var/tmp",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/systemd/random-seed",
    "etc/machine-id",
    "etc/resolv.conf",
    # the tools that make and remove users leave these
    "etc/.pwd.lock",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
)

Snapshot = Mapping[str, str]


def taken(root: Path) -> Snapshot:
    """Every path with what it is, whose it is, who may use it and what is in it."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if str(here / name) not in NOT_LOOKED_AT]
        for name in (*folders, *files):
            path = here / name
            if str(path) not in NOT_LOOKED_AT:
                found[str(path)] = _told(root, path)
    return found


def _told(root: Path, name: Path) -> str:
    path = root / name
    facts = path.lstat()
    whose = f"{stat.filemode(facts.st_mode)} {facts.st_uid}:{facts.st_gid}"
    if path.is_symlink():
        return f"{whose} {os.readlink(path)}"
    if not path.is_file():
        return whose
    if name.parts[0] == "usr":  # too much to read; what is written there has another time
        return f"{whose} {facts.st_size} {facts.st_mtime_ns}"
    return f"{whose} {hashlib.blake2b(path.read_bytes()).hexdigest()}"


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    paths = sorted(before.keys() | after.keys())
    return [
        f"{path}: {before.get(path, 'not there')} → {after.get(path, 'not there')}"
        for path in paths
        if before.get(path) != after.get(path)
    ]
