"""Two kinds of lights in one box: a strip for the status, and a pin for the microphone."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from pi_voice.core.actions import Pattern
from pi_voice.errors import DeviceError
from pi_voice.ports import Leds


class BothLeds:
    """Implements `ports.Leds` over several boards, which fail each for itself."""

    def __init__(self, *boards: Leds) -> None:
        self._boards = boards
        self._stack = AsyncExitStack()

    @property
    def problems(self) -> list[DeviceError]:
        """Why some lights do not work; empty if all do."""
        return [problem for board in self._boards for problem in board.problems]

    async def __aenter__(self) -> Self:
        for board in self._boards:
            await self._stack.enter_async_context(board)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def show(self, pattern: Pattern) -> None:
        for board in self._boards:
            board.show(pattern)

    def show_mic(self, *, is_open: bool) -> None:
        for board in self._boards:
            board.show_mic(is_open=is_open)
