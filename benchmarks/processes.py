"""Services and clients, each in a process of its own, so that only one of them is measured."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0


class Service:
    """A realtime service in another process.

    Attributes:
        url: Where clients connect.
    """

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    async def ask(self, word: str) -> Any:
        """Ask it for what it saw."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        return json.loads(await _line(self._process))


@asynccontextmanager
async def service(name: str) -> AsyncIterator[Service]:
    """Run a module of `benchmarks.services` until the end of the block."""
    process = await _python(f"benchmarks.services.{name}")
    try:
        yield Service(process, json.loads(await _line(process)))
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends when nobody can ask it any more
        await process.wait()


async def client(name: str, **job: Any) -> Any:
    """Run a module of `benchmarks.clients` to its end.

    Args:
        name: The module.
        job: Its parameters.

    Returns:
        What it printed.

    Raises:
        RuntimeError: It failed; what it wrote to stderr is on ours.
    """
    process = await _python(f"benchmarks.clients.{name}", json.dumps(job))
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the client {name} ended with {process.returncode}")
    return json.loads(out)


async def taking_turns(jobs: dict[str, dict[str, Any]], rounds: int) -> dict[str, list[Any]]:
    """Run every client in every round, forwards and backwards in turn.

    Args:
        jobs: By a name for the caller: the parameters, with the client's module as `client`.
        rounds: How often.

    Returns:
        Under the caller's names what each printed, in the order of the rounds.
    """
    printed: dict[str, list[Any]] = {name: [] for name in jobs}
    for number in range(rounds):
        names = list(jobs) if number % 2 == 0 else list(reversed(jobs))
        for name in names:
            job = dict(jobs[name])
            printed[name].append(await client(job.pop("client"), **job))
    return printed


async def _python(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return await process.stdout.readline()
