"""What a guest of the virtual Pi leaves behind for the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BUILD_S = 1200
GUEST_S = 1800  # minutes on a computer with nothing else to do; many on a busy one


@dataclass(frozen=True, slots=True)
class Guest:
    """What a guest left behind.

    Attributes:
        folder: Everything that it wrote.
    """

    folder: Path

    def facts(self, scenario: str) -> dict[str, Any]:
        """What a scenario found out; fails with what went wrong in the guest."""
        path = self.folder / f"{scenario}.json"
        if not path.exists():
            pytest.fail(f"{scenario} was not played; the guest said: {self._last_words()}")
        facts: dict[str, Any] = json.loads(path.read_text())
        if "error" in facts:
            pytest.fail(f"{scenario}: {facts['error']}")
        return facts

    def was_slow(self) -> bool:
        """The box itself complained that its board does not keep up with real time."""
        journals = (path.read_text() for path in self.folder.glob("journal-*.txt"))
        return any("of its speed" in journal or "busy_board" in journal for journal in journals)

    def _last_words(self) -> str:
        logs = [self.folder / name for name in ("console.log", "guest.log")]
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())
