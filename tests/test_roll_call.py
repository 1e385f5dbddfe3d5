"""Sessions that hear all the time and say nothing, against the embedded service."""

from __future__ import annotations

import asyncio

import pytest

from pi_voice.core.events import LinkDown, LinkFault, LinkUp, ReplyEnded
from pi_voice.sim.faults import Silence
from tests.link_room import Room, connected, now_s
from tests.stage import silence, tone

pytestmark = pytest.mark.virtual

MODES = ("server_vad", "semantic_vad")
PIECE_S = 1.0


async def stream(here: Room, seconds: float, pcm: bytes = silence(100)) -> None:
    """Let the service hear the room, a piece every second."""
    until_s = now_s() + seconds
    while now_s() < until_s:
        here.link.send_audio(pcm)
        await asyncio.sleep(PIECE_S)


def questions(here: Room) -> list[dict[str, object]]:
    """What the sessions were asked, beside the updates that opened them."""
    updates = [
        [event for event in session.received if event["type"] == "session.update"]
        for session in here.service.sessions
    ]
    return [event for own in updates for event in own[1:]]


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_that_says_nothing_any_more_is_followed_by_another(mode: str) -> None:
    async with connected(turn_detection=mode) as here:
        await stream(here, 3)
        here.service.tell(Silence())
        await stream(here, 150)
        [down] = here.all(LinkDown)
        reason = "the service said nothing for 70 s, not even when asked"
        assert down == LinkDown(LinkFault.SERVICE, reason)
        assert len(here.all(LinkUp)) == len(here.service.sessions) == 2
        here.speak(tone(1000) + silence(700))
        assert (await here.tells(ReplyEnded)).status == "completed"


async def test_a_session_in_a_quiet_room_answers_and_is_kept() -> None:
    async with connected(turn_detection="server_vad") as here:
        before = here.session.config
        await stream(here, 1000)
        assert here.all(LinkDown) == []
        assert 10 <= len(questions(here)) <= 16
        assert here.session.config == before
        here.speak(tone(1000) + silence(700))
        assert (await here.tells(ReplyEnded)).status == "completed"


async def test_a_session_that_tells_anything_within_the_minute_is_not_asked() -> None:
    async with connected(turn_detection="server_vad") as here:
        for _ in range(10):
            await stream(here, 50)
            here.service.tell({"type": "something.new"})
        assert questions(here) == []


async def test_a_question_does_not_end_what_is_just_said() -> None:
    async with connected(turn_detection="server_vad") as here:
        here.speak(tone(500))
        await stream(here, 150, tone(100))
        assert len(questions(here)) == 1
        here.speak(silence(700))
        await here.tells(ReplyEnded)
        assert len(here.session.turns) == 1


async def test_what_the_session_was_asked_for_is_as_before() -> None:
    async with connected(turn_detection="server_vad") as here:
        session = here.link._transport._protocol.dialog.session
        before = session.requested
        await stream(here, 400)
        assert questions(here)
        assert session.requested == before
        assert session._pending == []


@pytest.mark.parametrize("after_s", [0.0, 30.0, 65.0])
async def test_a_muted_box_asks_nothing(after_s: float) -> None:
    async with connected(turn_detection="server_vad") as here:
        await stream(here, 3)
        here.service.tell(Silence())
        await stream(here, after_s)
        here.link.gate(muted=True)
        asked = len(questions(here))
        await stream(here, 1000)
        assert len(questions(here)) == asked
        assert here.all(LinkDown) == []


async def test_a_sleeping_box_asks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(turn_detection="server_vad") as here:
        await stream(here, 30)
        here.link.hang_up()
        await asyncio.sleep(1000)
        assert questions(here) == []
        assert caplog.records == []
        assert len(here.service.sessions) == 1


async def test_a_box_that_finds_the_turns_itself_asks_nothing() -> None:
    async with connected() as here:
        await stream(here, 400)
        assert questions(here) == []


async def test_a_link_that_ended_asks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(turn_detection="server_vad") as here:
        await stream(here, 3)
    await asyncio.sleep(400)
    assert caplog.records == []
