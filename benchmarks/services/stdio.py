"""How a service talks with whoever started it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any


async def answer(url: str, questions: Mapping[str, Callable[[], Any]]) -> None:
    """Tell the address, then answer questions in JSON until stdin closes."""
    _say(url)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        _say(questions[line.decode().strip()]())
    pipe.close()


def _say(what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()
