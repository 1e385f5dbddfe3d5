"""What the embedded service answers."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.sim import service_config
from pi_voice.sim.parrot import CHIRP_LETTERS, CHIRP_MS, Call, Saying, answer, chirp
from pi_voice.sim.service_formats import FORMATS, PCM24
from pi_voice.sim.service_items import Item
from pi_voice.sim.service_records import Recording
from pi_voice.sim.service_wire import Wire
from tests.stage import tone

TOOLS = [{"type": "mcp", "server_label": "x"}, {"type": "function", "name": "ping"}]


def request(**wishes: Any) -> Wire:
    return service_config.initial("sess", "m", 0) | wishes


def typed(text: str) -> Item:
    content = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": "data:"}]
    return Item({"id": "u", "type": "message", "role": "user", "content": content})


def spoken(pcm: bytes) -> Item:
    wire = {"id": "u", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    return Item(wire, Recording(pcm), len(pcm), PCM24)


def reply(text: str) -> Item:
    content = [{"type": "output_text", "text": text}]
    return Item({"id": "a", "type": "message", "role": "assistant", "content": content})


OUTPUT = Item({"id": "o", "type": "function_call_output", "call_id": "c", "output": "42"})


def said(heard: list[Item], **wishes: Any) -> Saying:
    content = answer(heard, request(**wishes))
    assert isinstance(content, Saying)
    return content


def test_sound_is_said_back_in_the_output_format() -> None:
    assert said([spoken(tone(100))]).pcm == tone(100)
    pcmu = {"output": {"format": {"type": "audio/pcmu"}}}
    assert len(said([spoken(tone(100))], audio=pcmu).pcm) == FORMATS["audio/pcmu"].size_bytes(100)


def test_sound_is_answered_in_text_where_text_is_wanted() -> None:
    assert said([spoken(tone(100))], output_modalities=["text"]) == Saying("(what you said)")


def test_the_last_thing_said_to_it_counts_not_what_it_said_itself() -> None:
    heard = [typed("one"), typed("two"), reply("two")]
    assert said(heard, output_modalities=["text"]).text == "two"


def test_the_result_of_a_tool_is_said() -> None:
    assert said([typed("call ping"), OUTPUT], tools=TOOLS, tool_choice="required").text == "42"


def test_with_nothing_heard_it_says_its_instructions() -> None:
    assert said([], instructions="Say hello.").text == "Say hello."
    assert said([], instructions="").text == "(what you said)"


@pytest.mark.parametrize(
    ("text", "choice", "call"),
    [
        ("please call ping", "auto", Call("ping")),
        ('Call ping {"n": 2}', "auto", Call("ping", '{"n": 2}')),
        ("call pong", "auto", None),
        ("hello", "auto", None),
        ("hello", "required", Call("ping")),
        ("hello", {"type": "function", "name": "ping"}, Call("ping")),
        ("hello", {"type": "function", "name": "pong"}, None),
        ("call ping", "none", None),
    ],
)
def test_a_tool_is_called_when_it_is_asked_for(text: str, choice: Any, call: Call | None) -> None:
    content = answer([typed(text)], request(tools=TOOLS, tool_choice=choice))
    assert (content if isinstance(content, Call) else None) == call


def test_an_order_for_a_tool_that_is_not_there_is_only_words() -> None:
    assert said([typed("call ping")]).text == "call ping"


def test_written_words_become_one_tone_per_letter_up_to_a_bound() -> None:
    assert len(chirp("abc")) == PCM24.size_bytes(3 * CHIRP_MS)
    assert len(chirp("x" * 1000)) == PCM24.size_bytes(CHIRP_LETTERS * CHIRP_MS)
    assert max(PCM24.decode(chirp("a"))) > 1000
