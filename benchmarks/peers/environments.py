"""An environment for each peer, made once from PyPI and kept in the user's cache."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL_S = 300.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program that does the same job.

    Attributes:
        name: On PyPI.
        package: What to install, as pip takes it.
        module: Of `benchmarks.peers`, the job done with it.
        press: The same for interruptions; "" if it cannot.
        speaks: False if it has a protocol of its own, and our Python runs its module.
    """

    name: str
    package: str
    module: str
    press: str = ""
    speaks: bool = True


PEERS = (
    Peer("openai", "openai[realtime]==3.52.0", "openai_stream", "openai_press"),
    Peer("openai-agents", "openai-agents==0.24.0", "agents_stream", "agents_press"),
    Peer("wyoming-satellite", "wyoming-satellite==1.0.0", "wyoming_stream", speaks=False),
)


class Absent(Exception):
    """It cannot be had here; the text says why."""


async def python_of(peer: Peer) -> str:
    """Its Python.

    Raises:
        Absent: It cannot be installed.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    release = "{}.{}".format(*sys.version_info)
    pinned = peer.package.replace("[", "-").replace("]", "")
    folder = Path(cache) / "pi-voice" / "benchmarks" / f"{pinned}-py{release}"
    python = folder / "bin" / "python"
    if (folder / "whole").exists():
        return str(python)
    sys.stderr.write(f"installing {peer.package} into {folder} …\n")
    shutil.rmtree(folder, ignore_errors=True)
    await _run(sys.executable, "-m", "venv", str(folder))
    await _run(str(python), "-m", "pip", "install", "--quiet", peer.package)
    (folder / "whole").touch()  # the last step: an interrupted download leaves none behind
    return str(python)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(INSTALL_S):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Absent(f"not installed: it took more than {INSTALL_S:.0f} s") from None
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["no word why"]
        raise Absent(f"not installed: {lines[-1]}")
