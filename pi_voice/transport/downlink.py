"""Replies on their way to the device: only those it wants, in its own words."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.core.events import (
    LinkEvent,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
    TurnRefused,
    Used,
)
from pi_voice.frames import SAMPLE_BYTES
from pi_voice.g711 import G711
from pi_voice.retry import classify
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.losses import FINAL
from pi_voice.transport.messages import (
    AudioEvent,
    AudioMark,
    FunctionCall,
    TurnDone,
    TurnStarted,
)
from pi_voice.transport.trouble import Trouble
from pi_voice.transport.usage import used
from pi_voice.transport.wanted import TURN, Wanted

logger = logging.getLogger(__name__)

CREATE_ID = "pv_turn_"
SAY_ID = "pv_say_"
SAY = "Say the following text, word for word and in its language, and nothing else:\n\n"
MOST_SAYINGS = 8  # that wait; the oldest is the least worth saying
COMMIT_EMPTY = "input_audio_buffer_commit_empty"
NO_TOOL = json.dumps({"error": "this device cannot do that"})


class Downlink:
    """Turns what the transport tells of replies into events for the device."""

    def __init__(
        self,
        transport: WebSocketTransport,
        coder: G711 | None,
        *,
        post: Callable[[LinkEvent], None],
        abandon: Callable[[Trouble], None],
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        """Listen to the transport.

        Args:
            transport: Where replies come from.
            coder: None for PCM.
            post: Takes the events.
            abandon: Ends a session that can never reply.
            asked: Called whenever a reply was asked for.
        """
        self._transport = transport
        self._coder = coder
        self._post = post
        self._abandon = abandon
        self._asked = asked
        self._wanted = Wanted()
        self._reply_of: dict[str, str] = {}
        self._halves: dict[str, bytes] = {}
        self._owed: set[str] = set()
        self._sayings: deque[str] = deque(maxlen=MOST_SAYINGS)
        self._is_open = False
        transport.on("turn_started", self._on_turn_started)
        transport.on("audio", self._on_audio)
        transport.on("audio_done", self._on_audio_done)
        transport.on("turn_done", self._on_turn_done)
        transport.on("function_call", self._on_function_call)

    def ask(self, turn: int | None = None) -> None:
        """Ask for a reply; the number of the turn comes back with it, however late that is."""
        turn = self._wanted.ask(turn)
        response = {"metadata": {TURN: str(turn)}}
        self._create(f"{CREATE_ID}{turn}", response)

    def expect(self) -> None:
        """The service will reply unasked: it found a turn of the user."""
        self._wanted.ask()
        self._asked()

    def spoken_over(self) -> None:
        """The service hears the user: it ends every reply itself, and none of them is wanted."""
        self._sayings.clear()
        self._wanted.spoken_over()

    def say(self, text: str) -> None:
        """Let the service speak a text, now or when the reply that runs is over.

        It is no part of the conversation: the model neither sees what was said before, nor takes
        the text for its own words later.
        """
        self._sayings.append(text)
        self._say_next()

    def open(self) -> None:
        """There is a session."""
        self._is_open = True
        self._say_next()

    def wants(self, reply_id: str) -> bool:
        """Whether the device waits for what comes of a reply."""
        return self._wanted.wants(reply_id)

    def cancel(self) -> None:
        """Nothing that runs or was asked for is wanted any more."""
        self._sayings.clear()
        self._wanted.cancel()
        self._transport.cancel_response()

    def give_up(self, reply_id: str | None, reason: str) -> None:
        """Cancel what does not go on, and tell the device that it failed.

        Args:
            reply_id: The reply; None if it has not begun.
            reason: One sentence.
        """
        self.cancel()
        if reply_id is None:
            self._post(TurnRefused(reason))
        else:
            self._post(ReplyEnded(reply_id, "failed", reason))

    def refused(self, fault: TransportError) -> bool:
        """The service refused something; True if it was a reply that was asked for."""
        event_id = fault.event_id or ""
        number = event_id.removeprefix(CREATE_ID).removeprefix(SAY_ID)
        if fault.code == COMMIT_EMPTY:
            self.cancel()
            self._post(TurnRefused(fault.message))
            return True
        if number.isdecimal() and self._wanted.refused(int(number)):
            if event_id.startswith(CREATE_ID):
                self._post(TurnRefused(fault.message))
            self._say_next()
            return True
        return False

    def reset(self) -> None:
        """The session is gone, and every reply with it."""
        self._is_open = False
        self._sayings.clear()
        self._wanted.reset()
        self._reply_of.clear()
        self._halves.clear()
        self._owed.clear()

    def _on_turn_started(self, started: TurnStarted) -> None:
        reply_id = started.response_id or ""
        response = started.provider_data.get("response")
        if self._wanted.begin(reply_id, response if isinstance(response, Mapping) else {}):
            self._post(ReplyStarted(reply_id))
        elif self._is_beside(response):
            self._transport.send_event({"type": "response.cancel", "response_id": reply_id})
        else:
            self._transport.cancel_response()

    def _on_audio(self, event: AudioEvent) -> None:
        reply_id = event.response_id or ""
        if not self._wanted.wants(reply_id):
            return
        key = part_key(event.item_id, event.content_index)
        self._reply_of[key] = reply_id
        pcm = self._coder.decode(event.data) if self._coder else self._whole(key, event.data)
        if pcm:
            self._post(ReplyAudio(reply_id, key, pcm))

    def _whole(self, key: str, data: bytes) -> bytes:
        """Whole samples; the half of one that was cut off waits for its other half."""
        data = self._halves.pop(key, b"") + data
        whole = len(data) - len(data) % SAMPLE_BYTES
        if whole < len(data):
            self._halves[key] = data[whole:]
        return data[:whole]

    def _on_audio_done(self, mark: AudioMark) -> None:
        key = part_key(mark.item_id or "", mark.content_index)
        reply_id = self._reply_of.get(key)
        if reply_id is not None and self._wanted.wants(reply_id):
            self._post(ReplyAudioEnded(reply_id, key))

    def _on_turn_done(self, done: TurnDone) -> None:
        response = done.response
        reply_id = response.id or ""
        turn = self._wanted.end(reply_id)
        cost = used(response.usage)
        if cost != Used():
            self._post(cost)
        owed = reply_id in self._owed
        self._owed.discard(reply_id)
        for key in [key for key, owner in self._reply_of.items() if owner == reply_id]:
            del self._reply_of[key]
            self._halves.pop(key, None)
        details = response.status_details or {}
        if details.get("reason") == "disconnected" or not self._wanted.wants(reply_id):
            return
        code, reason = _why(details)
        self._post(ReplyEnded(reply_id, response.status or "completed", reason))
        if classify(code=code) in FINAL:
            self._abandon(Trouble.of(reason, TransportError(reason, code=code)))
        elif owed:
            self.ask(turn)
        else:
            self._say_next()

    def _say_next(self) -> None:
        """The speaker has one voice: a text waits until no reply does."""
        if not self._is_open or self._wanted.is_busy or not self._sayings:
            return
        turn = self._wanted.ask()
        response = {
            "conversation": "none",
            "input": [],
            "instructions": f"{SAY}{self._sayings.popleft()}",
            "metadata": {TURN: str(turn)},
        }
        self._create(f"{SAY_ID}{turn}", response)

    def _create(self, event_id: str, response: dict[str, Any]) -> None:
        create = {"type": "response.create", "event_id": event_id, "response": response}
        self._transport.send_event(create)
        self._asked()

    @staticmethod
    def _is_beside(response: object) -> bool:
        """True for a reply that is no part of the conversation."""
        return isinstance(response, Mapping) and response.get("conversation_id", "") is None

    def _on_function_call(self, call: FunctionCall) -> None:
        logger.warning("the model asks for the tool %r, which this device does not have", call.name)
        self._transport.send_function_call_output(call, NO_TOOL, start_response=False)
        self._owed.add(call.response_id or "")


def part_key(item_id: str, content_index: int) -> str:
    """Name a part of an item for the device; nearly always it is the item's first."""
    return item_id if content_index == 0 and "#" not in item_id else f"{item_id}#{content_index}"


def part_of(key: str) -> tuple[str, int]:
    """Give item and content index back."""
    item_id, separator, index = key.rpartition("#")
    return (item_id, int(index)) if separator else (key, 0)


def _why(details: Mapping[str, Any]) -> tuple[str | None, str]:
    """Why a reply is not complete: the service's word for it, and a sentence."""
    error = details.get("error")
    error = error if isinstance(error, Mapping) else {}
    code = error.get("code")
    code = code if isinstance(code, str) else None
    return code, str(error.get("message") or code or details.get("reason") or "")
