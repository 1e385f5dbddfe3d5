"""Buttons and lights for `driver = "panel:…"`: pressed through stdin, seen on stdout."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.parts.notes import note
from pi_voice.core.actions import Pattern
from pi_voice.core.events import ButtonEdge


class _Part:
    def __init__(self, _: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


class Lights(_Part):
    def show(self, pattern: Pattern) -> None:
        note("light", pattern=str(pattern))

    def show_mic(self, *, is_open: bool) -> None:
        return


class Buttons(_Part):
    async def events(self) -> AsyncIterator[ButtonEdge]:
        """Edges; a line that names a recording lets the room hear it."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        try:
            async for line in reader:
                order = json.loads(line)
                if path := order.pop("say", None):
                    _say(Path(path))
                else:
                    yield ButtonEdge(**order)
            await asyncio.Event().wait()  # nobody presses any more
        finally:
            pipe.close()


def _say(recording: Path) -> None:
    from pyaudio import ROOM  # a real card has none

    ROOM.say(recording.read_bytes())
