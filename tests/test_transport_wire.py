"""Wire messages in bytes."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from pi_voice.transport import wire

SOUND = bytes(range(256))


def delta(**fields: object) -> str:
    return json.dumps({"type": wire.AUDIO_DELTA, **fields})


@pytest.mark.parametrize("message", ['{"type":"a.b","x":[1,{}]}', b'{"x":null,"type":"a.b"}'])
def test_the_type_is_known_without_reading_the_rest(message: str | bytes) -> None:
    assert wire.event_type(message) == "a.b"


@pytest.mark.parametrize("message", ["", "{}", "[1]", '"a"', '{"type":null}', b"\xff", '{"type":"'])
def test_what_has_no_type_is_no_event(message: str | bytes) -> None:
    assert wire.event_type(message) is None


@pytest.mark.parametrize("message", ["", "[1]", "7", b"\xff", "[" * 10**5, '{"a":' * 10**5])
def test_what_is_no_object_cannot_be_read(message: str | bytes) -> None:
    assert wire.decode(message) is None


def test_sound_is_read_without_its_surroundings() -> None:
    message = delta(delta=b64encode(SOUND).decode(), response_id="r", item_id="i", content_index=1)
    sound = wire.decode_audio(message)
    assert sound == wire.AudioDelta(SOUND, "r", "i", 1)


def test_sound_needs_no_names() -> None:
    assert wire.decode_audio(delta(delta="")) == wire.AudioDelta(b"", None, "", 0)


@pytest.mark.parametrize("given", [None, 7, "%", "AAA"])
def test_sound_that_is_none_is_not_read(given: object) -> None:
    assert wire.decode_audio(delta(delta=given)) is None


@pytest.mark.parametrize("pcm", [SOUND, bytearray(SOUND), memoryview(SOUND)])
def test_sound_goes_out_as_one_event(pcm: bytes | bytearray | memoryview) -> None:
    event = json.loads(wire.encode_append(pcm))
    assert event == {"type": wire.APPEND, "audio": b64encode(SOUND).decode()}


@pytest.mark.parametrize(
    ("text", "found"), [("AAAA", bytes(3)), (b"AAAA", bytes(3)), ("A", b""), (None, b""), (7, b"")]
)
def test_bytes_behind_base64(text: object, found: bytes) -> None:
    assert wire.base64_bytes(text) == found


def test_null_is_written_and_what_json_cannot_say_is_refused() -> None:
    assert wire.encode({"a": None}) == b'{"a":null}'
    with pytest.raises(TypeError):
        wire.encode({"a": object()})
