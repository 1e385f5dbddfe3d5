"""A box without a button, or without lights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from pi_voice.bridge import Mailbox
from pi_voice.core.actions import Pattern
from pi_voice.core.events import ButtonEdge
from pi_voice.errors import DeviceError


class _Nothing:
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class NoButton(_Nothing):
    """Implements `ports.Button`; nobody ever presses it."""

    def events(self) -> AsyncIterator[ButtonEdge]:
        return aiter(Mailbox[ButtonEdge](asyncio.get_running_loop()))


class NoLeds(_Nothing):
    """Implements `ports.Leds`; nobody sees them."""

    @property
    def problems(self) -> list[DeviceError]:
        return [DeviceError("light", "is not configured", "Set [leds] driver")]

    def show(self, pattern: Pattern) -> None: ...

    def show_mic(self, *, is_open: bool) -> None: ...
