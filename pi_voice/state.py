"""What outlives a power cut: whether the box is muted, and what was spent."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_voice.core.events import Remembered

logger = logging.getLogger(__name__)

Facts = dict[str, Any]

LAZY_S = 60.0  # counters are written at most once a minute: SD cards wear out
RETRY_S = 600.0  # a full disk is seldom emptied sooner
FAREWELL_S = 0.5  # the last write may not hold up the end


class StateFile:
    """A small file of facts that is old or new at every moment, and never torn.

    It holds one line with the checksum and one of JSON. The copy before it is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new = folder / "state.new"
        self._current = folder / "state"
        self._previous = folder / "state.old"

    def load(self) -> Facts | None:
        """Read the newest copy that is whole; None if there are copies and none is.

        Without any copy, as at the very first start, there are no facts.
        """
        is_new = True
        for path in (self._current, self._previous):
            try:
                facts = _read(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                logger.warning("%s cannot be read: %s; trying the copy before it", path, error)
                is_new = False
            else:
                return facts
        return {} if is_new else None

    def save(self, facts: Mapping[str, Any]) -> None:
        """Write all facts; returns when a power cut would not lose them. Blocks on the disk.

        Raises:
            OSError: They were not written; what was there before is still whole.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        body = json.dumps(facts, sort_keys=True)
        with open(self._new, "w", encoding="utf-8") as file:
            file.write(f"{_checksum(body)}\n{body}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._current, self._previous)
        os.replace(self._new, self._current)
        self._settle()

    def _settle(self) -> None:
        """Make the new names last, too."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> Facts:
    """The facts of one copy.

    Raises:
        OSError: The disk does not give it, or does not have it.
        ValueError: It is damaged.
    """
    checksum, _, body = path.read_text(encoding="utf-8").partition("\n")
    if checksum != _checksum(body.removesuffix("\n")):
        raise ValueError("its checksum is wrong")
    facts = json.loads(body)
    if not isinstance(facts, dict):
        raise ValueError("it holds no facts")
    return facts


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


class Memory:
    """Keeps facts for the next start. The disk is written in a thread of its own.

    Attributes:
        muted: What was remembered from the last run.
        spent: The counters of the last run; see `budget.Ledger.kept`.
        trouble: Why the disk does not take what should be kept, "" while it does.
    """

    def __init__(self, file: StateFile | None = None) -> None:
        """Read what was kept.

        Args:
            file: Where it is kept; None keeps it only as long as the program runs.
        """
        facts = file.load() if file else {}
        if facts is None:
            logger.error("nothing readable is left in the state folder: starting muted, to be safe")
            facts = {"muted": True}
        self.muted = facts.get("muted") is True
        spent = facts.get("spent")
        self.spent: Facts = spent if isinstance(spent, dict) else {}
        self.trouble = ""
        self._file = file
        self._facts: Facts = facts
        self._counters: Callable[[], Mapping[str, Any]] | None = None
        self._urgent = self._lazy = False
        self._asked = self._answered = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file and (self._urgent or self._lazy):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await asyncio.to_thread(self._file.save, self._now())

    def remember(self, muted: bool) -> None:
        """Keep it as soon as the disk can; Remembered follows."""
        self._facts["muted"] = muted
        self._urgent = True
        self._asked += 1
        self._changed.set()

    def note_spent(self, counters: Callable[[], Mapping[str, Any]]) -> None:
        """Keep the counters some time soon; they are read when they are written."""
        self._counters = counters
        if not self._lazy:  # else it is about to happen: sound comes 25 times a second
            self._lazy = True
            self._changed.set()

    async def events(self) -> AsyncIterator[Remembered]:
        """Write whenever there is something to keep, and answer each `remember`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._urgent:
                await self._pause(LAZY_S)
            asked = self._asked
            self._urgent = self._lazy = False
            self._lazy = not await self._save() or self._lazy
            while self._answered < asked:
                self._answered += 1
                yield Remembered()
            if self.trouble:
                await self._pause(RETRY_S)
                self._changed.set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when something urgent has to be kept."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._urgent:
                    await self._changed.wait()
                    self._changed.clear()

    def _now(self) -> Facts:
        return self._facts | ({"spent": dict(self._counters())} if self._counters else {})

    async def _save(self) -> bool:
        if self._file is None:
            return True
        try:
            await asyncio.to_thread(self._file.save, self._now())
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return False
        self.trouble = ""
        return True
