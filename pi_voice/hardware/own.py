"""Lights that the owner wrote: whatever goes wrong in them never stops the voice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from pi_voice.core.actions import Pattern
from pi_voice.errors import DeviceError
from pi_voice.ports import Resource

logger = logging.getLogger(__name__)


class Owners(Resource, Protocol):
    """What the owner's class must have: all of `ports.Leds` but its problems."""

    def show(self, pattern: Pattern) -> None: ...

    def show_mic(self, *, is_open: bool) -> None: ...


class OwnLeds:
    """Implements `ports.Leds` over the owner's class; the first fault is told, the rest are not.

    The status may work while the light of the microphone does not: each is judged by its own calls.

    Args:
        leds: Made by the owner's class.
        driver: Its name in the configuration, for the message.
    """

    def __init__(self, leds: Owners, driver: str) -> None:
        self._leds = leds
        self._driver = driver
        self._told = False
        self._mic_is_open = False
        self._problems: dict[str, DeviceError] = {}  # by the method that failed

    @property
    def problems(self) -> list[DeviceError]:
        """Why they did not begin, or failed last; lights of the owner's say it by raising."""
        return list(self._problems.values())

    async def __aenter__(self) -> Self:
        try:
            await self._leds.__aenter__()
        except Exception as error:  # noqa: BLE001  # whatever the owner's class does wrong
            self._tell("__aenter__", error)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._leds.__aexit__(kind, error, trace)
        except Exception as fault:  # noqa: BLE001  # whatever the owner's class does wrong
            self._tell("__aexit__", fault)

    def show(self, pattern: Pattern) -> None:
        self._try("show", lambda: self._leds.show(pattern))
        if "show_mic" in self._problems:  # nobody else asks again while the microphone is closed
            self.show_mic(is_open=self._mic_is_open)

    def show_mic(self, *, is_open: bool) -> None:
        self._mic_is_open = is_open
        self._try("show_mic", lambda: self._leds.show_mic(is_open=is_open))

    def _try(self, method: str, change: Callable[[], None]) -> None:
        try:
            change()
            self._problems.pop(method, None)
        except Exception as error:  # noqa: BLE001  # whatever the owner's class does wrong
            self._tell(method, error)

    def _tell(self, method: str, error: Exception) -> None:
        level = logging.DEBUG if self._told else logging.WARNING
        self._told = True
        fact = f"fails ({type(error).__name__}: {error})"
        self._problems[method] = DeviceError(f"[leds] driver = {self._driver!r}", fact, "Mend it")
        logger.log(
            level,
            "[leds] driver = %r failed (%s: %s); mend it; the voice goes on without light",
            self._driver,
            type(error).__name__,
            error,
        )
