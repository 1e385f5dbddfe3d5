"""What a dialog asks of its shell: it has no socket, no listener and no clock of its own."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Emit(Struct, frozen=True):
    """Call the listeners of an event.

    Attributes:
        name: The event.
        args: What they receive.
        reply: The response and item whose sound this is: not for listeners once it was cut.
    """

    name: str
    args: tuple[Any, ...] = ()
    reply: tuple[str | None, str] | None = None


class Send(Struct, frozen=True):
    """Put a text frame on the wire.

    Attributes:
        data: UTF-8 JSON.
        audio_ms: How much of the user's sound it carries; such frames may be dropped when late.
    """

    data: bytes
    audio_ms: float = 0.0


class StartGuard(Struct, frozen=True):
    """Call `guard` after this time; a guard that runs starts again."""

    after_s: float


class ForgetAudio(Struct, frozen=True):
    """Drop the sound that was sent last, as far as it has not left: the user muted.

    Attributes:
        newest_ms: How much of it.
    """

    newest_ms: float


Effect = Emit | Send | StartGuard | ForgetAudio
