"""Replies that do not go on, against the embedded service on simulated time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from pi_voice.core.events import (
    LinkDown,
    LinkFault,
    LinkUp,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    TurnRefused,
)
from pi_voice.sim.faults import Fault, Script, Send, Silence
from pi_voice.sim.network import Network
from tests.link_room import SPEECH, Room, connected, now_s, settle
from tests.stage import tone
from tests.until import until

pytestmark = pytest.mark.virtual

NEVER_BEGUN = Fault("input_audio_buffer.committed", Silence(), nth=None)
NEVER_SAID = Fault("response.created", Silence(), nth=None)
BROKEN_OFF = Fault("response.output_audio.delta", Silence(), nth=3)


async def wait_for_the_end(here: Room) -> float:
    """Ask, and return how long it took to be told that it failed."""
    here.speak(tone(3000))
    here.link.commit_turn()
    begin_s = now_s()
    await until(lambda: here.all(ReplyEnded) or here.all(TurnRefused))
    return now_s() - begin_s


async def test_a_response_that_is_stuck_before_its_beginning_is_refused_after_five_seconds() -> (
    None
):
    async with connected(Script(faults=[NEVER_BEGUN])) as here:
        assert await wait_for_the_end(here) == pytest.approx(5, abs=0.2)
        [refused] = here.all(TurnRefused)
        assert refused.reason == "the service did not begin a reply within 5 s"
        assert here.all(LinkDown) == []


async def test_a_response_that_is_stuck_before_its_first_word_is_cancelled_after_ten_seconds() -> (
    None
):
    async with connected(Script(faults=[NEVER_SAID])) as here:
        assert await wait_for_the_end(here) == pytest.approx(10, abs=0.2)
        [started], [ended] = here.all(ReplyStarted), here.all(ReplyEnded)
        assert (ended.reply_id, ended.status) == (started.reply_id, "failed")
        assert ended.reason == "a reply began, and had no word after 10 s"
        await settle()
        assert len(here.received("response.cancel")) == 1


async def test_a_response_that_is_stuck_in_the_middle_is_cancelled_after_five_seconds() -> None:
    async with connected(Script(faults=[BROKEN_OFF])) as here:
        assert await wait_for_the_end(here) == pytest.approx(5, abs=0.5)
        assert "fell silent" in here.all(ReplyEnded)[0].reason
        assert len(here.all(ReplyAudio)) == 3


async def test_a_response_without_end_is_cancelled_after_two_minutes() -> None:
    """The words of a reply go on and on, and no end is sent."""
    delta: dict[str, object] = {
        "type": "response.output_audio_transcript.delta",
        "response_id": "r",
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": "and ",
    }
    begun = {"type": "response.created", "response": {"id": "r", "object": "realtime.response"}}
    faults = [
        Fault("input_audio_buffer.cleared", Send(begun), nth=1),
        Fault("input_audio_buffer.cleared", Send(delta), nth=None),
    ]
    async with connected(Script(faults=faults)) as here:
        begin_s = now_s()
        while not here.all(ReplyEnded):
            here.link.send_audio(SPEECH[:960])
            here.link.discard_turn()
            await asyncio.sleep(1)
        assert now_s() - begin_s == pytest.approx(120, abs=2)
        assert here.all(ReplyEnded)[0].reason == "a reply was not complete after 120 s"


async def test_the_second_response_in_a_row_that_is_stuck_costs_the_session() -> None:
    async with connected(Script(faults=[NEVER_SAID])) as here:
        for _ in range(2):
            here.speak()
            here.link.commit_turn()
            await asyncio.sleep(20)
        [down] = here.all(LinkDown)
        assert down == LinkDown(LinkFault.SERVICE, "the service did not begin a reply within 5 s")
        assert len(here.all(LinkUp)) == 2
        assert len(here.all(ReplyEnded)) == 1  # of the second, the device asks again


async def test_a_response_that_is_complete_forgives_the_one_that_was_stuck() -> None:
    faults = [Fault("response.created", Send({"type": "x"}, instead=True), nth=n) for n in (1, 3)]
    async with connected(Script(faults=faults)) as here:
        for _ in range(3):
            here.speak()
            here.link.commit_turn()
            await asyncio.sleep(20)
        assert here.all(LinkDown) == []


async def test_the_session_after_a_stuck_one_knows_what_was_said() -> None:
    stuck = [Fault("response.created", Silence(), nth=number) for number in (2, 3)]
    async with connected(Script(faults=stuck)) as here:
        await here.ask()
        await here.tells(ReplyEnded)
        for _ in range(2):
            here.speak()
            here.link.commit_turn()
            await asyncio.sleep(20)
        roles = [event["item"]["role"] for event in here.session.received if "item" in event]
        assert roles[:2] == ["user", "assistant"]
        assert roles[-1] == "system"


async def test_a_dead_network_is_no_stuck_response(network: Network) -> None:
    """Whoever lost the link keeps the question; so the link must be found dead first."""
    async with connected() as here:
        here.speak()
        here.link.commit_turn()
        network.black_hole()
        await here.tells(LinkDown)
        assert here.all(TurnRefused) == []
        assert here.all(ReplyEnded) == []
        network.heal()


@pytest.mark.parametrize("after_s", [0.0, 1.5, 2.5, 3.5, 4.5])
async def test_a_network_that_dies_between_the_turn_and_its_reply_is_no_stuck_response(
    network: Network, after_s: float
) -> None:
    async with connected(Script(faults=[NEVER_BEGUN])) as here:
        here.speak()
        here.link.commit_turn()
        await asyncio.sleep(after_s)
        network.black_hole()
        await here.tells(LinkDown)
        assert here.all(TurnRefused) == []
        network.heal()


@pytest.mark.parametrize(("bytes_per_s", "delay_ms"), [(70_000, 0), (40_000, 1200)])
async def test_a_slow_uplink_is_no_stuck_response(
    network: Network, bytes_per_s: int, delay_ms: int
) -> None:
    network.bytes_per_s, network.delay_ms = bytes_per_s, delay_ms
    network.window_bytes = 1 << 17
    async with connected() as here:
        here.link.send_turn(tone(15_000))
        here.link.commit_turn()
        await here.tells(ReplyEnded)
        assert here.all(ReplyEnded)[0].status == "completed"
        assert here.all(TurnRefused) == []


@pytest.mark.parametrize("delay_ms", [400, 1200, 2000])
async def test_a_slow_network_is_no_stuck_response(network: Network, delay_ms: int) -> None:
    network.delay_ms = delay_ms
    async with connected() as here:
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"


async def test_a_cancelled_response_that_never_ends_is_not_waited_for() -> None:
    async with connected(Script(faults=[NEVER_SAID])) as here:
        await here.ask()
        here.link.cancel_reply()
        told = len(here.told)
        await asyncio.sleep(60)
        assert here.told[told:] == []


async def test_a_long_reply_is_not_stuck_while_it_comes() -> None:
    async with connected() as here:
        await here.ask(tone(60_000))
        assert (await here.tells(ReplyEnded)).status == "completed"
        sounds = here.all(ReplyAudio)
        assert all(a.item_id == b.item_id for a, b in pairwise(sounds))
