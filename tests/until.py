"""Wait for a fact, never for a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable

POLL_S = 0.005  # quick enough for a person's patience, rare enough to leave the loop alone
DEADLINE_S = 30.0  # a slow machine gets there; a fact that never comes is reported


async def until(fact: Callable[[], object], *, within_s: float = DEADLINE_S) -> None:
    """Return when `fact()` is true; looks every 5 ms of the loop's clock.

    Raises:
        AssertionError: It did not become true; the message is the line that waits.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while not fact():
        if loop.time() >= deadline_s:
            raise AssertionError(f"not true within {within_s:g} s: {_source(fact)}")
        await asyncio.sleep(POLL_S)


def _source(fact: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(fact).split())
    except (OSError, TypeError):
        return repr(fact)
