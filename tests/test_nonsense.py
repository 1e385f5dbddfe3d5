"""Storms of errors and garbage, against the embedded service on simulated time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pi_voice.core.events import LinkDown, LinkFault, LinkUp, ReplyEnded
from pi_voice.sim.faults import Fault, Script, Send
from pi_voice.transport.link import ServiceLink
from tests.link_room import SPEECH, connected, now_s, settle

pytestmark = pytest.mark.virtual

GARBAGE = [
    "{not json",
    "[" * 5000,
    '{"type": ' + "9" * 5000 + "}",
    '{"type": "response.output_audio.delta", "delta": 7}',
    "null",
    "\x00",
]


def error(code: str) -> Send:
    return Send({"type": "error", "error": {"type": "server_error", "code": code, "message": code}})


def at_each_clear(*deeds: Send) -> Script:
    return Script(faults=[Fault("input_audio_buffer.cleared", deed, nth=None) for deed in deeds])


def clear(link: ServiceLink) -> None:
    """Make the service say something."""
    link.send_audio(SPEECH[:960])
    link.discard_turn()


@pytest.mark.parametrize("text", GARBAGE)
async def test_malformed_messages_are_skipped_and_the_session_goes_on(text: str) -> None:
    async with connected(at_each_clear(Send(text, times=20))) as here:
        clear(here.link)
        await settle()
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"
        assert here.all(LinkDown) == []


async def test_more_than_twenty_malformed_messages_in_a_minute_cost_the_session() -> None:
    async with connected(at_each_clear(Send("{not json"))) as here:
        for _ in range(21):
            clear(here.link)
            await asyncio.sleep(2)
        [down] = here.all(LinkDown)
        assert down == LinkDown(
            LinkFault.SERVICE, "the service sent more than 20 messages that make no sense"
        )
        await here.tells(LinkUp, nth=2)


async def test_a_malformed_message_now_and_then_costs_nothing() -> None:
    async with connected(at_each_clear(Send("{not json"))) as here:
        for _ in range(200):
            clear(here.link)
            await asyncio.sleep(4)
        assert here.all(LinkDown) == []


async def test_an_error_storm_costs_the_session_and_few_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "pi_voice")
    storm = error("odd")
    async with connected(at_each_clear(Send(storm.what, times=1000))) as here:
        begin_s = now_s()
        clear(here.link)
        down = await here.tells(LinkDown)
        assert down == LinkDown(
            LinkFault.SERVICE, "the service sent more than 100 errors within 10 s"
        )
        await here.tells(LinkUp, nth=2)
        assert now_s() - begin_s < 10
        lines = [entry for entry in caplog.records if "odd" in entry.getMessage()]
        assert len(lines) == 1


async def test_errors_that_go_on_are_told_once_a_second_with_their_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "pi_voice.transport.nonsense")
    async with connected(at_each_clear(Send(error("odd").what, times=9))) as here:
        for _ in range(10):
            clear(here.link)
            await asyncio.sleep(1.1)
        assert here.all(LinkDown) == []
    told = [entry.getMessage() for entry in caplog.records]
    assert len(told) == 10
    assert told[0] == "the service says: odd"
    assert told[1] == "the service says: odd (8 more errors before)"
    warnings = [entry for entry in caplog.records if entry.levelno == logging.WARNING]
    assert len(warnings) == 1


async def test_every_kind_of_error_gets_one_warning_in_a_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected(at_each_clear(error("odd"), error("even"))) as here:
        for _ in range(4):
            clear(here.link)
            await asyncio.sleep(1.1)
        clear(here.link)
        await settle()
    codes = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]
    assert len(codes) <= 2


async def test_an_unknown_event_is_ignored() -> None:
    strange = Send({"type": "response.hologram.delta", "response_id": "r", "depth": 3}, times=500)
    async with connected(at_each_clear(strange)) as here:
        clear(here.link)
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"
        assert here.all(LinkDown) == []
