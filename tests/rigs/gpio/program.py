"""Child processes that find the virtual GPIO chip."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterable

from tests.rigs.gpio.chip import GpioChip
from tests.until import until


class Program:
    """A child process on the chip, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self._readers = [asyncio.create_task(self._read(pipe)) for pipe in self._pipes()]

    def _pipes(self) -> Iterable[asyncio.StreamReader]:
        return filter(None, (self.process.stdout, self.process.stderr))

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        async for line in pipe:
            self.said.append(line.decode().strip())

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def count(self, words: str) -> int:
        """How many lines begin with these words."""
        return sum(f"{line} ".startswith(f"{words} ") for line in self.said)

    async def says(self, words: str, times: int = 1) -> None:
        """Wait for so many lines that begin with these words."""
        await until(lambda: self.count(words) >= times)

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._readers)
        if self.process.stdin is not None:
            self.process.stdin.close()


@contextlib.asynccontextmanager
async def program(chip: GpioChip, *arguments: str | int) -> AsyncIterator[Program]:
    """`python ARGUMENTS…` in a process of its own, to whose eyes there is a chip."""
    pipe = asyncio.subprocess.PIPE
    words = [str(argument) for argument in arguments]
    environment = {**os.environ, **chip.environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
    )
    child = Program(process)
    try:
        yield child
    finally:
        await child.end()
