"""A link, its service, and everything that the link told; on simulated time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pi_voice.core.events import LinkEvent, LinkUp, ReplyAudio, ReplyStarted
from pi_voice.retry import Pace
from pi_voice.sim.faults import Script
from pi_voice.sim.server import EmbeddedService
from pi_voice.sim.service_session import ServiceSession
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.stage import tone

FRAME_BYTES = 960
WAIT_S = 6 * 3600.0  # of simulated time: longer than any pace
SPEECH = tone(1000)

E = TypeVar("E", bound=LinkEvent)


class Room:
    """A link, its service, and everything that the link told."""

    def __init__(self, link: ServiceLink, service: EmbeddedService) -> None:
        self.link = link
        self.service = service
        self.told: list[LinkEvent] = []
        self._news = asyncio.Event()

    @property
    def session(self) -> ServiceSession:
        return self.service.sessions[-1]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    async def tells(self, kind: type[E], *, nth: int = 1) -> E:
        async with asyncio.timeout(WAIT_S):
            while len(self.all(kind)) < nth:
                self._news.clear()
                await self._news.wait()
        return self.all(kind)[nth - 1]

    async def listen(self) -> None:
        async for event in self.link.events():
            self.told.append(event)
            self._news.set()

    def speak(self, pcm: bytes = SPEECH) -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            self.link.send_audio(pcm[start : start + FRAME_BYTES])

    async def ask(self, pcm: bytes = SPEECH) -> ReplyStarted:
        """Say something and wait until the reply begins."""
        before = len(self.all(ReplyStarted))
        self.speak(pcm)
        self.link.commit_turn()
        return await self.tells(ReplyStarted, nth=before + 1)

    def heard(self) -> bytes:
        return b"".join(event.pcm for event in self.all(ReplyAudio))

    def received(self, kind: str) -> list[dict[str, Any]]:
        events = itertools.chain.from_iterable(s.received for s in self.service.sessions)
        return [event for event in events if event["type"] == kind]


@asynccontextmanager
async def room(script: Script | None = None, **wishes: Any) -> AsyncIterator[Room]:
    async with EmbeddedService(script=script) as service:
        settings = replace(LinkSettings(service.url), **wishes)
        link = ServiceLink(settings, pace=Pace(lambda: 0.5))
        here = Room(link, service)
        async with link, asyncio.TaskGroup() as group:
            listening = group.create_task(here.listen())
            yield here
            listening.cancel()


@asynccontextmanager
async def connected(script: Script | None = None, **wishes: Any) -> AsyncIterator[Room]:
    async with room(script, **wishes) as here:
        await here.tells(LinkUp)
        yield here


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let everything happen that is due within a second."""
    await asyncio.sleep(1)
