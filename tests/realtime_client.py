"""A plain WebSocket client of the Realtime protocol that holds every event against its type."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from pi_voice.sim.service_wire import Wire
from tests.stage import base64_text
from tests.wire_truth import check_client_event, check_server_event

PATIENCE_S = 30.0  # a test that waits longer has failed


class RealtimeClient:
    """One connection.

    Attributes:
        connection: For what a proper client would not do.
        events: All that was received so far.
    """

    def __init__(self, connection: ClientConnection, *, checked: bool) -> None:
        self.connection = connection
        self.events: list[Wire] = []
        self._checked = checked

    async def send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, **fields}
        check_client_event(event)
        await self.connection.send(json.dumps(event))

    async def receive(self) -> Wire:
        async with asyncio.timeout(PATIENCE_S):
            event: Wire = json.loads(await self.connection.recv())
        if self._checked:
            check_server_event(event)
        self.events.append(event)
        return event

    async def until(self, kind: str) -> Wire:
        """Receive up to the next event of this type."""
        while True:
            event = await self.receive()
            if event["type"] == kind:
                return event

    async def configure(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime", **session})
        await self.until("session.updated")

    async def push_to_talk(self) -> None:
        await self.configure(audio={"input": {"turn_detection": None}})

    async def turn(self, pcm: bytes) -> None:
        """Say something, end the turn and ask for a reply."""
        await self.send("input_audio_buffer.append", audio=base64_text(pcm))
        await self.send("input_audio_buffer.commit")
        await self.send("response.create")


@asynccontextmanager
async def client(
    url: str, *, checked: bool = True, **options: Any
) -> AsyncIterator[RealtimeClient]:
    """Connect; `checked=False` is for a service that misbehaves on purpose."""
    async with connect(url, compression=None, proxy=None, **options) as connection:
        yield RealtimeClient(connection, checked=checked)
