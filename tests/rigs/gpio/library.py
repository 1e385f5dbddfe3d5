"""Where the library comes from that puts a GPIO chip under a program: from the compiler, once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent / "preload.c"
COMPILE_S = 120


class Missing(Exception):
    """There can be no virtual GPIO chip here; the text says what to do."""


def find() -> Path:
    """The library, compiled first if its source is new; it stays in the user's cache.

    Raises:
        Missing: No compiler, no headers, or no lgpio to put it under.
    """
    if importlib.util.find_spec("lgpio") is None:
        raise Missing("lgpio is missing; run: pip install lgpio, where there is a wheel of it")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(cache) / "pi-voice" / f"gpio-{name}.so"
    if not library.exists():
        _compile(library)
    return library


def _compile(library: Path) -> None:
    """Make the file in one step, so that an interrupted compiler leaves nothing behind."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Missing("gcc is missing; run: apt-get install gcc libc6-dev")
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / "made.so"
        flags = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
        command = (compiler, *flags, "-o", str(made), str(SOURCE), "-ldl", "-lpthread")
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=COMPILE_S
        )
        if done.returncode:
            raise Missing(f"the GPIO rig does not compile: {done.stderr.strip()}")
        made.rename(library)
