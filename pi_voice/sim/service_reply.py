"""Responses: what the service sends for one `response.create`, in the order of the real one."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from pi_voice.sim.parrot import Call, Saying
from pi_voice.sim.service_formats import FORMATS, WireAudio
from pi_voice.sim.service_items import Conversation, Item
from pi_voice.sim.service_records import Recording, Shelf
from pi_voice.sim.service_schedule import Step
from pi_voice.sim.service_wire import Names, Wire

DELTA_MS = 200  # of audio in one event, as the real service sends it
SPEED = 4.0  # times real time, so that a client has to queue and an interrupt has what to cut
THINK_S = 0.02  # between the response and its first item, where a cancel finds no item yet
BREATH_S = 0.02  # between the item and its first audio, where a truncation finds no audio yet
LATE_DELTAS = 1  # the real service does not stop at once either
INPUT_MS_PER_TOKEN, OUTPUT_MS_PER_TOKEN = 100, 50  # the published rate of audio tokens
TOKENS_PER_MINUTE = 40_000


@dataclass(slots=True)
class Reply:
    """One response under way.

    Attributes:
        wire: The response object as events show it.
        request: The configuration it was asked for with.
        in_conversation: False for a response out of band, which leaves no items.
        cancelled: The reason, once it was cancelled.
    """

    wire: Wire
    request: Wire
    in_conversation: bool
    cancelled: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def audio(self) -> WireAudio:
        return FORMATS[self.request["audio"]["output"]["format"]["type"]]


class ReplyWriter:
    """Writes the events of replies; the generators touch the conversation as they go."""

    def __init__(self, conversation: Conversation, names: Names, shelf: Shelf) -> None:
        self._conversation = conversation
        self._names = names
        self._shelf = shelf

    def response(self, request: Wire, conversation_id: str | None) -> Reply:
        """A response as `response.created` shows it."""
        output = request["audio"]["output"]
        wire = {
            "object": "realtime.response",
            "id": self._names.new("resp"),
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": conversation_id,
            "output_modalities": request["output_modalities"],
            "max_output_tokens": request["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            "usage": None,
            "metadata": request.get("metadata"),
        }
        return Reply(wire, request, conversation_id is not None)

    def write(self, reply: Reply, content: Saying | Call) -> Iterator[Step]:
        turn = content.turn if isinstance(content, Saying) else None
        if turn:
            turn.status = "in_progress"
            reply.tokens_in = int(len(turn.pcm) / 48 / INPUT_MS_PER_TOKEN)
        yield {"type": "response.created", "response": copy.deepcopy(reply.wire)}
        yield THINK_S
        if not reply.cancelled:
            yield from self._item(reply, content)
        self._settle(reply)
        if turn:
            turn.status = str(reply.wire["status"])
        yield {"type": "response.done", "response": copy.deepcopy(reply.wire)}
        yield _rate_limits(reply)

    def _item(self, reply: Reply, content: Saying | Call) -> Iterator[Step]:
        item = self._new_item(content)
        address = {"response_id": reply.id, "output_index": 0}
        yield {"type": "response.output_item.added", **address, "item": item.shown()}
        if reply.in_conversation:
            yield self._conversation.add(item)
        address |= {"item_id": item.id}
        if isinstance(content, Call):
            yield from self._call(reply, item, content, address)
        elif reply.request["output_modalities"] == ["text"]:
            yield from self._written(reply, item, content, address | {"content_index": 0})
        else:
            yield from self._spoken(reply, item, content, address | {"content_index": 0})
        item.wire["status"] = "incomplete" if reply.cancelled else "completed"
        if reply.in_conversation:
            yield self._conversation.done(item)
        reply.wire["output"].append(item.shown())
        del address["item_id"]
        yield {"type": "response.output_item.done", **address, "item": item.shown()}

    def _new_item(self, content: Saying | Call) -> Item:
        wire = {"id": self._names.new("item"), "object": "realtime.item", "status": "in_progress"}
        if isinstance(content, Call):
            call = {"name": content.name, "call_id": self._names.new("call"), "arguments": ""}
            return Item({**wire, "type": "function_call", **call})
        return Item({**wire, "type": "message", "role": "assistant", "content": []})

    def _spoken(self, reply: Reply, item: Item, saying: Saying, address: Wire) -> Iterator[Step]:
        part = {"type": "output_audio", "transcript": ""}
        item.wire["content"].append(part)
        item.turn, item.audio, item.recording = saying.turn, reply.audio, self._kept(saying)
        if saying.turn:
            saying.turn.reply_item_id = item.id
        shown = {"type": "audio", "transcript": ""}
        yield {"type": "response.content_part.added", **address, "part": shown}
        yield BREATH_S
        yield from _deltas(reply, item, saying, address)
        yield {"type": "response.output_audio.done", **address}
        transcript = part.get("transcript", "")
        kind = "response.output_audio_transcript.done"
        yield {"type": kind, **address, "transcript": transcript}
        shown = {"type": "audio", "transcript": transcript}
        yield {"type": "response.content_part.done", **address, "part": shown}

    def _written(self, reply: Reply, item: Item, saying: Saying, address: Wire) -> Iterator[Step]:
        part = {"type": "output_text", "text": ""}
        item.wire["content"].append(part)
        shown = {"type": "text", "text": ""}
        yield {"type": "response.content_part.added", **address, "part": shown}
        for word in _words(saying.text):
            if reply.cancelled:
                break
            part["text"] += word
            reply.tokens_out += 1
            yield {"type": "response.output_text.delta", **address, "delta": word}
            yield BREATH_S
        yield {"type": "response.output_text.done", **address, "text": part["text"]}
        shown = {"type": "text", "text": part["text"]}
        yield {"type": "response.content_part.done", **address, "part": shown}

    def _call(self, reply: Reply, item: Item, call: Call, address: Wire) -> Iterator[Step]:
        where = {**address, "call_id": item.wire["call_id"]}
        for piece in re.findall(r".{1,16}", call.arguments, re.DOTALL):
            if reply.cancelled:
                break
            item.wire["arguments"] += piece
            reply.tokens_out += 1
            yield {"type": "response.function_call_arguments.delta", **where, "delta": piece}
            yield BREATH_S
        ended = {"name": call.name, "arguments": item.wire["arguments"]}
        yield {"type": "response.function_call_arguments.done", **where, **ended}

    def _kept(self, saying: Saying) -> Recording:
        if saying.turn and saying.turn.pcm == saying.pcm:
            return saying.turn.recording  # the same sound is kept once
        return self._shelf.keep(saying.pcm)

    def _settle(self, reply: Reply) -> None:
        status = "cancelled" if reply.cancelled else "completed"
        reply.wire["status"] = status
        if reply.cancelled:
            reply.wire["status_details"] = {"type": status, "reason": reply.cancelled}
        reply.wire["usage"] = {
            "total_tokens": reply.tokens_in + reply.tokens_out,
            "input_tokens": reply.tokens_in,
            "output_tokens": reply.tokens_out,
            "input_token_details": {
                "text_tokens": 0,
                "audio_tokens": reply.tokens_in,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": 0, "audio_tokens": reply.tokens_out},
        }


def _deltas(reply: Reply, item: Item, saying: Saying, address: Wire) -> Iterator[Step]:
    size = reply.audio.size_bytes(DELTA_MS)
    pieces = [saying.pcm[start : start + size] for start in range(0, len(saying.pcm), size)]
    late = LATE_DELTAS
    for word, piece in zip_longest(_words(saying.text), pieces):
        if reply.cancelled and not late:
            return
        late -= bool(reply.cancelled)
        if word:
            if not item.truncated:
                item.wire["content"][0]["transcript"] += word
            yield {"type": "response.output_audio_transcript.delta", **address, "delta": word}
        if piece:
            item.audio_bytes += 0 if item.truncated else len(piece)
            ms = reply.audio.duration_ms(len(piece))
            if saying.turn:
                saying.turn.replied_ms += ms
            reply.tokens_out += int(ms / OUTPUT_MS_PER_TOKEN)
            delta = base64.b64encode(piece).decode()
            yield {"type": "response.output_audio.delta", **address, "delta": delta}
            yield ms / 1000 / SPEED


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


def _rate_limits(reply: Reply) -> Wire:
    used = reply.tokens_in + reply.tokens_out
    limit = {
        "name": "tokens",
        "limit": TOKENS_PER_MINUTE,
        "remaining": max(0, TOKENS_PER_MINUTE - used),
        "reset_seconds": round(used * 60 / TOKENS_PER_MINUTE, 3),
    }
    return {"type": "rate_limits.updated", "rate_limits": [limit]}
