"""Who hears what microphones and speakers say, so that tests can wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine

from pi_voice.core.events import MicEvent, MicLost, SpeakerEvent, SpeakerLost, SpeakerOpened
from pi_voice.frames import AudioBatch
from pi_voice.ports import Microphone, Speaker
from tests.until import until


class Ear:
    """Collects what a microphone says."""

    def __init__(self, microphone: Microphone) -> None:
        self.heard: list[AudioBatch | MicEvent] = []
        self.events: list[MicEvent] = []
        self.batches: list[AudioBatch] = []
        self._microphone = microphone

    async def listen(self) -> None:
        async for heard in self._microphone.events():
            self.heard.append(heard)
            if isinstance(heard, AudioBatch):
                self.batches.append(heard)
            else:
                self.events.append(heard)

    @property
    def pcm(self) -> bytes:
        return b"".join(batch.pcm for batch in self.batches)

    def kinds(self) -> list[type[MicEvent]]:
        return [type(event) for event in self.events]

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, MicLost)]

    async def silence(self, samples: int) -> None:
        """Return when a sound was followed by so many samples of silence."""
        await until(lambda: any(self.pcm) and not any(self.pcm[-2 * samples :]))


class Mouth:
    """Collects what a speaker reports.

    Attributes:
        events: All but the openings of the card.
        openings: How many there were.
    """

    def __init__(self, speaker: Speaker) -> None:
        self.events: list[SpeakerEvent] = []
        self.openings = 0
        self._speaker = speaker

    async def listen(self) -> None:
        async for event in self._speaker.events():
            if isinstance(event, SpeakerOpened):
                self.openings += 1
            else:
                self.events.append(event)

    def kinds(self) -> list[type[SpeakerEvent]]:
        return [type(event) for event in self.events]

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, SpeakerLost)]


@contextlib.asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Do something beside the test, until the test is done."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
