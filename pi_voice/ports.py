"""Every place where another part can be plugged in, on one page.

A **source** is an async iterator. A **sink** is a plain call that returns at once: it queues or
drops; it never blocks, awaits, or raises for a lost device. A **resource** is an async context
manager that owns its threads. Another microphone, board or detector is a class with these
methods, named in the configuration as `driver = "my_module:MyLeds"`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from pi_voice.core.actions import Pattern
from pi_voice.core.events import (
    ButtonEdge,
    LinkEvent,
    MicEvent,
    Remembered,
    SpeakerEvent,
    Surrounding,
)
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioBatch


class Resource(Protocol):
    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Microphone(Resource, Protocol):
    """Hears only while it is open. Starts closed; keeps trying while it is wanted open."""

    def open(self) -> None:
        """Ask for the capture handle; MicOpened or MicLost follows in `events`. Returns at once."""

    def close(self) -> None:
        """Give the handle back and zero what waits; MicClosed follows, and no batch after it."""

    def events(self) -> AsyncIterator[AudioBatch | MicEvent]:
        """Sound and what became of the handle, in order."""


class Speaker(Resource, Protocol):
    """Plays items in the order of their first piece; opens and closes its card by itself.

    Attributes:
        gaps: Times at which the card ran out of sound because the program was late.
    """

    gaps: int

    def prepare(self) -> None:
        """Open the card now, so that the first sound of a reply does not wait for it."""

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue mono samples at the rate of the wire."""

    def end_item(self, item_id: str) -> None:
        """Say that nothing more of the item comes; PlaybackEnded follows when it was heard."""

    def stop(self) -> None:
        """Silence within one device buffer and a 5 ms fade; PlaybackEnded for what was cut."""

    def play_sound(self, pcm: bytes) -> None:
        """Mix a short local sound in, without touching the position of any item.

        Args:
            pcm: Mono samples at the rate of the wire; empty where it is switched off.
        """

    def events(self) -> AsyncIterator[SpeakerEvent]: ...


class Button(Resource, Protocol):
    def events(self) -> AsyncIterator[ButtonEdge]:
        """Raw edges with their times; debouncing is the core's."""


class Leds(Resource, Protocol):
    """A light that fails is reported once in the log and never stops the voice."""

    @property
    def problems(self) -> Sequence[DeviceError]:
        """Why some lights do not work; empty if all do, as far as their last change tells."""

    def show(self, pattern: Pattern) -> None: ...

    def show_mic(self, *, is_open: bool) -> None: ...


class SpeechDetector(Protocol):
    """Decides on 20 ms frames whether somebody is talking; keeps its own memory of the room."""

    def hears_speech(self, pcm: bytes) -> bool:
        """Judge one frame.

        Args:
            pcm: 20 ms, mono, 16 kHz (640 bytes).
        """

    def reset(self) -> None:
        """Sound is missing here: nobody is talking any more, but the room is the same."""


class Link(Resource, Protocol):
    """What the device needs of a realtime service. Reconnects for ever by itself."""

    def send_audio(self, pcm: bytes) -> None:
        """Stream mono samples at the rate of the wire; dropped while there is no session."""

    def send_turn(self, pcm: bytes) -> None:
        """Send a whole turn again; nothing of it is dropped, however slow the uplink."""

    def commit_turn(self) -> None:
        """The audio since the last commit is a turn; ask for a reply."""

    def discard_turn(self) -> None:
        """Forget the audio since the last commit."""

    def forget_sound(self) -> None:
        """Let nothing leave that was handed in and still waits, committed or not."""

    def gate(self, *, muted: bool) -> None:
        """While muted no audio byte reaches the wire, whoever sends it, across reconnects."""

    def cancel_reply(self) -> None:
        """Cancel what runs or was asked for; no ReplyAudio of it is posted after this call."""

    def truncate_reply(self, item_id: str, heard_ms: float) -> None:
        """Tell how much of an item was heard; ignored if it is of an older session."""

    def playback_ended(self, item_id: str, played_ms: float) -> None:
        """Keep the layer's own account of what was heard true."""

    def hang_up(self) -> None:
        """Close the session until `wake_up`; the next one is told what was said."""

    def wake_up(self) -> None:
        """Open a session again, at once."""

    def link_up(self) -> None:
        """The network or the clock changed: do not wait out the pause before the next attempt."""

    def say(self, text: str) -> None:
        """Let the service speak a text; it comes back as a reply."""

    def events(self) -> AsyncIterator[LinkEvent]: ...


class Memory(Resource, Protocol):
    """What outlives a power cut.

    Attributes:
        muted: What was remembered from the last run.
    """

    muted: bool

    def remember(self, muted: bool) -> None:
        """Keep it; Remembered follows when a power cut would not lose it, or it cannot be kept."""

    def events(self) -> AsyncIterator[Remembered]: ...


class Surroundings(Resource, Protocol):
    """Something outside the box that changes and matters; where it cannot be seen it is silent."""

    def events(self) -> AsyncIterator[Surrounding]: ...
