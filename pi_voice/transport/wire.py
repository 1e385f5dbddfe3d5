"""Wire messages in bytes: JSON, decoded only as far as somebody wants to know."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any

import msgspec

AUDIO_DELTA = "response.output_audio.delta"
APPEND = "input_audio_buffer.append"
# What events were called before GA, as services still do that learned the protocol early.
BETA_NAMES = {
    "response.audio.delta": AUDIO_DELTA,
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
APPEND_LIMIT_BYTES = 1 << 20  # the service takes 15 MiB; a stalled link shall not hold that much


class AudioDelta(msgspec.Struct, frozen=True):
    """`response.output_audio.delta`, its sound decoded from base64 once."""

    delta: bytes
    response_id: str | None = None
    item_id: str = ""
    content_index: int = 0


class _Envelope(msgspec.Struct):
    type: str


_peek = msgspec.json.Decoder(_Envelope)
_delta = msgspec.json.Decoder(AudioDelta)
_any = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def event_type(message: str | bytes) -> str | None:
    """The `type` of a wire message; None if it is no event at all."""
    try:
        return _peek.decode(message).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def decode(message: str | bytes) -> dict[str, Any] | None:
    """A fresh copy of a wire message; None if it cannot be read."""
    try:
        event = _any.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def decode_audio(message: str | bytes) -> AudioDelta | None:
    """A piece of a reply's sound; None if it carries none that can be read."""
    try:
        return _delta.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def encode(event: object) -> bytes:
    """A client event as UTF-8 JSON.

    Raises:
        TypeError: The event holds something that JSON cannot say.
    """
    return _encoder.encode(event)


def copied(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON says it, which shares nothing with what the program may change later.

    Raises:
        TypeError: There is something in it that JSON cannot say.
    """
    copy: dict[str, Any] = _any.decode(_encoder.encode(fields))
    return copy


def encode_append(pcm: bytes | bytearray | memoryview) -> bytes:
    # by hand: after 20 ms of sleep every function that runs is read from memory anew
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % b2a_base64(pcm, newline=False)


def base64_bytes(text: object) -> bytes:
    """The bytes behind base64 text; empty if it is none."""
    try:
        return b64decode(text) if isinstance(text, str | bytes) else b""
    except (Base64Error, ValueError):
        return b""
