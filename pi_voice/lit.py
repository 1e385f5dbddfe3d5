"""A microphone that is never open in the dark: it hears only while a light can show it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

from pi_voice.bridge import Mailbox
from pi_voice.core.events import MicClosed, MicEvent, MicLost
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioBatch
from pi_voice.ports import Microphone

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # between looks at lights that do not work; they are tried as often


class LitMicrophone:
    """Implements `ports.Microphone` over another, for `[privacy] led_required`.

    While a light does not work, MicLost comes in place of MicOpened, and it looks again and again.
    A light that fails while the microphone is open is seen at the next batch, which nobody gets.

    Args:
        microphone: The real one.
        problems: Of the lights; empty while all of them work.
    """

    def __init__(
        self, microphone: Microphone, problems: Callable[[], Sequence[DeviceError]]
    ) -> None:
        self._microphone = microphone
        self._problems = problems
        self._asked = False  # the microphone was asked to open, and not to close since
        self._withdrawn = ""  # why it was closed over the head of who wants it; MicClosed is due
        self._told = ""
        self._look_again: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await self._microphone.__aenter__()
        self._mailbox: Mailbox[AudioBatch | MicEvent] = Mailbox(loop, may_drop=_is_sound)
        self._pump = loop.create_task(self._listen(), name="lit microphone")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._microphone.__aexit__(kind, error, trace)
        self._pump.cancel()
        await asyncio.wait((self._pump,))
        self._stop_looking()

    def open(self) -> None:
        self._look()

    def close(self) -> None:
        self._told = ""
        self._stop_looking()
        self._mailbox.clear()
        if self._asked:
            self._microphone.close()
        elif not self._withdrawn:
            self._mailbox.post(MicClosed())
        self._asked, self._withdrawn = False, ""  # the MicClosed that is due answers this, too

    async def events(self) -> AsyncIterator[AudioBatch | MicEvent]:
        async for item in self._mailbox:
            yield item
        await asyncio.wait((self._pump,))
        if not self._pump.cancelled():
            self._pump.result()  # raises its fault, if it had one

    async def _listen(self) -> None:
        try:
            async for heard in self._microphone.events():
                if isinstance(heard, MicClosed) and self._withdrawn:
                    self._tell(self._withdrawn)
                    self._withdrawn = ""
                elif isinstance(heard, AudioBatch) and (reason := self._darkness()):
                    self._withdraw(reason)
                else:
                    self._mailbox.post(heard)
        finally:
            self._mailbox.close()

    def _darkness(self) -> str:
        """Why it may not be open; "" if it may."""
        problem = next(iter(self._problems()), None)
        if problem is None:
            return ""
        return f"the microphone stays closed: {problem}, or set [privacy] led_required = false"

    def _withdraw(self, reason: str) -> None:
        if self._asked:
            self._asked = False
            self._withdrawn = reason
            self._mailbox.clear()
            self._microphone.close()
            self._look_later()

    def _look(self) -> None:
        if self._withdrawn:  # the handle is not given back yet
            self._look_later()
        elif reason := self._darkness():
            self._look_later()
            self._tell(reason)
        elif not self._asked:
            self._asked, self._told = True, ""
            self._microphone.open()

    def _look_later(self) -> None:
        self._stop_looking()
        self._look_again = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _stop_looking(self) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            logger.warning("%s", reason)
            self._mailbox.post(MicLost(reason))


def _is_sound(item: AudioBatch | MicEvent) -> bool:
    return isinstance(item, AudioBatch)
