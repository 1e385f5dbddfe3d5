"""What the service says of replies, their sound and their words: state first, then listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.transport.contracts import TransportError
from pi_voice.transport.dialog import Dialog
from pi_voice.transport.items import mapping, part_index, text, text_or_none
from pi_voice.transport.messages import (
    AudioEvent,
    AudioMark,
    Response,
    TextDelta,
    TurnDone,
    TurnStarted,
    Usage,
)
from pi_voice.transport.wire import AudioDelta

Json = dict[str, Any]


def hear(dialog: Dialog, sound: AudioDelta) -> None:
    """A piece of a reply; kept from listeners when the user does not want it any more."""
    dialog.touch(sound.response_id)
    if not sound.delta or dialog.is_cut(sound.response_id, sound.item_id):
        return
    reply = (sound.response_id, sound.item_id)
    dialog.heard.enqueue(sound.item_id, sound.content_index, sound.response_id, sound.delta)
    event = AudioEvent(sound.delta, sound.response_id, sound.item_id, sound.content_index)
    dialog.emit_sound("audio", event, reply)


def _response_created(dialog: Dialog, event: Json) -> None:
    response = mapping(event.get("response"))
    outside = "conversation_id" in response and response["conversation_id"] is None
    if not outside:
        dialog.uplink.heard_speech = False
    dialog.began(text_or_none(response.get("id")), outside=outside)
    dialog.emit("turn_started", TurnStarted(event))


def _response_done(dialog: Dialog, event: Json) -> None:
    response = mapping(event.get("response"))
    dialog.ended(text_or_none(response.get("id")))
    done = read_response(response)
    dialog.emit("usage_update", done.usage)
    dialog.emit("turn_done", TurnDone(done))
    if done.status in ("failed", "incomplete"):
        dialog.emit("error", _failure(dialog, done))


def read_response(response: Mapping[str, Any]) -> Response:
    output = response.get("output")
    details = response.get("status_details")
    return Response(
        id=text_or_none(response.get("id")),
        output=tuple(map(mapping, output)) if isinstance(output, list) else (),
        usage=_usage(mapping(response.get("usage"))),
        status=text_or_none(response.get("status")),
        status_details=details if isinstance(details, Mapping) else None,
    )


def _usage(given: Mapping[str, Any]) -> Usage:
    spent, made = (_count(given.get(f"{end}_tokens")) for end in ("input", "output"))
    total = given.get("total_tokens")
    return Usage(
        spent,
        made,
        _count(total) if total is not None else spent + made,
        mapping(given.get("input_token_details")),
        mapping(given.get("output_token_details")),
    )


def _failure(dialog: Dialog, done: Response) -> TransportError:
    details = done.status_details or {}
    error = mapping(details.get("error"))
    reason = text(error.get("message")) or text(details.get("reason")) or text(error.get("type"))
    code = text(error.get("code")) or text(details.get("reason"))
    words = f"the reply is {done.status}: {reason or code or 'no reason given'}"
    return TransportError(dialog.hidden(words), error=details, code=code or None)


def _audio_done(dialog: Dialog, event: Json) -> None:
    item_id, index = text(event.get("item_id")), part_index(event)
    dialog.heard.audio_done(item_id, index)
    dialog.emit("audio_done", AudioMark(item_id, index))


def _transcript_delta(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    delta = text(event.get("delta"))
    dialog.history.add_transcript(text(event.get("item_id")), part_index(event), delta)
    dialog.emit("audio_transcript_delta", _delta(event, "transcript_delta"))


def _transcript_done(dialog: Dialog, event: Json) -> None:
    words = event.get("transcript")
    if isinstance(words, str):
        dialog.history.set_transcript(text(event.get("item_id")), part_index(event), words)


def _text_delta(dialog: Dialog, event: Json) -> None:
    dialog.touch(event.get("response_id"))
    dialog.emit("output_text_delta", _delta(event, "output_text_delta"))


def _delta(event: Json, kind: Any) -> TextDelta:
    return TextDelta(
        kind,
        text(event.get("delta")),
        text(event.get("item_id")),
        text_or_none(event.get("response_id")),
    )


def _count(value: Any) -> int:
    return value if type(value) is int else 0


REPLY_HANDLERS: Mapping[str, Callable[[Dialog, Json], None]] = {
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _transcript_delta,
    "response.output_audio_transcript.done": _transcript_done,
    "response.output_text.delta": _text_delta,
}
