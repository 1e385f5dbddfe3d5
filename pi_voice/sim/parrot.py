"""What the embedded service answers: it says back what it heard, and calls a tool when told to."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pi_voice.sim.service_formats import FORMATS, PCM24, WireAudio, converted
from pi_voice.sim.service_items import Item
from pi_voice.sim.service_records import Turn
from pi_voice.sim.service_wire import Wire

HEARD = "(what you said)"  # nothing here understands words
SPOKEN_INPUT = "(your words)"  # the transcript of a turn
CHIRP_MS = 60  # one tone per letter
CHIRP_LETTERS = 40  # enough to be heard, short enough to wait for
CHIRP_PEAK = 6000
ORDER = re.compile(r"call\s+(\w+)\s*(\{.*\})?", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """The model wants a tool to run.

    Attributes:
        name: The tool.
        arguments: A JSON object, as text.
    """

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Saying:
    """The model talks.

    Attributes:
        text: The words, or the transcript of the sound.
        pcm: The sound in the output format; empty if only text was asked for.
        turn: The turn it answers, if it was spoken.
    """

    text: str
    pcm: bytes = b""
    turn: Turn | None = None


def answer(heard: Sequence[Item], request: Wire) -> Call | Saying:
    """Decide on a reply.

    Args:
        heard: The items that the model sees, oldest first.
        request: The session's configuration with the wishes of this response laid over it.
    """
    last = next((item for item in reversed(heard) if _is_said(item)), None)
    if last is None:
        return _aloud(request.get("instructions") or HEARD, request)
    call = _wanted_call(last, request)
    if call:
        return call
    if last.recording and last.audio:
        if request["output_modalities"] == ["text"]:
            return Saying(HEARD, turn=last.turn)
        target = _target(request)
        return Saying(HEARD, converted(last.pcm, last.audio, target), last.turn)
    return _aloud(text_of(last) or HEARD, request)


def text_of(item: Item) -> str:
    """The words of an item, as far as it has any."""
    if item.wire["type"] == "function_call_output":
        return str(item.wire.get("output", ""))
    return " ".join(part["text"] for part in item.wire.get("content", []) if part.get("text"))


def chirp(text: str) -> bytes:
    """Written words as tones, one per letter, in PCM at 24 kHz: no voice is at hand."""
    out = array("h")
    count = PCM24.rate_hz * CHIRP_MS // 1000
    for letter in text[:CHIRP_LETTERS]:
        step = 2 * math.pi * (300 + ord(letter) % 32 * 25) / PCM24.rate_hz
        for n in range(count):
            swell = math.sin(math.pi * n / count)  # each tone begins and ends in silence
            out.append(int(CHIRP_PEAK * swell * math.sin(step * n)))
    return out.tobytes()


def _is_said(item: Item) -> bool:
    return item.wire["type"] == "function_call_output" or item.wire.get("role") == "user"


def _wanted_call(last: Item, request: Wire) -> Call | None:
    names = [tool["name"] for tool in request["tools"] if tool["type"] == "function"]
    if not names or last.wire["type"] == "function_call_output" or request["tool_choice"] == "none":
        return None
    wanted = request["tool_choice"]
    if isinstance(wanted, dict) and wanted.get("name") in names:
        return Call(wanted["name"])
    order = ORDER.search(text_of(last))
    if order and order[1] in names:
        return Call(order[1], order[2] or "{}")
    return Call(names[0]) if wanted == "required" else None


def _aloud(text: str, request: Wire) -> Saying:
    if request["output_modalities"] == ["text"]:
        return Saying(text)
    return Saying(text, converted(chirp(text), PCM24, _target(request)))


def _target(request: Wire) -> WireAudio:
    return FORMATS[request["audio"]["output"]["format"]["type"]]
