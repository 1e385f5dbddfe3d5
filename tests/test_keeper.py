"""One session after the other against the embedded service, on simulated time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from math import inf

import pytest

from pi_voice.core.events import (
    LinkDown,
    LinkFault,
    LinkUp,
    ReplyEnded,
)
from pi_voice.retry import Pace, RetryClass
from pi_voice.sim.faults import Close, Cut, Fault, Refusal, Script, Send, Silence
from pi_voice.sim.network import Network
from pi_voice.sim.parrot import Call
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from pi_voice.transport.trouble import Trouble
from tests.link_room import SPEECH, connected, now_s, room, settle
from tests.scripted import lose_a_handshake
from tests.stage import tone
from tests.until import until

pytestmark = pytest.mark.virtual


# -- sessions that end


@pytest.mark.parametrize("deed", [Cut(), Close(1000), Close(1001), Close(1011), Close(4999)])
async def test_a_session_that_ends_is_followed_by_another(deed: Cut | Close) -> None:
    script = Script(faults=[Fault("input_audio_buffer.append", deed, nth=10)])
    async with connected(script) as here:
        here.speak()
        down = await here.tells(LinkDown)
        second = await here.tells(LinkUp, nth=2)
        assert down.fault in (LinkFault.NETWORK, LinkFault.SERVICE)
        assert second.session_id == here.service.sessions[1].id
        await here.ask()
        await here.tells(ReplyEnded)
        assert here.heard() == SPEECH


async def test_the_reply_of_a_session_that_was_lost_does_not_count_as_failed() -> None:
    async with connected() as here:
        await here.ask(tone(8000))
        here.service.cut()
        await here.tells(LinkUp, nth=2)
        assert here.all(ReplyEnded) == []


async def test_what_is_asked_of_a_link_that_is_down_is_harmless() -> None:
    async with room(Script(refusals=itertools.repeat(Refusal(503)))) as here:
        await here.tells(LinkDown)
        here.speak()
        here.link.send_turn(SPEECH)
        here.link.commit_turn()
        here.link.discard_turn()
        here.link.gate(muted=True)
        here.link.cancel_reply()
        here.link.truncate_reply("item", 1.0)
        here.link.playback_ended("item", 1.0)
        assert here.all(LinkUp) == []


async def test_a_service_that_is_not_there_is_tried_for_ever_and_told_once(
    network: Network,
) -> None:
    async with room() as here:
        network.refuse()
        down = await here.tells(LinkDown)
        await asyncio.sleep(3 * 3600)
        assert here.all(LinkDown) == [down]
        assert down.fault is LinkFault.NETWORK
        network.heal()
        await here.tells(LinkUp)


@pytest.mark.parametrize(
    ("refusal", "fault", "within_s"),
    [
        (Refusal(401, code="invalid_api_key"), LinkFault.REFUSED, 2),
        (Refusal(404, code="model_not_found"), LinkFault.CONFIG, 1000),
        (Refusal(429, code="insufficient_quota"), LinkFault.QUOTA, 1000),
        (Refusal(429, retry_after_s=7), LinkFault.SERVICE, 8),
        (Refusal(503), LinkFault.SERVICE, 6),
    ],
)
async def test_a_refused_session_says_why_and_is_tried_again_at_its_pace(
    refusal: Refusal, fault: LinkFault, within_s: float
) -> None:
    async with room(Script(refusals=[refusal])) as here:
        down = await here.tells(LinkDown)
        begin_s = now_s()
        assert down.fault is fault
        await here.tells(LinkUp)
        assert now_s() - begin_s < within_s
        assert now_s() - begin_s >= (refusal.retry_after_s or 0)


async def test_a_key_that_stays_wrong_is_not_hammered() -> None:
    attempts = itertools.count()
    refusals = (Refusal(401) for _ in attempts)
    async with room(Script(refusals=refusals)):
        await asyncio.sleep(24 * 3600)
    assert next(attempts) in range(48, 60)


async def test_a_network_that_comes_back_ends_the_wait(network: Network) -> None:
    async with room() as here:
        network.refuse()
        await here.tells(LinkDown)
        await asyncio.sleep(3606)
        network.heal()
        begin_s = now_s()
        here.link.link_up()
        await here.tells(LinkUp)
        assert now_s() - begin_s < 1


async def test_a_network_that_comes_back_during_an_attempt_ends_the_wait_after_it(
    network: Network,
) -> None:
    network.stall()
    async with room() as here:
        await asyncio.sleep(3600)  # attempts take ten seconds by now, and waits up to thirty
        status = "connecting"
        await until(lambda: here.link._transport.status == status, within_s=60)
        await asyncio.sleep(1)
        here.link.link_up()
        await until(lambda: here.link._transport.status != status)
        network.heal()
        begin_s = now_s()
        await here.tells(LinkUp)
        assert now_s() - begin_s < 1


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_network_that_comes_back_ends_an_attempt_over_the_one_that_is_gone(
    network: Network, is_first: bool
) -> None:
    async with room() as here:
        if not is_first:
            await here.tells(LinkUp)
            here.service.cut()
        await lose_a_handshake(network)
        begin_s = now_s()
        here.link.link_up()
        await here.tells(LinkUp, nth=1 if is_first else 2)
        assert now_s() - begin_s < 1


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_network_that_comes_back_while_a_session_begins_counts_if_that_fails(
    network: Network, is_first: bool
) -> None:
    async with room() as here:
        if not is_first:
            await here.tells(LinkUp)
            here.service.cut()
        network.refuse()
        await asyncio.sleep(3600)  # waits may last thirty seconds by now
        network.heal()
        network.delay_ms = 300
        await until(lambda: here.link._transport.silent_s < inf, within_s=60)
        assert not here.link._keeper.online
        network.black_hole()
        here.link.link_up()
        await until(lambda: here.link._transport.silent_s == inf)
        network.heal()
        begin_s = now_s()
        await here.tells(LinkUp, nth=1 if is_first else 2)
        assert now_s() - begin_s < 3


async def test_a_network_that_comes_back_does_not_mend_a_wrong_key() -> None:
    attempts = itertools.count()
    async with room(Script(refusals=(Refusal(401) for _ in attempts))) as here:
        await asyncio.sleep(10)
        for _ in range(100):
            here.link.link_up()
            await asyncio.sleep(0.1)
    assert next(attempts) == 2


async def test_a_session_that_worked_for_a_while_makes_the_next_refusal_the_first() -> None:
    deed = Fault("input_audio_buffer.append", Close(3000))
    async with connected(Script(faults=[deed], refusals=[Refusal(401)] * 3)) as here:
        await asyncio.sleep(120)
        begin_s = now_s()
        here.speak()
        await here.tells(LinkUp, nth=2)
        assert here.all(LinkDown)[-1].fault is LinkFault.REFUSED
        assert now_s() - begin_s < 2


async def test_a_session_that_nobody_confirms_is_not_used() -> None:
    script = Script(faults=[Fault("session.created", Silence())])
    async with room(script) as here:
        down = await here.tells(LinkDown)
        assert down == LinkDown(
            LinkFault.SERVICE, "the service did not confirm the session's settings"
        )
        assert here.all(LinkUp) == []
        await here.tells(LinkUp)
        assert len(here.service.sessions) == 2


async def test_settings_that_the_service_rejects_are_a_matter_of_configuration() -> None:
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "what voice?"}
    refused = Send({"type": "error", "error": error | {"event_id": "pv_session_1"}}, instead=True)
    async with room(Script(faults=[Fault("session.updated", refused)])) as here:
        down = await here.tells(LinkDown)
        await asyncio.sleep(600)
        assert down == LinkDown(LinkFault.CONFIG, "the service says: what voice?")
        assert len(here.service.sessions) == 1


async def test_an_account_that_runs_dry_in_mid_session_is_told() -> None:
    error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "no credit"}
    details = {"type": "failed", "error": error}
    response = {"id": "r", "object": "realtime.response", "status": "failed", "output": []}
    done = Send({"type": "response.done", "response": response | {"status_details": details}})
    async with connected(Script(faults=[Fault("input_audio_buffer.cleared", done)])) as here:
        here.link.send_audio(SPEECH)
        here.link.discard_turn()
        assert (await here.tells(LinkDown)) == LinkDown(LinkFault.QUOTA, "no credit")
        assert isinstance(here.told[-2], ReplyEnded)


async def test_an_url_that_cannot_be_used_is_a_matter_of_configuration() -> None:
    async with room(url="ws://192.0.2.1/realtime") as here:
        down = await here.tells(LinkDown)
        assert down.fault is LinkFault.CONFIG
        assert "use wss://" in down.reason


async def test_a_missing_key_is_told() -> None:
    async with room(url="wss://192.0.2.1/realtime") as here:
        down = await here.tells(LinkDown)
        assert down.fault is LinkFault.CONFIG
        assert "API key" in down.reason


async def test_the_key_is_asked_for_at_every_attempt_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = iter(f"sk-secret-{number}" for number in range(99))
    script = Script(refusals=[Refusal(401), Refusal(503)])
    async with room(script, api_key=lambda: next(keys)) as here:
        await here.tells(LinkUp)
        assert next(keys) == "sk-secret-3"
        told = [repr(event) for event in here.told]
        theirs = [record for record in caplog.records if record.name != "websockets.server"]
        told += [record.getMessage() for record in theirs]
        assert "sk-secret" not in "".join(told)


# -- hanging up


async def test_after_hanging_up_there_is_no_session_and_nobody_hears_of_it() -> None:
    async with connected() as here:
        told = len(here.told)
        here.link.hang_up()
        here.link.hang_up()
        await asyncio.sleep(3 * 3600)
        assert here.told[told:] == []
        assert len(here.service.sessions) == 1
        assert here.session.closed_at_s is not None


async def test_news_of_the_network_wake_nobody_who_hung_up() -> None:
    async with connected() as here:
        here.link.hang_up()
        here.link.link_up()
        await asyncio.sleep(3600)
        here.link.link_up()
        await settle()
        assert len(here.service.sessions) == 1


async def test_waking_up_connects_at_once_with_what_was_said() -> None:
    async with connected() as here:
        await here.ask()
        await here.tells(ReplyEnded)
        await settle()
        here.link.hang_up()
        await asyncio.sleep(3600)
        begin_s = now_s()
        here.link.wake_up()
        await here.tells(LinkUp, nth=2)
        assert now_s() - begin_s < 0.1
        await until(lambda: len(here.received("conversation.item.create")) == 3)
        items = [event["item"] for event in here.received("conversation.item.create")]
        assert [item["role"] for item in items] == ["user", "assistant", "system"]


async def test_what_a_tool_said_is_told_to_the_session_after_the_sleep() -> None:
    async with connected(Script(calls={1: Call("get_time")})) as here:
        await here.ask()
        await here.tells(ReplyEnded, nth=2)
        here.link.hang_up()
        here.link.wake_up()
        await here.tells(LinkUp, nth=2)
        await until(lambda: len(here.session.received) > 1)
        sent = [event["item"]["type"] for event in here.session.received if "item" in event]
        assert sent.index("function_call") + 1 == sent.index("function_call_output")


@pytest.mark.parametrize("how", ["unmute", "turn"])
async def test_a_turn_wakes_a_link_that_hung_up_and_is_not_lost(how: str) -> None:
    async with connected() as here:
        here.link.gate(muted=True)
        here.link.hang_up()
        await asyncio.sleep(3600)
        here.link.gate(muted=False)
        if how == "turn":
            here.link.send_turn(SPEECH)  # too early: there is no session yet
        await here.tells(LinkUp, nth=2)
        here.link.send_turn(SPEECH)
        here.link.commit_turn()
        await here.tells(ReplyEnded)
        assert [turn.pcm for turn in here.session.turns] == [SPEECH]


async def test_hanging_up_ends_the_attempts_to_connect(network: Network) -> None:
    async with room() as here:
        network.refuse()
        await here.tells(LinkDown)
        here.link.hang_up()
        await settle()
        network.heal()
        await asyncio.sleep(3600)
        assert here.service.sessions == []
        here.link.wake_up()
        await here.tells(LinkUp)


async def test_whoever_wakes_up_does_not_wait_out_a_pause_of_before() -> None:
    async with room(Script(refusals=[Refusal(401), Refusal(401)])) as here:
        await here.tells(LinkDown)
        await asyncio.sleep(10)
        here.link.hang_up()
        await settle()
        here.link.wake_up()
        begin_s = now_s()
        await here.tells(LinkUp)
        assert now_s() - begin_s < 1


async def test_hanging_up_as_the_session_ends_anyway_leaves_no_pause() -> None:
    async with connected() as here:
        here.link._keeper.abandon(Trouble(RetryClass.AUTH, LinkFault.REFUSED, "no"))
        here.link.hang_up()
        await settle()
        assert here.all(LinkDown) == []
        here.link.wake_up()
        begin_s = now_s()
        await here.tells(LinkUp, nth=2)
        assert now_s() - begin_s < 1


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.15, 0.25, 0.35])
async def test_hanging_up_while_it_connects_leaves_no_session(
    network: Network, after_s: float
) -> None:
    network.delay_ms = 50
    async with room() as here:
        await asyncio.sleep(after_s)
        here.link.hang_up()
        await asyncio.sleep(60)
        assert network.connections == 0
        assert here.all(LinkDown) == []
        here.link.wake_up()
        await settle()
        assert isinstance(here.told[-1], LinkUp)


async def test_whoever_hangs_up_hears_no_old_news() -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url)) as link:
            await until(lambda: link._keeper.online)
            link.hang_up()
            link.wake_up()
            up = await anext(link.events())
            assert isinstance(up, LinkUp)
            assert up.session_id == service.sessions[1].id


async def test_many_short_calls_are_no_failures() -> None:
    async with connected() as here:
        for number in range(20):
            here.link.hang_up()
            here.link.wake_up()
            await here.tells(LinkUp, nth=number + 2)
        begin_s = now_s()
        here.service.cut()
        await here.tells(LinkUp, nth=22)
        assert now_s() - begin_s < 0.5


async def test_a_service_that_is_gone_after_the_sleep_is_told(network: Network) -> None:
    async with connected() as here:
        here.link.hang_up()
        network.refuse()
        here.link.wake_up()
        assert (await here.tells(LinkDown)).fault is LinkFault.NETWORK


# -- the end


async def test_leaving_does_not_wait_for_a_network_that_is_gone(network: Network) -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url)) as link:
            await anext(link.events())
            network.stall()
            begin_s = now_s()
        assert now_s() - begin_s <= 2
        network.heal()


class Broken(Pace):
    def next_delay_s(self, *_: object, **__: object) -> float:
        raise ZeroDivisionError


async def test_a_fault_of_ours_ends_the_events_so_that_somebody_notices() -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url), pace=Broken(lambda: 0.5)) as link:
            events = link.events()
            assert isinstance(await anext(events), LinkUp)
            service.cut()
            assert isinstance(await anext(events), LinkDown)
            with pytest.raises(ZeroDivisionError):
                await anext(events)
