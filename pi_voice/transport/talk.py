"""What a program can ask of a transport, each call performed before it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pi_voice.transport.contracts import WireEvent
from pi_voice.transport.protocol import RealtimeProtocol

Config = Mapping[str, Any]
Audio = bytes | bytearray | memoryview


class Talk:
    """The calls of both contracts, but those that make and end a connection."""

    def __init__(self, protocol: RealtimeProtocol, perform: Callable[[], None]) -> None:
        self._protocol = protocol
        self._calls = protocol.calls
        self._perform = perform

    @property
    def muted(self) -> bool:
        """Whether sound is kept back; seed: `muted` of both. Survives reconnects."""
        return self._protocol.dialog.uplink.muted

    def send_audio(self, pcm: Audio, *, commit: bool = False) -> bool:
        """Append sound to the user's turn; seed: `sendAudio(audio, {commit})`.

        Args:
            pcm: Samples in the session's input format (16-bit little-endian mono PCM at
                24 kHz, or G.711 at 8 kHz).
            commit: Also end the turn; no reply follows unless the service detects turns.

        Returns:
            False if the sound was dropped: muted, or not connected.
        """
        samples = pcm if isinstance(pcm, bytes) else memoryview(pcm).cast("B")
        if not self._protocol.connected:
            self._protocol.dialog.uplink.drop(len(samples))
            return False
        self._calls.send_audio(samples)
        if commit:
            self._calls.commit_audio()
        self._perform()
        return not self.muted

    def mute(self, muted: bool = True) -> None:
        """Keep sound back from now on, whoever sends it; seeds: `mute(muted)` and `mute()`.

        What was sent of a turn that is not committed is cleared at the service.
        """
        self._calls.mute(muted=muted)
        self._perform()

    def forget_audio(self) -> None:
        """Drop all sound that the network did not take yet, also of turns that were committed."""
        self._calls.forget_audio()
        self._perform()

    def unmute(self) -> None:
        """Let sound through again; seed: kernl's `unmute()`."""
        self.mute(False)

    # -- calls

    def send_event(self, event: WireEvent) -> None:
        """Send any client event of the wire; seed: `sendEvent(event)`."""
        self._calls.send_event(event)
        self._perform()

    def send(self, event: Mapping[str, Any]) -> bool:
        """Send one of kernl's client events; seed: kernl's `send(event)`.

        Returns:
            False if sound was dropped, as in `send_audio`.
        """
        if event.get("kind") == "audio.input.append" and not self._calls.accepts_audio(
            event.get("audio"), connected=self._protocol.connected
        ):
            return False
        self._calls.send_neutral(event)
        self._perform()
        return True

    def request_response(self, response: Config | None = None) -> None:
        """Ask for a reply, after the one that runs; seed: `requestResponse(response)`.

        Args:
            response: What this reply shall do otherwise; such a request is never merged.
        """
        self._calls.request_response(response)
        self._perform()

    def send_message(
        self,
        message: str | Mapping[str, Any],
        other_event_data: Mapping[str, Any] | None = None,
        *,
        trigger_response: bool = True,
    ) -> None:
        """Say something as the user; seed: `sendMessage(message, otherEventData, options)`.

        Args:
            message: Text, or a message with parts of text and images.
            other_event_data: Laid over the event at its top level.
            trigger_response: Ask for a reply.
        """
        self._calls.send_message(message, other_event_data, trigger=trigger_response)
        self._perform()

    def add_image(self, data_url: str, *, trigger_response: bool = True) -> None:
        """Show a PNG or JPEG as data URI, 1 MiB at most; seed: `addImage(image, options)`."""
        self._calls.add_image(data_url, trigger=trigger_response)
        self._perform()

    def update_session_config(self, config: Config) -> None:
        """Change the session by what differs; seed: `updateSessionConfig(config)`.

        Args:
            config: As `initial_session_config` of `connect`, laid over what was asked for so far.
        """
        self._calls.update_session_config(config)
        self._perform()

    def send_function_call_output(
        self, tool_call: Any, output: str, start_response: bool = True
    ) -> None:
        """Answer a `function_call`; seed: `sendFunctionCallOutput(toolCall, output, start)`.

        An output of a session that is gone is dropped; one that comes after an interruption is
        sent, but starts no reply.

        Args:
            tool_call: As received, or a mapping with its `call_id` and `id`.
            output: Free text, often JSON.
            start_response: Ask for a reply.
        """
        self._calls.send_function_call_output(tool_call, output, respond=start_response)
        self._perform()

    def send_mcp_response(
        self, approval_request: Any, approved: bool, reason: str | None = None
    ) -> None:
        """Answer an `mcp_approval_request`; seed: `sendMcpResponse(request, approved, reason)`."""
        self._calls.send_mcp_response(approval_request, approved, reason)
        self._perform()

    def reset_history(self, old: Iterable[Any], new: Iterable[Any]) -> None:
        """Turn one history into the other; seed: `resetHistory(old, new)`.

        Sound becomes its transcript. Our own account changes when the service confirms.

        Args:
            old: Items as in `item_update`, or mappings with the same keys.
            new: The same.
        """
        self._calls.reset_history(old, new)
        self._perform()

    def interrupt(self, cancel_ongoing_response: bool = True) -> None:
        """End what is heard and generated, and tell how much was heard; seed: both's `interrupt`.

        `audio_interrupted` first: the speaker must stop. From then on no sound of these replies
        reaches a listener. Then `response.cancel`, one truncation for each part that was not
        heard to its end, and `interrupted`.

        Args:
            cancel_ongoing_response: False leaves the service generating, unheard.
        """
        self._protocol.interrupt(cancel=cancel_ongoing_response)
        self._perform()

    def cancel_response(self) -> bool:
        """End the reply that runs or was asked for, and truncate nothing yet.

        For a speaker that reports its position only after it stopped: call `truncate` then. No
        sound of the reply reaches a listener from now on.

        Returns:
            True if there was a reply.
        """
        cancelled = self._protocol.connected and self._protocol.dialog.cancel()
        self._perform()
        return cancelled

    def truncate(self, item_id: str, content_index: int, audio_end_ms: float) -> bool:
        """Tell the service how much of a part was heard.

        Args:
            item_id: As in the `audio` event.
            content_index: As in the `audio` event.
            audio_end_ms: What left the speaker; clamped to what was received, rounded down.

        Returns:
            False if there was nothing to tell: heard to its end, or of another session.
        """
        told = self._protocol.connected and self._protocol.dialog.truncate(
            item_id, content_index, audio_end_ms
        )
        self._perform()
        return told
