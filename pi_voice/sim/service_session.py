"""One session of the embedded service, without a socket: wire events in, wire events out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pi_voice.sim import parrot, service_config
from pi_voice.sim.faults import Script
from pi_voice.sim.service_input import InputBuffer
from pi_voice.sim.service_items import Conversation, Item, decoded, from_client
from pi_voice.sim.service_records import Cancel, Shelf, Truncation, Turn, shortened
from pi_voice.sim.service_reply import Reply, ReplyWriter
from pi_voice.sim.service_schedule import Running, Schedule, Step
from pi_voice.sim.service_schema import Check, anything, choice, integer, record, string
from pi_voice.sim.service_vad import SpeechEdge
from pi_voice.sim.service_wire import Names, Rejected, Wire, error_event

EVENTS_KEPT = 1000  # of `received`, `turns` and the like: about 20 s of streaming and all its talk
TRANSCRIBE_S = 0.1  # the transcript of a turn comes when its reply has begun
BEGIN, END = "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"

FIELDS: dict[str, dict[str, Check]] = {
    "session.update": {"session": service_config.SESSION},
    "input_audio_buffer.append": {"audio": string},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": anything},
    "conversation.item.delete": {"item_id": string},
    "conversation.item.retrieve": {"item_id": string},
    "conversation.item.truncate": {
        "item_id": string,
        "content_index": integer(0, 2**31),
        "audio_end_ms": integer(0, 2**31),
    },
    "response.create": {},
    "response.cancel": {},
}
OPTIONAL: dict[str, dict[str, Check]] = {
    "conversation.item.create": {"previous_item_id": anything},
    "response.create": {"response": service_config.RESPONSE},
    "response.cancel": {"response_id": string},
}


class ServiceSession:
    """Everything that one client said and was told, and the rules of the protocol.

    Attributes:
        received: The client's newest events, in order; appends with `audio_bytes` for the audio.
        turns: One per commit, oldest first.
        audio_received_bytes: Decoded audio of all appends so far.
        truncations: Those that were accepted.
        cancels: Responses that were cut short, by the client or by talking over them.
        config: The effective configuration, as `session.updated` showed it last.
        expired: The session is over; the connection is to be closed with code 1001.
        closed_at_s: When the connection ended; None while it lasts.
    """

    def __init__(self, names: Names, config: Wire, script: Script, shelf: Shelf) -> None:
        self.received: list[Wire] = []
        self.turns: list[Turn] = []
        self.truncations: list[Truncation] = []
        self.cancels: list[Cancel] = []
        self.audio_received_bytes = 0
        self.config = config
        self.expired = False
        self.closed_at_s: float | None = None
        self._names = names
        self._script = script
        self._shelf = shelf
        self._now_s = 0.0
        self._outbox: deque[Wire] = deque()
        self._schedule = Schedule()
        self._conversation = Conversation()
        self._conversation_id = names.new("conv")
        self._input = InputBuffer(config)
        self._writer = ReplyWriter(self._conversation, names, shelf)
        self._replies: dict[str, tuple[Reply, Running]] = {}
        self._responses = 0
        self._speech_item_id = ""
        self._spoken = False

    @property
    def id(self) -> str:
        return str(self.config["id"])

    @property
    def due_s(self) -> float | None:
        """When `poll` has something more to give; None if that depends on the client."""
        return self._now_s if self._outbox else self._schedule.due_s

    def open(self, now_s: float) -> None:
        """The client is connected."""
        self._now_s = now_s
        self._send({"type": "session.created", "session": self.config})
        self._schedule.start(self._expire(), now_s)

    def receive(self, event: Wire, now_s: float) -> None:
        """Take one client event; what it brings about is given by `poll`."""
        self._now_s = now_s
        self._note(event)
        try:
            kind = _checked(event)
            HANDLERS[kind](self, event)
        except Rejected as rejected:
            event_id = event.get("event_id")
            self._send(rejected.event(event_id if isinstance(event_id, str) else None))
        self._collect()

    def reject(self, rejected: Rejected, now_s: float) -> None:
        """Answer what is not an event at all."""
        self._now_s = now_s
        self._send(rejected.event(None))

    def expire(self, now_s: float) -> None:
        """End the session, as its maximum age does."""
        self._now_s = now_s
        self._send(self._expired())

    def poll(self, now_s: float) -> list[Wire]:
        """All events that are due, each with an id of its own."""
        self._now_s = now_s
        self._collect()
        events = [{"event_id": self._names.new("event"), **event} for event in self._outbox]
        self._outbox.clear()
        return events

    # -- client events

    def _update(self, event: Wire) -> None:
        self.config = service_config.updated(self.config, event["session"], spoken=self._spoken)
        self._input.configure(self.config)
        self._send({"type": "session.updated", "session": self.config})

    def _append(self, event: Wire) -> None:
        data = decoded(event["audio"], "audio")
        self.audio_received_bytes += len(data)
        for edge in self._input.append(data, self._now_s):
            self._on_speech(edge)

    def _commit(self, event: Wire) -> None:
        first_s = self._input.first_byte_at_s
        pcm = self._input.take_committed()
        self._add_turn(self._speech_item_id or self._names.new("item"), pcm, first_s)

    def _clear(self, event: Wire) -> None:
        self._input.clear()
        self._speech_item_id = ""
        self._send({"type": "input_audio_buffer.cleared"})

    def _create_item(self, event: Wire) -> None:
        item = from_client(event["item"], self._names, self._shelf, self._input.audio)
        self._send(self._conversation.add(item, event.get("previous_item_id")))
        self._send(self._conversation.done(item))

    def _delete_item(self, event: Wire) -> None:
        self._send(self._conversation.delete(event["item_id"]))

    def _retrieve_item(self, event: Wire) -> None:
        self._send(self._conversation.retrieve(event["item_id"]))

    def _truncate_item(self, event: Wire) -> None:
        where = (event["item_id"], event["content_index"], event["audio_end_ms"])
        self._send(self._conversation.truncate(*where))
        self.truncations.append(Truncation(*where, at_s=self._now_s))

    def _create_response(self, event: Wire) -> None:
        wish = event.get("response") or {}
        in_conversation = wish.get("conversation") != "none"
        active = self._active()
        if in_conversation and active:
            raise _already_active(active)
        heard = self._conversation.said()
        if "input" in wish:
            heard = [self._input_item(given) for given in wish["input"]]
        self._start_reply(_overlaid(self.config, wish), heard, in_conversation=in_conversation)

    def _cancel_response(self, event: Wire) -> None:
        reply_id = event.get("response_id")
        wanted = self._replies.get(reply_id, (None, None))[0] if reply_id else self._active()
        if wanted is None or wanted.cancelled:
            message = "Cancellation failed: no active response found"
            raise Rejected("response_cancel_not_active", message)
        self._cancel(wanted, "client_cancelled")

    # -- turns

    def _on_speech(self, edge: SpeechEdge) -> None:
        wanted = self.config["audio"]["input"]["turn_detection"]
        at_ms = int(edge.at_ms)
        if edge.started:
            self._input.begin(edge.at_ms)
            self._speech_item_id = self._names.new("item")
            self._send({"type": BEGIN, "audio_start_ms": at_ms, "item_id": self._speech_item_id})
            active = self._active()
            if wanted["interrupt_response"] and active and not active.cancelled:
                self._cancel(active, "turn_detected")
            return
        item_id = self._speech_item_id
        self._send({"type": END, "audio_end_ms": at_ms, "item_id": item_id})
        first_s = self._input.first_byte_at_s
        self._add_turn(item_id, self._input.take(edge.at_ms), first_s)
        if wanted["create_response"]:
            self._answer_turn()

    def _add_turn(self, item_id: str, pcm: bytes, first_byte_at_s: float | None) -> None:
        began_s = self._now_s if first_byte_at_s is None else first_byte_at_s
        turn = Turn(self._shelf.keep(pcm), began_s, self._now_s, item_id)
        self.turns.append(turn)
        part = {"type": "input_audio", "transcript": None}
        wire: Wire = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user"}
        wire |= {"status": "completed", "content": [part]}
        item = Item(wire, turn.recording, len(pcm), self._input.audio, turn)
        previous = self._conversation.last_id
        committed = {"type": "input_audio_buffer.committed", "item_id": item_id}
        self._send({**committed, "previous_item_id": previous})
        self._send(self._conversation.add(item))
        self._send(self._conversation.done(item))
        self._speech_item_id = ""
        if self.config["audio"]["input"]["transcription"]:
            self._schedule.start(self._transcribe(item, len(pcm)), self._now_s)

    def _transcribe(self, item: Item, size: int) -> Iterator[Step]:
        seconds = self._input.audio.duration_ms(size) / 1000
        kind = "conversation.item.input_audio_transcription"
        where = {"item_id": item.id, "content_index": 0}
        yield TRANSCRIBE_S
        yield {"type": f"{kind}.delta", **where, "delta": parrot.SPOKEN_INPUT}
        item.wire["content"][0]["transcript"] = parrot.SPOKEN_INPUT
        usage = {"type": "duration", "seconds": round(seconds, 3)}
        text = {"transcript": parrot.SPOKEN_INPUT}
        yield {"type": f"{kind}.completed", **where, **text, "usage": usage}

    # -- replies

    def _answer_turn(self) -> None:
        active = self._active()
        if active and not active.cancelled:
            self._send(_already_active(active).event(None))
            return
        if active:  # the audio came faster than real time: the old reply ends first
            self._outbox.extend(self._schedule.finish(self._replies.pop(active.id)[1]))
        self._start_reply(self.config, self._conversation.said(), in_conversation=True)

    def _start_reply(self, request: Wire, heard: list[Item], *, in_conversation: bool) -> None:
        self._responses += 1
        content = self._script.calls.get(self._responses) or parrot.answer(heard, request)
        conversation_id = self._conversation_id if in_conversation else None
        reply = self._writer.response(request, conversation_id)
        self._spoken |= isinstance(content, parrot.Saying) and bool(content.pcm)
        running = self._schedule.start(self._reply_steps(reply, content), self._now_s)
        self._replies[reply.id] = (reply, running)

    def _reply_steps(self, reply: Reply, content: parrot.Saying | parrot.Call) -> Iterator[Step]:
        for step in self._writer.write(reply, content):
            if isinstance(step, dict) and step["type"] == "response.done":
                self._replies.pop(reply.id, None)
            yield step

    def _active(self) -> Reply | None:
        return next((reply for reply, _ in self._replies.values() if reply.in_conversation), None)

    def _cancel(self, reply: Reply, reason: str) -> None:
        reply.cancelled = reason
        self.cancels.append(Cancel(reply.id, reason, self._now_s))

    def _input_item(self, given: Any) -> Item:
        if isinstance(given, dict) and given.get("type") == "item_reference":
            item = self._conversation.find(given.get("id"))
            if item is None:
                message = f"Item with id '{given.get('id')}' not found in conversation."
                raise Rejected("item_not_found", message, param="response.input")
            return item
        return from_client(given, self._names, self._shelf, self._input.audio)

    # -- the rest

    def _expire(self) -> Iterator[Step]:
        yield self._script.session_s
        yield self._expired()

    def _expired(self) -> Wire:
        minutes = round(self._script.session_s / 60)
        message = f"Your session hit the maximum duration of {minutes} minutes."
        self.expired = True
        return error_event("session_expired", message)

    def _note(self, event: Wire) -> None:
        audio = event.get("audio")
        if isinstance(audio, str):
            size = {"audio_bytes": len(audio.rstrip("=")) * 3 // 4}
            event = {key: value for key, value in event.items() if key != "audio"} | size
        self.received.append(shortened(event))
        for kept in (self.received, self.turns, self.truncations, self.cancels):
            if len(kept) > 2 * EVENTS_KEPT:
                del kept[:EVENTS_KEPT]

    def _collect(self) -> None:
        self._outbox.extend(self._schedule.poll(self._now_s))

    def _send(self, event: Wire) -> None:
        self._outbox.append(event)


HANDLERS: dict[str, Callable[[ServiceSession, Wire], None]] = {
    "session.update": ServiceSession._update,
    "input_audio_buffer.append": ServiceSession._append,
    "input_audio_buffer.commit": ServiceSession._commit,
    "input_audio_buffer.clear": ServiceSession._clear,
    "conversation.item.create": ServiceSession._create_item,
    "conversation.item.delete": ServiceSession._delete_item,
    "conversation.item.retrieve": ServiceSession._retrieve_item,
    "conversation.item.truncate": ServiceSession._truncate_item,
    "response.create": ServiceSession._create_response,
    "response.cancel": ServiceSession._cancel_response,
}


def _checked(event: Wire) -> str:
    if "type" not in event:
        message = "Missing required parameter: 'type'."
        raise Rejected("missing_required_parameter", message, param="type")
    kind = event["type"]
    choice(*FIELDS)(kind, "type")
    fields = {"type": string, "event_id": string} | FIELDS[kind] | OPTIONAL.get(kind, {})
    record(fields, required=tuple(FIELDS[kind]))(event, "")
    return str(kind)


def _overlaid(config: Wire, wish: Wire) -> Wire:
    output = config["audio"]["output"] | wish.get("audio", {}).get("output", {})
    audio = {"audio": config["audio"] | {"output": output}}
    return config | {key: value for key, value in wish.items() if value is not None} | audio


def _already_active(active: Reply) -> Rejected:
    message = (
        f"Conversation already has an active response in progress: {active.id}. "
        "Wait until the response is finished before creating a new one."
    )
    return Rejected("conversation_already_has_active_response", message)
