"""What the service hears of the user, for the device, where the service finds the turns."""

from __future__ import annotations

from collections.abc import Callable

from pi_voice.core.events import LinkEvent, SpeechStarted, SpeechStopped
from pi_voice.transport.downlink import Downlink
from pi_voice.transport.layer import WebSocketTransport


class Hearing:
    """Tells each turn of the user once, in order with the replies around it.

    A reply is cut here, when the service says that the user talks, and not when the device hears
    of it: after a stall of the network the next reply may have begun by then.
    """

    def __init__(
        self,
        transport: WebSocketTransport,
        downlink: Downlink,
        *,
        forget: Callable[[], None],
        post: Callable[[LinkEvent], None],
    ) -> None:
        """Listen to the transport.

        Args:
            transport: Where the service tells what it hears.
            downlink: Knows which replies are wanted.
            forget: Called when nothing that was told of a reply holds any more.
            post: Takes the events.
        """
        self._downlink = downlink
        self._forget = forget
        self._post = post
        self._talks = False
        transport.interrupt_on_speech = False  # the device does it, and knows what was heard
        transport.on("input_audio_buffer.speech_started", self._on_started)
        transport.on("input_audio_buffer.speech_stopped", self._on_stopped)
        transport.on("input_audio_buffer.committed", self._on_stopped)  # some tell only this
        transport.on("input_audio_buffer.cleared", self._on_cleared)
        transport.on("session.created", self._on_cleared)

    def _on_started(self, _: object) -> None:
        self._talks = True
        self._downlink.spoken_over()
        self._forget()
        self._post(SpeechStarted())

    def _on_stopped(self, _: object) -> None:
        if self._talks:
            self._talks = False
            self._post(SpeechStopped())
            self._downlink.expect()

    def _on_cleared(self, _: object) -> None:
        """What was said until now makes no turn."""
        self._talks = False
