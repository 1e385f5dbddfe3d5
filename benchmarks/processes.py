"""Services and clients, each in a process of its own, so that only one of them is measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0

T = TypeVar("T")


class Service:
    """A realtime service in another process.

    Attributes:
        url: Where clients connect.
        pid: Of its process.
    """

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self.pid = process.pid
        self._process = process
        self._turn = asyncio.Lock()

    async def ask(self, word: str) -> Any:
        """Ask it for what it saw; who asks at the same time waits for the answer before."""
        assert self._process.stdin is not None
        async with self._turn:
            self._process.stdin.write(f"{word}\n".encode())
            return json.loads(await _line(self._process))


@contextlib.asynccontextmanager
async def service(name: str, *arguments: str) -> AsyncIterator[Service]:
    """Run a module of `benchmarks.services` until the end of the block."""
    process = await _python(f"benchmarks.services.{name}", *arguments)
    try:
        yield Service(process, json.loads(await _line(process)))
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends when nobody can ask it any more
        await process.wait()


async def client(name: str, **job: Any) -> Any:
    """Run a module of `benchmarks.clients` to its end; see `program`."""
    return await program(f"benchmarks.clients.{name}", **job)


async def program(name: str, python: str = sys.executable, **job: Any) -> Any:
    """Run a module to its end.

    Args:
        name: The module.
        python: Which Python runs it.
        job: Its parameters.

    Returns:
        What it printed last.

    Raises:
        RuntimeError: It failed; what it wrote to stderr is on ours.
    """
    process = await _python(name, json.dumps(job), python=python)
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:  # nobody waits for it any more
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


@contextlib.asynccontextmanager
async def working(name: str, python: str = sys.executable, **job: Any) -> AsyncIterator[int]:
    """Run a module until the end of the block; entered when it works.

    Args:
        name: The module; it prints the `pid` of who works as soon as that is so.
        python: Which Python runs it.
        job: Its parameters.

    Raises:
        RuntimeError: It ended by itself; what it wrote to stderr is on ours.
    """
    process = await _python(name, json.dumps(job), python=python)
    try:
        told: dict[str, int] = {}
        while "pid" not in told:
            if not (line := await _line(process)):
                raise RuntimeError(f"{name} ended before it worked")
            told = json.loads(line)
        yield told["pid"]
        if process.returncode is not None:
            raise RuntimeError(f"{name} ended while it was measured")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def rounds(runs: Mapping[str, Callable[[], Awaitable[T]]], count: int) -> dict[str, list[T]]:
    """Measure all of them in turn, so often; each round begins with another one."""
    names = list(runs)
    measured: dict[str, list[T]] = {name: [] for name in names}
    for number in range(count):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(await runs[name]())
    return measured


async def _python(
    module: str, *arguments: str, python: str = sys.executable
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        python,
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
