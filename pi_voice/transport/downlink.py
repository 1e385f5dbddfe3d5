"""Replies on their way to the device: only those it wants, in its own words."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.core.events import (
    LinkEvent,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
    TurnRefused,
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
from pi_voice.transport.wanted import TURN, Wanted

logger = logging.getLogger(__name__)

CREATE_ID = "pv_turn_"
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
    ) -> None:
        """Listen to the transport.

        Args:
            transport: Where replies come from.
            coder: None for PCM.
            post: Takes the events.
            abandon: Ends a session that can never reply.
        """
        self._transport = transport
        self._coder = coder
        self._post = post
        self._abandon = abandon
        self._wanted = Wanted()
        self._reply_of: dict[str, str] = {}
        self._halves: dict[str, bytes] = {}
        self._owed: set[str] = set()
        transport.on("turn_started", self._on_turn_started)
        transport.on("audio", self._on_audio)
        transport.on("audio_done", self._on_audio_done)
        transport.on("turn_done", self._on_turn_done)
        transport.on("function_call", self._on_function_call)

    def ask(self, turn: int | None = None) -> None:
        """Ask for a reply; the number of the turn comes back with it, however late that is."""
        turn = self._wanted.ask(turn)
        response = {"metadata": {TURN: str(turn)}}
        create = {"type": "response.create", "event_id": f"{CREATE_ID}{turn}", "response": response}
        self._transport.send_event(create)

    def cancel(self) -> None:
        """Nothing that runs or was asked for is wanted any more."""
        self._wanted.cancel()
        self._transport.cancel_response()

    def refused(self, fault: TransportError) -> None:
        """The service refused something; it may have been the user's turn."""
        number = (fault.event_id or "").removeprefix(CREATE_ID)
        if fault.code == COMMIT_EMPTY:
            self.cancel()
            self._post(TurnRefused(fault.message))
        elif number.isdecimal() and self._wanted.refused(int(number)):
            self._post(TurnRefused(fault.message))

    def reset(self) -> None:
        """The session is gone, and every reply with it."""
        self._wanted.reset()
        self._reply_of.clear()
        self._halves.clear()
        self._owed.clear()

    def _on_turn_started(self, started: TurnStarted) -> None:
        reply_id = started.response_id or ""
        response = started.provider_data.get("response")
        if self._wanted.begin(reply_id, response if isinstance(response, Mapping) else {}):
            self._post(ReplyStarted(reply_id))
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
