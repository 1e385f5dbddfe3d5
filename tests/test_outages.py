"""Months of bad days: what a link does when the network, the service or the account fail it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

import pytest

from pi_voice.build import Simulation
from pi_voice.core.actions import Pattern
from pi_voice.core.events import LinkDown, LinkFault, LinkUp, ReplyEnded, TurnRefused
from pi_voice.retry import Pace
from pi_voice.sim.faults import Close, Fault, Refusal, Script
from pi_voice.sim.network import Network
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.link_room import SPEECH, Room, connected, now_s, room, settle
from tests.test_simulation import SPEECH as SENTENCE
from tests.test_simulation import box
from tests.until import until

pytestmark = pytest.mark.virtual

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
CLOSE_CODES = [*range(1000, 1004), *range(1007, 1015), 3000, 3003, 3999, 4000, 4999]
USUAL = {302, 400, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 511}
STATUSES = [
    pytest.param(status.value, marks=() if status in USUAL else pytest.mark.long)
    for status in HTTPStatus
    if 300 <= status < 600 and status != HTTPStatus.NOT_MODIFIED
]


# -- the network


async def test_no_network_at_boot_for_hours_is_waited_out(network: Network) -> None:
    network.stall()
    async with room() as here:
        down = await here.tells(LinkDown)
        assert down.fault is LinkFault.NETWORK
        await asyncio.sleep(2 * HOUR_S)
        network.heal()
        here.link.link_up()
        begin_s = now_s()
        await here.tells(LinkUp)
        assert now_s() - begin_s < 3
        assert len(here.all(LinkDown)) == 1


async def test_a_roam_to_another_address_is_noticed_within_three_seconds(network: Network) -> None:
    async with connected() as here:
        await asyncio.sleep(600)
        network.half_open()
        here.link.link_up()
        begin_s = now_s()
        await here.tells(LinkUp, nth=2)
        assert now_s() - begin_s <= 3


async def test_a_nat_that_forgets_idle_connections_finds_none(network: Network) -> None:
    """Something passes every ten seconds, so no box on the way thinks that all is over."""
    async with connected() as here:
        await asyncio.sleep(HOUR_S / 2)
        silences: list[float] = []
        for _ in range(600):
            await asyncio.sleep(1)
            silences.append(here.link._transport.silent_s)
        assert max(silences) <= 10.1
        assert here.all(LinkDown) == []


@pytest.mark.parametrize("delay_ms", [150, 500, 1200])
async def test_lte_with_a_long_round_trip_cuts_no_words(network: Network, delay_ms: int) -> None:
    async with connected() as here:
        network.delay_ms = delay_ms
        for _ in range(5):
            await here.ask()
            await here.tells(ReplyEnded, nth=len(here.session.turns) or 1)
            await asyncio.sleep(10)
        assert [turn.pcm for turn in here.session.turns] == [SPEECH] * 5
        assert here.all(LinkDown) == []


async def test_a_flapping_link_is_survived_for_an_hour(network: Network) -> None:
    async with room() as here:
        for _ in range(600):
            network.refuse()
            network.cut()
            await asyncio.sleep(3)
            network.heal()
            here.link.link_up()
            await asyncio.sleep(3)
        assert len(here.service.sessions) <= 600
        await until(lambda: isinstance(here.told[-1], LinkUp), within_s=30)


async def recoveries(network: Network, devices: int, cuts: int, seed: int) -> list[float]:
    """Cut many devices off again and again; how long each took to be back after the network was."""
    dice = random.Random(seed)
    took_s: list[float] = []
    async with AsyncExitStack() as stack:
        rooms = [await stack.enter_async_context(room()) for _ in range(devices)]
        for here in rooms:
            await here.tells(LinkUp)
        for _ in range(cuts):
            await asyncio.sleep(dice.uniform(1, 120))
            for here in dice.sample(rooms, len(rooms) // 2):
                here.speak()
            ups = [len(here.all(LinkUp)) for here in rooms]
            dice.choice([network.black_hole, network.half_open])()
            network.refuse()
            await asyncio.sleep(30 + dice.uniform(0.2, 120))
            network.heal()
            begin_s = now_s()
            for here, up in zip(rooms, ups, strict=True):
                here.link.link_up()
                await here.tells(LinkUp, nth=up + 1)
            took_s += [now_s() - begin_s]
    return sorted(took_s)


async def test_after_a_network_cut_every_device_is_back_in_seconds(network: Network) -> None:
    took_s = await recoveries(network, devices=5, cuts=6, seed=1)
    assert took_s[len(took_s) // 2] <= 1
    assert took_s[-1] <= 3


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_after_five_hundred_network_cuts_every_device_is_back_in_seconds(
    network: Network,
) -> None:
    took_s = await recoveries(network, devices=10, cuts=50, seed=2)
    assert took_s[len(took_s) // 2] <= 1
    assert took_s[int(len(took_s) * 0.95)] <= 3
    assert took_s[-1] <= 10


# -- the question that is being spoken


async def ask_through_an_outage(here: Simulation, network: Network, dice: random.Random) -> None:
    """Speak, lose the network for up to five seconds, and compare what the service got."""
    here.button.press()
    await here.leds.mic(is_open=True)
    saying = asyncio.ensure_future(here.microphone.say(SENTENCE, here.microphone.format.rate_hz))
    await asyncio.sleep(dice.uniform(0, len(SENTENCE) / here.microphone.format.rate_hz))
    dice.choice([network.cut, network.half_open, network.stall])()
    if dice.random() < 0.5:
        network.refuse()
    await asyncio.sleep(dice.uniform(0, 5))
    network.heal()
    here.daemon.parts.link.link_up()
    said = await saying
    here.button.release()
    await here.leds.shows(Pattern.SPEAKING, within_s=60)
    await here.leds.shows(Pattern.IDLE, within_s=60)
    [*_, turn] = here.service.sessions[-1].turns
    assert bytes(said.heard) in turn.pcm
    await asyncio.sleep(60)  # three outages within a minute are another matter


async def test_an_utterance_during_a_short_outage_arrives_whole(network: Network) -> None:
    dice = random.Random(3)
    async with box() as here:
        for _ in range(10):
            await ask_through_an_outage(here, network, dice)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_two_hundred_utterances_during_short_outages_arrive_whole(network: Network) -> None:
    dice = random.Random(4)
    async with box() as here:
        for _ in range(200):
            await ask_through_an_outage(here, network, dice)


# -- the service


@pytest.mark.parametrize("code", CLOSE_CODES)
async def test_every_close_code_is_followed_by_another_session(code: int) -> None:
    script = Script(faults=[Fault("input_audio_buffer.append", Close(code), nth=1)])
    async with connected(script) as here:
        await asyncio.sleep(70)
        begin_s = now_s()
        here.speak()
        await here.tells(LinkUp, nth=2)
        assert now_s() - begin_s <= 6
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"


@pytest.mark.parametrize("status", STATUSES)
async def test_every_refused_handshake_is_tried_again_at_a_decent_pace(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pi_voice")
    attempts = itertools.count()
    async with room(Script(refusals=(Refusal(status) for _ in attempts))) as here:
        await asyncio.sleep(HOUR_S)
        assert len(here.all(LinkDown)) == 1
    assert 2 <= next(attempts) <= 600
    assert len(caplog.records) <= 100


@pytest.mark.parametrize(
    ("refusal", "fault", "most"),
    [
        (Refusal(401, code="invalid_api_key"), LinkFault.REFUSED, 60),
        (Refusal(403), LinkFault.REFUSED, 60),
        (Refusal(429, code="insufficient_quota"), LinkFault.QUOTA, 30),
        (Refusal(404, code="model_not_found"), LinkFault.CONFIG, 30),
    ],
)
async def test_an_outage_of_key_quota_or_model_for_a_day_costs_few_attempts(
    refusal: Refusal, fault: LinkFault, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pi_voice")
    attempts = itertools.count()
    async with room(Script(refusals=(refusal for _ in attempts))) as here:
        await asyncio.sleep(DAY_S)
        assert {down.fault for down in here.all(LinkDown)} == {fault}
    assert 20 <= next(attempts) <= most
    assert len(caplog.records) <= 5


async def test_an_error_page_of_a_gateway_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pi_voice")
    page = "<html>Bad gateway " + "x" * 500_000
    async with room(Script(refusals=[Refusal(502, code=page)])) as here:
        await here.tells(LinkUp)
        assert here.all(LinkDown)[0].fault is LinkFault.SERVICE
    lengths = {entry.name: len(entry.getMessage()) for entry in caplog.records}
    assert max(lengths.values()) < 500, lengths


async def test_a_rate_limit_is_waited_out_for_as_long_as_asked() -> None:
    async with room(Script(refusals=[Refusal(429, retry_after_s=7)])) as here:
        down = await here.tells(LinkDown)
        begin_s = now_s()
        await here.tells(LinkUp)
        assert down.fault is LinkFault.SERVICE
        assert 7 <= now_s() - begin_s <= 8


async def test_an_empty_commit_and_a_cancel_of_nothing_harm_no_turn() -> None:
    async with connected() as here:
        here.link.cancel_reply()
        here.link.commit_turn()
        await here.tells(TurnRefused)
        here.link.cancel_reply()
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"
        assert here.all(LinkDown) == []


async def test_a_token_that_ran_out_is_fetched_again() -> None:
    """Short-lived keys open a session only for a while; each attempt asks for its own."""
    fetched: list[float] = []

    async def token() -> str:
        await asyncio.sleep(1)
        fetched.append(now_s())
        return f"ek_{len(fetched)}"

    async with room(Script(refusals=[Refusal(401)]), api_key=token) as here:
        await here.tells(LinkUp)
        await asyncio.sleep(700)
        here.service.cut()
        await here.tells(LinkUp, nth=2)
    assert len(fetched) == 3


@asynccontextmanager
async def steady(service: EmbeddedService) -> AsyncIterator[Room]:
    link = ServiceLink(LinkSettings(service.url), pace=Pace(lambda: 0.5))
    here = Room(link, service)
    async with link, asyncio.TaskGroup() as group:
        listening = group.create_task(here.listen())
        yield here
        listening.cancel()


async def test_a_service_that_freezes_is_left_and_found_again() -> None:
    async with EmbeddedService() as service, steady(service) as here:
        await here.tells(LinkUp)
        await service.freeze()
        here.speak()
        await here.tells(LinkDown)
        service.thaw()
        await here.tells(LinkUp, nth=2)
        await settle()
        await here.ask()
        assert (await here.tells(ReplyEnded)).status == "completed"
