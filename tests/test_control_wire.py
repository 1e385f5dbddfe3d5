from __future__ import annotations

import pytest

from pi_voice.control_wire import REQUEST_BYTES, SAY_CHARS, Answer, Request, RequestError, Verb


@pytest.mark.parametrize("verb", Verb)
def test_a_request_survives_the_wire(verb: Verb) -> None:
    request = Request(verb, "grüß 'Gott'", last_run=True)
    assert request.encode().count(b"\n") == 1
    assert Request.decode(request.encode()) == request


def test_an_answer_survives_the_wire() -> None:
    answer = Answer(ok=True, text="done", status={"muted": True}, lines=("one", "two\u2028three"))
    assert Answer.decode(answer.encode()) == answer


def test_the_longest_text_fits_into_a_request_in_any_script() -> None:
    assert len(Request(Verb.SAY, "𝄞" * SAY_CHARS).encode()) < REQUEST_BYTES


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n", "this is not one JSON object on one line"),
        (b"\xff\xfe\n", "this is not one JSON object on one line"),
        (b"[" * 4000 + b"\n", "this is not one JSON object on one line"),
        (b"[1]\n", "this is not a JSON object"),
        (b"{}\n", "the box knows the verbs status, mute, unmute, interrupt, say, logs"),
        (b'{"verb": ["mute"]}\n', "the box knows the verbs status, mute, unmute, interrupt, say,"),
        (b'{"verb": "say", "text": 5}\n', "text is a string, and last_run is true or false"),
        (b'{"verb": "logs", "last_run": 5}\n', "text is a string, and last_run is true or false"),
        (b'{"verb": "say", "text": " "}\n', "there is nothing to say; give a text"),
        (Request(Verb.SAY, "x" * 1001).encode(), "the text has 1001 characters; 1000 are allowed"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(line: bytes, complaint: str) -> None:
    with pytest.raises(RequestError) as refused:
        Request.decode(line)
    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize("line", [b"", b"null\n", b'{"ok": "yes"}\n', b'{"ok": true, "lines": 1}'])
def test_what_is_no_answer_is_refused(line: bytes) -> None:
    with pytest.raises(RequestError):
        Answer.decode(line)


def test_what_no_terminal_should_have_let_through_is_replaced() -> None:
    assert Request.decode(Request(Verb.SAY, "bad \udcff byte").encode()).text == "bad ? byte"
