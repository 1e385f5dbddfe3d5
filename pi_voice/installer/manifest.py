"""The list of everything that was changed on the machine, so that all of it can be undone."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Manifest:
    """What we made here.

    Attributes:
        made: Files, links and folders, in the order in which they were made.
        user: The user of the service did not exist before.
        groups: Those that did not exist before.
        packages: Those of the distribution that were not installed before.
        versions: Those that are complete.
        current: The one that was seen to run, "" before the first.
        previous: The one to go back to, "" if there is none.
    """

    made: tuple[str, ...] = ()
    user: bool = False
    groups: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    current: str = ""
    previous: str = ""

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read it; an empty one where there is none.

        Raises:
            ValueError: It is damaged.
        """
        try:
            found: object = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        if not isinstance(found, dict):
            raise ValueError("it holds no list")
        # a newer version may have noted more
        known: dict[str, Any] = {name: found[name] for name in cls.__slots__ if name in found}
        lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return replace(cls(), **{**known, **lists})

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        new = path.with_suffix(".new")
        with new.open("w") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
