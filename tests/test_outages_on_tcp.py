"""Devices behind a proxy that breaks, over the TCP of this machine and in real time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pi_voice.core.events import LinkUp
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.link_room import SPEECH, Room
from tests.loopback import raw_service
from tests.until import until


class BadWay:
    """Passes bytes on, until it swallows them, or cuts everybody off."""

    def __init__(self) -> None:
        self.refuses = False
        self._swallowed = 0
        self._ends: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def to(self, service: EmbeddedService) -> AsyncIterator[str]:
        port = int(service.url.rpartition(":")[2].partition("/")[0])

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.refuses:
                writer.transport.abort()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            self._ends |= {writer, far_writer}
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer))
                both.create_task(self._pass_on(far_reader, writer))
            self._ends -= {writer, far_writer}

        async with raw_service(talk) as own_port:
            yield f"ws://127.0.0.1:{own_port}/v1/realtime"

    def cut(self) -> None:
        self.refuses = True
        for writer in self._ends:
            writer.transport.abort()

    def black_hole(self) -> None:
        """Swallow what those say who are connected, for ever, and let nobody in."""
        self.refuses = True
        self._swallowed += 1

    def heal(self) -> None:
        self.refuses = False

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        born = self._swallowed
        try:
            while data := await reader.read(65_536):
                if born == self._swallowed:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()


async def talk(rooms: list[Room], for_s: float) -> None:
    """Half of the devices stream while the network is away."""
    for _ in range(int(for_s * 10)):
        for here in rooms[::2]:
            here.link.send_audio(SPEECH[:4800])
        await asyncio.sleep(0.1)


async def recoveries(
    devices: int, cuts: int, *, away_s: float, seed: int, holes: bool = True
) -> list[float]:
    """How long each device took to have a session again after the way was free."""
    dice = random.Random(seed)
    took_s: list[float] = []
    loop = asyncio.get_running_loop()
    way = BadWay()
    async with EmbeddedService() as service, way.to(service) as url, AsyncExitStack() as stack:
        rooms = [Room(ServiceLink(LinkSettings(url)), service) for _ in range(devices)]
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for here in rooms:
            await stack.enter_async_context(here.link)
        listening = [tasks.create_task(here.listen()) for here in rooms]
        for cut in range(cuts):
            await until(lambda: all(here.all(LinkUp) for here in rooms))
            ups = [len(here.all(LinkUp)) for here in rooms]
            (way.black_hole if holes and cut % 2 else way.cut)()
            await talk(rooms, away_s * dice.uniform(1, 1.5))
            way.heal()
            healed_s = loop.time()

            async def is_back(here: Room, ups: int, since_s: float = healed_s) -> None:
                here.link.link_up()
                await here.tells(LinkUp, nth=ups + 1)
                took_s.append(loop.time() - since_s)

            await asyncio.gather(*map(is_back, rooms, ups))
        for task in listening:
            task.cancel()
    return sorted(took_s)


async def test_devices_behind_a_proxy_that_resets_come_back() -> None:
    assert len(await recoveries(3, 2, away_s=0.3, seed=1, holes=False)) == 6


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_five_hundred_cuts_of_real_connections_are_survived() -> None:
    took_s = await recoveries(25, 20, away_s=6.0, seed=2)
    assert len(took_s) == 500
    assert took_s[250] <= 1
    assert took_s[475] <= 3
    assert took_s[-1] <= 10
