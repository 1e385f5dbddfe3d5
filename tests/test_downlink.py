"""What the device is told of replies, from what the transport tells, without a connection."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.core.events import (
    LinkEvent,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
    TurnRefused,
    Used,
)
from pi_voice.g711 import G711
from pi_voice.transport.contracts import TransportError
from pi_voice.transport.downlink import COMMIT_EMPTY, Downlink, part_key, part_of
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.messages import (
    AudioEvent,
    AudioMark,
    Response,
    TurnDone,
    TurnStarted,
    Usage,
)
from pi_voice.transport.trouble import Trouble


class Table:
    """A downlink whose transport says what the test says."""

    def __init__(self, coder: G711 | None = None) -> None:
        self.told: list[LinkEvent] = []
        self.abandoned: list[Trouble] = []
        self.transport = WebSocketTransport()
        self.downlink = Downlink(
            self.transport, coder, post=self.told.append, abandon=self.abandoned.append
        )

    def begin(self, reply_id: str | None) -> None:
        self.transport.emit("turn_started", TurnStarted({"response": {"id": reply_id}}))

    def sound(self, data: bytes, *, reply_id: str | None = "r", index: int = 0) -> None:
        self.transport.emit("audio", AudioEvent(data, reply_id, "i", index))

    def end(self, reply_id: str | None, status: str = "completed", **details: Any) -> None:
        response = Response(reply_id, status=status, status_details=details or None)
        self.transport.emit("turn_done", TurnDone(response))


def test_a_reply_is_told_from_its_beginning_to_its_end() -> None:
    table = Table()
    table.begin("r")
    table.sound(b"abcd")
    table.transport.emit("audio_done", AudioMark("i", 0))
    table.end("r")
    assert table.told == [
        ReplyStarted("r"),
        ReplyAudio("r", "i", b"abcd"),
        ReplyAudioEnded("r", "i"),
        ReplyEnded("r", "completed"),
    ]


def test_a_service_that_names_no_replies_is_understood() -> None:
    table = Table()
    table.begin(None)
    table.sound(b"ab", reply_id=None)
    table.end(None)
    assert table.told == [ReplyStarted(""), ReplyAudio("", "i", b"ab"), ReplyEnded("", "completed")]


def test_after_a_cancel_nothing_of_the_reply_is_told() -> None:
    table = Table()
    table.begin("r")
    table.sound(b"ab")
    table.downlink.cancel()
    told = list(table.told)
    table.sound(b"cd")
    table.transport.emit("audio_done", AudioMark("i", 0))
    table.end("r", "cancelled")
    table.sound(b"ef")
    assert table.told == told


def test_half_a_sample_waits_for_its_other_half_and_not_for_another_part() -> None:
    table = Table()
    table.sound(b"abc")
    table.sound(b"x", index=1)
    table.sound(b"d")
    assert table.told == [ReplyAudio("r", "i", b"ab"), ReplyAudio("r", "i", b"cd")]


def test_half_a_sample_at_the_end_is_forgotten() -> None:
    table = Table()
    table.sound(b"abc")
    table.end("r")
    table.sound(b"de", reply_id="s")
    assert table.told[-1] == ReplyAudio("s", "i", b"de")


def test_g711_becomes_pcm() -> None:
    table = Table(G711("pcmu"))
    table.sound(b"\xff")
    assert table.told == [ReplyAudio("r", "i", b"\0\0")]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"error": {"code": "server_error", "message": "out of words"}}, "out of words"),
        ({"error": {"code": "server_error"}}, "server_error"),
        ({"reason": "max_output_tokens"}, "max_output_tokens"),
        ({"error": "odd", "reason": "odder"}, "odder"),
        ({"error": {"code": 7, "message": None}}, ""),
    ],
)
def test_why_a_reply_is_not_complete_is_told(details: dict[str, Any], reason: str) -> None:
    table = Table()
    table.end("r", "failed", **details)
    assert table.told == [ReplyEnded("r", "failed", reason)]


def test_the_end_of_the_session_is_no_end_of_a_reply() -> None:
    table = Table()
    table.begin("r")
    table.end("r", "failed", type="failed", reason="disconnected")
    assert table.told == [ReplyStarted("r")]


@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key"])
def test_a_session_that_can_never_reply_is_given_up(code: str) -> None:
    table = Table()
    table.end("r", "failed", error={"code": code, "message": "no"})
    assert [trouble.reason for trouble in table.abandoned] == ["no"]


def test_a_reply_that_failed_for_now_leaves_the_session_alone() -> None:
    table = Table()
    table.end("r", "failed", error={"code": "rate_limit_exceeded"})
    assert table.abandoned == []


@pytest.mark.parametrize("event_id", [None, "", "pv_turn_", "pv_turn_x", "pv_turn_²", "other_1"])
def test_errors_about_something_else_refuse_no_turn(event_id: str | None) -> None:
    table = Table()
    table.downlink.refused(TransportError("no", code="odd", event_id=event_id))
    assert table.told == []


def test_the_refusal_of_an_empty_turn_is_told() -> None:
    table = Table()
    table.downlink.refused(TransportError("empty", code=COMMIT_EMPTY))
    assert table.told == [TurnRefused("empty")]


@pytest.mark.parametrize(
    ("part", "key"),
    [(("item", 0), "item"), (("item", 2), "item#2"), (("it#1", 0), "it#1#0"), (("", 0), "")],
)
def test_every_part_has_a_name_of_its_own_and_comes_back_from_it(
    part: tuple[str, int], key: str
) -> None:
    assert part_key(*part) == key
    assert part_of(key) == part


def test_what_a_reply_cost_is_told_before_its_end_and_also_when_nobody_wants_it() -> None:
    table = Table()
    usage = Usage(10, 20, 30, {"audio_tokens": 10}, {"audio_tokens": 20})
    for reply_id in ("wanted", "cut"):
        table.begin(reply_id)
        if reply_id == "cut":
            table.downlink.cancel()
        done = Response(reply_id, usage=usage, status="completed")
        table.transport.emit("turn_done", TurnDone(done))
    used = Used(audio_in=10, audio_out=20)
    ended = ReplyEnded("wanted", "completed")
    assert table.told == [ReplyStarted("wanted"), used, ended, ReplyStarted("cut"), used]


def test_a_reply_that_is_given_up_has_failed_and_is_heard_no_more() -> None:
    table = Table()
    table.begin("r")
    table.downlink.give_up("r", "it fell silent")
    table.sound(b"ab")
    table.end("r")
    assert table.told == [ReplyStarted("r"), ReplyEnded("r", "failed", "it fell silent")]


def test_a_reply_that_never_began_is_a_turn_that_was_refused() -> None:
    table = Table()
    table.downlink.give_up(None, "nothing came")
    assert table.told == [TurnRefused("nothing came")]


def test_a_text_without_a_session_waits_and_is_forgotten_with_it() -> None:
    table = Table()
    table.downlink.say("hello")
    table.downlink.reset()
    table.downlink.open()  # would raise, because nothing is connected
    assert table.told == []
