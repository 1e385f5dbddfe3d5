"""One conversation on the wire: what both directions share, and every way to end a reply."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from pi_voice.transport.cut_replies import CutReplies
from pi_voice.transport.effects import Effect, Emit, ForgetAudio, Send, StartGuard
from pi_voice.transport.heard import PlaybackTracker, Position
from pi_voice.transport.history import History
from pi_voice.transport.messages import AudioMark
from pi_voice.transport.responses import GUARD_S, Responses
from pi_voice.transport.session import Session
from pi_voice.transport.tool_calls import ToolCalls
from pi_voice.transport.uplink import Uplink
from pi_voice.transport.wire import copied, encode

__all__ = ["Dialog", "Effect", "Emit", "ForgetAudio", "Options", "Send", "StartGuard"]

Json = dict[str, Any]


class Options(Struct, frozen=True):
    """What the service can do and the program wants.

    Attributes:
        can_cancel: The service knows `response.cancel`.
        can_truncate: The service knows `conversation.item.truncate`.
        retrieve_items: Fetch items again after transcription and truncation, sound included.
        activity_turns: In push-to-talk sessions, kernl's activity events start and end turns.
    """

    can_cancel: bool = True
    can_truncate: bool = True
    retrieve_items: bool = False
    activity_turns: bool = False


class Dialog:
    """State of one conversation, and the effects that are to be performed, in order.

    Attributes:
        effects: Emissions and wire messages that the shell has to perform, oldest first.
        interrupt_on_speech: Whether speech of the user ends what is heard; None follows the
            session's `interrupt_response`.
        hidden: Takes the key out of what the service says, before it is told or logged.
    """

    def __init__(self, wants: Callable[[str], bool], options: Options) -> None:
        self.wants = wants
        self.options = options
        self.effects: deque[Effect] = deque()
        self.interrupt_on_speech: bool | None = None
        self.hidden: Callable[[str], str] = str
        self.session = Session()
        self.responses = Responses()
        self.heard = PlaybackTracker()
        self.history = History()
        self.calls = ToolCalls()
        self.uplink = Uplink()
        self._cut = CutReplies()
        self._guarded_epoch = -1
        self._alive = False

    # -- out

    def emit(self, name: str, *args: Any) -> None:
        """Tell listeners, if there are any; an error is told to the log at least."""
        if self.wants(name) or name == "error":
            self.effects.append(Emit(name, args))

    def emit_sound(self, name: str, payload: Any, reply: tuple[str | None, str]) -> None:
        """Tell listeners, unless the reply is cut before they are reached."""
        if self.wants(name):
            self.effects.append(Emit(name, (payload,), reply))

    def send(self, event: Mapping[str, Any]) -> None:
        """Put an event on the wire, without sound while muted."""
        passed = self.uplink.passed(event)
        if passed is not None:
            self.effects.append(Send(encode(passed)))

    def request(self, event: Json, *, manual: bool) -> None:
        """Ask for a reply, now or when the active one ended; TypeError as `copied`."""
        event = copied(event)
        if _outside(event):
            self.send(self.responses.named(event))
            return
        self.responses.request(event, manual=manual)
        self.settle()

    def settle(self) -> None:
        """Send the create that may go out now, and have the silence of the service guarded."""
        create = self.responses.next_create()
        if create is not None:
            self.send(create)
        if self.responses.stalled and self.responses.epoch != self._guarded_epoch:
            self._guarded_epoch = self.responses.epoch
            self.effects.append(StartGuard(GUARD_S))

    def guard(self) -> bool:
        """The service was silent for `GUARD_S`; True if something had to be given up."""
        if not self.responses.stalled:
            return False
        stuck = not self._alive
        self._alive = False
        if stuck:
            self.responses.release()
        self._guarded_epoch = -1
        self.settle()
        return stuck

    def touch(self, response_id: Any) -> None:
        """The service works on a reply: the guard must not lose patience."""
        if self.responses.ongoing and response_id == self.responses.active_id:
            self._alive = True

    # -- the end of a reply

    def is_cut(self, response_id: str | None, item_id: str) -> bool:
        """Whether the sound of a reply must not be heard any more."""
        if response_id is None:
            response_id = self.responses.active_id
        return response_id in self._cut or item_id in self._cut

    @property
    def is_heard(self) -> bool:
        """Something of a reply is still to be played, as far as the speaker tells."""
        parts = self.heard.position() if self.heard.is_reported else []
        return not all(self.is_cut(part.response_id, part.item_id) for part in parts)

    def interrupt(self, *, cancel: bool, speech: bool = False) -> None:
        """End everything that is heard or about to be: locally first, then on the wire.

        Args:
            cancel: The service must be told to stop generating.
            speech: The service heard the user and cancels by itself what it generates.
        """
        parts = self.heard.position()
        begun = self._cut_active() if speech else self._cut_all(cancel=cancel)
        cancellable = cancel and self._can_cancel()
        if not (parts or begun or cancellable):
            return
        for part in parts:
            self._cut_part(part)
        self.heard.clear()
        self.calls.interrupt()
        head = AudioMark(parts[0].item_id, parts[0].content_index) if parts else AudioMark(None)
        self.emit("audio_interrupted", head)
        if cancel:
            self._send_cancels(parts)
        for part in parts:
            self._truncate(part, part.played_ms)
        self.emit("interrupted")

    def cancel(self) -> bool:
        """End the reply that is generated or asked for; what was received of it stays known.

        Returns:
            True if there was one.
        """
        begun = self._cut_all(cancel=True)
        cancelled = self._can_cancel()
        self.calls.interrupt()
        self._send_cancels([part for part in self.heard.position() if not part.complete])
        return begun or cancelled

    def cancel_raw(self, event: Mapping[str, Any]) -> None:
        """The program sends its own `response.cancel`."""
        named = event.get("response_id")
        if named is None or named == self.responses.active_id:
            self._cut_active()
            self.responses.cancel()
        elif isinstance(named, str):
            self._cut.add(named)
        self.send(event)
        self.settle()

    def truncate(self, item_id: str, content_index: int, heard_ms: float) -> bool:
        """Tell the service how much of a part was heard; True if it had to be told."""
        part = self.heard.find(item_id, content_index)
        if part is None:
            return False
        self.heard.played_until(item_id, content_index, heard_ms)
        self.heard.forget(item_id, content_index)
        if part.complete and heard_ms >= part.received_ms:
            return False
        self._cut.add(item_id)
        return self._truncate(part, min(max(heard_ms, 0.0), part.received_ms))

    def began(self, response_id: str | None, *, outside: bool) -> None:
        """The service began a reply."""
        self._cut.began(response_id)
        request = self.responses.created(response_id, outside=outside)
        if request is not None and request.silenced:
            self._cut.add(response_id)
        if request is not None and request.cancelled:
            self._send_cancel()
        self._alive = False
        self.settle()

    def ended(self, response_id: str | None) -> None:
        """The service ended a reply."""
        if response_id is None:
            response_id = self.responses.active_id
        self.heard.response_done(response_id)
        self.responses.done(response_id)
        self._cut.ended(response_id)
        self.settle()

    def forget(self) -> None:
        """The connection is gone; nothing that waits may appear on the next one."""
        waiting = [effect for effect in self.effects if isinstance(effect, Emit)]
        self.effects.clear()
        self.effects.extend(waiting)
        self.responses.reset()
        self.heard.clear()
        self.calls.reset()
        self.uplink.reset()
        self.session.forget()
        self._cut.clear()
        self._alive = False

    def _can_cancel(self) -> bool:
        return self.options.can_cancel and self.responses.ongoing and not self.responses.cancelling

    def _cut_all(self, *, cancel: bool) -> bool:
        """Cut the active reply and the one that was asked for; True if that changed anything."""
        awaited = self.responses.silence_sent(cancel=cancel)
        return self._cut_active() or awaited

    def _cut_active(self) -> bool:
        if not self.responses.ongoing or self.responses.active_id in self._cut:
            return False
        self._cut.add(self.responses.active_id)
        return True

    def _cut_part(self, part: Position) -> None:
        self._cut.add(part.item_id)
        if part.response_id is not None:
            self._cut.add(part.response_id)

    def _send_cancels(self, parts: list[Position]) -> None:
        """Cancel the active reply, and replies beside the conversation that are heard."""
        if not self.options.can_cancel:
            return
        active = self.responses.active_id
        beside = {part.response_id: None for part in parts if not part.complete}
        for response_id in beside:
            if response_id is not None and response_id != active:
                self.send({"type": "response.cancel", "response_id": response_id})
        self._send_cancel()

    def _send_cancel(self) -> None:
        if self._can_cancel():
            named = self.responses.active_id
            self.send(
                {"type": "response.cancel", **({} if named is None else {"response_id": named})}
            )
            self.responses.cancel()
            self.settle()

    def _truncate(self, part: Position, heard_ms: float) -> bool:
        share = heard_ms / part.received_ms if part.received_ms else 0.0
        message = self.history.cut(part.item_id, part.content_index, share)
        if message is not None:
            self.emit("item_update", message)
        if not self.options.can_truncate or self.responses.is_outside(part.response_id):
            return False
        self.send(
            {
                "type": "conversation.item.truncate",
                "item_id": part.item_id,
                "content_index": part.content_index,
                "audio_end_ms": int(heard_ms),
            }
        )
        return True


def _outside(event: Mapping[str, Any]) -> bool:
    """A reply that does not write to the conversation waits for nobody."""
    response = event.get("response")
    return isinstance(response, Mapping) and response.get("conversation") == "none"
