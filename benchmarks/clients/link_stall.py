"""Talks to a service, or is silent, until the link was lost and is there again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable

from benchmarks.clients.pace import job, noise, tell, ticks
from benchmarks.usage import resident_mb
from pi_voice.core.events import LinkDown, LinkUp
from pi_voice.transport.link import LinkSettings, ServiceLink

BATCH_MS = 40
WEIGH_MS = 100


async def talk(send: Callable[[bytes], None]) -> None:
    batch = noise(BATCH_MS)
    async for _ in ticks(BATCH_MS):
        send(batch)


async def weigh(weights: list[tuple[float, float]]) -> None:
    async for now_s in ticks(WEIGH_MS):
        weights.append((now_s, resident_mb(os.getpid())))


async def follow(link: ServiceLink, up_s: list[float], down_s: list[float]) -> None:
    """Note when the link comes and goes; ends with the second session."""
    loop = asyncio.get_running_loop()
    async for event in link.events():
        if isinstance(event, LinkDown):
            down_s.append(loop.time())
        elif isinstance(event, LinkUp):
            up_s.append(loop.time())
            if len(up_s) == 2:
                return


async def main(url: str, talking: bool, for_s: float) -> None:
    logging.getLogger("pi_voice").setLevel(logging.CRITICAL)  # the loss is expected
    up_s: list[float] = []
    down_s: list[float] = []
    weights: list[tuple[float, float]] = []
    async with ServiceLink(LinkSettings(url)) as link:
        tasks = [asyncio.create_task(weigh(weights))]
        if talking:
            tasks.append(asyncio.create_task(talk(link.send_audio)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await follow(link, up_s, down_s)
        for task in tasks:
            task.cancel()
    tell({"up_s": up_s, "down_s": down_s, "rss_mb": weights})


if __name__ == "__main__":
    asyncio.run(main(**job()))
