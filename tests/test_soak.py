"""Hours and days in the life of the box, with what goes wrong in them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pi_voice import build, demo
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.core.states import Turn
from pi_voice.daemon import Daemon
from pi_voice.frames import WIRE
from pi_voice.retry import WORKING_S
from pi_voice.sim.faults import Refusal, Script
from pi_voice.sim.network import Network
from pi_voice.sim.server import EmbeddedService
from pi_voice.simulate import Wishes, live, report
from pi_voice.simulate_checks import Ear
from pi_voice.simulate_habits import HABITS, Mode
from pi_voice.simulate_person import speech
from pi_voice.transport.link import ServiceLink
from tests.until import until

SPEECH = speech(WIRE.rate_hz)
MOST_UPLOADED_S = 60.0  # of a day of room noise
MOST_CONNECTS = 100  # in a day at a service that lets nobody in
NOTICED_S = 10.0
DAY_S = 86_400.0


@asynccontextmanager
async def box(mode: demo.Mode = "push_to_talk") -> AsyncIterator[Simulation]:
    """A device that is online and idle."""
    settings = Settings()
    settings = replace(settings, activation=replace(settings.activation, mode=mode))
    async with build.simulation(settings, WIRE) as made:
        made.leds.keep, made.speaker.keep_s, made.microphone.watched = 100, 60.0, True
        running = asyncio.create_task(made.daemon.run())
        try:
            await made.leds.shows(Pattern.IDLE)
            yield made
        finally:
            made.daemon.stop()
            await running


# -- the simulated day


@pytest.mark.off_the_wire
@pytest.mark.timeout(900)  # 15 s of a core that has nothing else to do
def test_two_hours_of_faults_do_the_box_no_harm() -> None:
    outcome = live(Wishes(hours=2.0, seed=24))
    assert outcome.problem is None, "\n".join(report(outcome))
    assert outcome.record.outcomes.total() >= 60
    assert outcome.record.faults.total() >= 40


@pytest.mark.long
@pytest.mark.off_the_wire
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", HABITS)
def test_a_day_of_faults_does_the_box_no_harm(
    mode: Mode, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = live(Wishes(hours=24.0, seed=24, mode=mode))
    with capsys.disabled():
        print(*report(outcome), sep="\n")  # noqa: T201  # the table that people ask for
    assert outcome.problem is None
    assert outcome.record.outcomes.total() >= 1000
    assert outcome.swaps >= 24


# -- outages while somebody talks


async def ask_through_an_outage(
    here: Simulation, network: Network, chance: random.Random, longest_s: float
) -> bool:
    """Talk while the link is lost; True if what was committed is what was said."""
    here.button.press()
    await here.leds.mic(is_open=True)
    began_s = asyncio.get_running_loop().time()
    said = here.microphone.say(SPEECH * chance.choice((1, 2, 3)), WIRE.rate_hz)
    await asyncio.sleep(chance.uniform(0.1, (said.ends_s - began_s) * 0.9))
    network.cut()
    chance.choice((network.refuse, network.stall, network.black_hole))()
    healing = asyncio.create_task(_heal(network, chance.uniform(0.1, longest_s)))
    await said
    here.button.release()
    await until(lambda: here.daemon.device.turn is Turn.IDLE, within_s=120)
    await healing
    turns = [t for s in here.service.sessions for t in s.turns if t.committed_at_s >= began_s]
    return said.heard_whole and [bytes(said.heard) in turn.pcm for turn in turns] == [True]


async def _heal(network: Network, after_s: float) -> None:
    await asyncio.sleep(after_s)
    network.heal()


async def outages(count: int, longest_s: float, network: Network) -> list[bool]:
    random.seed(5)  # the dice of the reconnects
    chance, whole = random.Random(5), []
    async with box() as here:
        here.service.keep(sessions=5, audio_bytes=2**22)
        for _ in range(count):
            whole.append(await ask_through_an_outage(here, network, chance, longest_s))
            await here.leds.shows(Pattern.IDLE, within_s=60)
            await asyncio.sleep(WORKING_S + chance.uniform(1, 10))  # sooner it is the same outage
    return whole


@pytest.mark.virtual
@pytest.mark.off_the_wire
@pytest.mark.parametrize("longest_s", [2.5, 5.0])
async def test_what_is_said_during_an_outage_is_asked_word_for_word(
    longest_s: float, network: Network
) -> None:
    assert await outages(10, longest_s, network) == [True] * 10


@pytest.mark.long
@pytest.mark.virtual
@pytest.mark.off_the_wire
@pytest.mark.timeout(3600)
async def test_200_questions_survive_200_outages(network: Network) -> None:
    assert (await outages(200, 5.0, network)).count(True) == 200


# -- mute


@pytest.mark.virtual
async def test_nothing_that_waits_for_a_slow_uplink_leaves_after_mute(network: Network) -> None:
    async with box() as here:
        network.bytes_per_s, network.window_bytes = 40_000, 16_384
        ear = Ear(here.daemon.device, network)
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.say(SPEECH, WIRE.rate_hz)
        await asyncio.sleep(2.0)
        here.daemon.post(Cue(Wish.MUTE, asyncio.get_running_loop().time(), local=True))
        await asyncio.sleep(10.0)
        here.button.release()
        assert ear.heard == 0


@pytest.mark.virtual
async def test_a_question_that_waits_for_a_slow_uplink_is_not_sent_after_mute(
    network: Network,
) -> None:
    async with box() as here:
        network.bytes_per_s, network.window_bytes = 30_000, 16_384
        ear = Ear(here.daemon.device, network)
        here.button.press()
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, WIRE.rate_hz)
        here.button.release()
        await here.leds.shows(Pattern.THINKING)
        here.daemon.post(Cue(Wish.MUTE, asyncio.get_running_loop().time(), local=True))
        await asyncio.sleep(10.0)
        assert ear.heard == 0


# -- a microphone that plays dead


async def notices(here: Simulation, strike: Callable[[], None]) -> float:
    """Let it happen while somebody talks; seconds until the light tells, at most 15."""
    loop = asyncio.get_running_loop()
    here.button.press()
    await here.leds.mic(is_open=True)
    await asyncio.sleep(0.5)
    strike()
    struck_s = loop.time()
    with contextlib.suppress(TimeoutError):
        await here.leds.shows(Pattern.NO_MICROPHONE, within_s=15.0)
    noticed_s = loop.time() - struck_s
    here.button.release()
    return noticed_s


@pytest.mark.virtual
async def test_capture_that_stops_is_noticed_soon() -> None:
    async with box() as here:
        assert await notices(here, here.microphone.stall) <= NOTICED_S


@pytest.mark.virtual
@pytest.mark.parametrize("every", [2, 25])
async def test_capture_that_drips_is_noticed_soon(every: int) -> None:
    async with box() as here:
        assert await notices(here, lambda: here.microphone.trickle(every=every)) <= NOTICED_S


# -- a service that lets nobody in


async def connects_in_a_day(refusal: Refusal) -> int:
    """How often a box knocks while a refusal lasts, with somebody who presses every hour."""
    knocks = itertools.count()
    refusals = (refusal for _ in knocks)
    async with EmbeddedService(script=Script(refusals=refusals)) as service:
        settings = Settings()
        async with build.simulation(settings, WIRE) as made:
            link = ServiceLink(build.link_settings(settings, service.url))
            daemon = Daemon(build.device(settings), replace(made.daemon.parts, link=link))
            running = asyncio.create_task(daemon.run())
            for _ in range(24):
                await asyncio.sleep(DAY_S / 24)
                await made.button.hold(1000)
            assert not running.done()
            daemon.stop()
            await running
    return next(knocks)


@pytest.mark.virtual
@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(401, code="invalid_api_key"),
        Refusal(403, code="forbidden"),
        Refusal(429, code="insufficient_quota"),
    ],
    ids=lambda refusal: refusal.code,
)
async def test_a_box_that_is_refused_for_a_day_asks_a_hundred_times_at_most(
    refusal: Refusal,
) -> None:
    assert await connects_in_a_day(refusal) <= MOST_CONNECTS


@pytest.mark.virtual
async def test_an_hour_of_a_flapping_link_costs_few_sessions(network: Network) -> None:
    async with box() as here:
        for _ in range(600):
            network.cut()
            network.refuse()
            await asyncio.sleep(3.0)
            network.heal()
            await asyncio.sleep(3.0)
        await here.leds.shows(Pattern.IDLE, within_s=600)
        made_s = [session for session in here.service.sessions if session.received]
        assert len(made_s) <= 50


# -- a room that is never quiet


def noise(kind: str, chance: random.Random, seconds: float, level_db: float) -> bytes:
    """Stationary noise: white, pink, or the hum of the mains.

    Args:
        kind: Which.
        chance: The dice.
        seconds: How long.
        level_db: Of its peak, below full scale.
    """
    count = int(seconds * WIRE.rate_hz)
    peak = 32_767 * 10 ** (level_db / 20)
    if kind == "white":
        raw = [chance.uniform(-1, 1) for _ in range(count)]
    elif kind == "pink":  # a sum of walks that step at octaves (Voss and McCartney)
        rows = [chance.uniform(-1, 1) for _ in range(12)]
        raw = []
        for number in range(1, count + 1):
            row = (number & -number).bit_length() - 1
            if row < len(rows):
                rows[row] = chance.uniform(-1, 1)
            raw.append(sum(rows) / len(rows))
    else:
        period = WIRE.rate_hz // 50
        wave = [0.7 * (2 * ((n % period) / period) - 1) for n in range(period)]
        raw = [wave[n % period] + chance.uniform(-0.05, 0.05) for n in range(count)]
    return array("h", (int(peak * value) for value in raw)).tobytes()


async def seconds_uploaded(hours: float) -> float:
    """What a hands-free box sends of a room whose noise swells and fades by 30 dB.

    Each noise lasts three hours and then gives way to another at once.
    """
    chance = random.Random(9)
    kinds = [noise(kind, chance, 10.0, -18.0) for kind in ("white", "pink", "hum")]
    async with box("voice") as here:
        level_db = -15.0
        for piece in range(int(hours * 360)):
            level_db = min(0.0, max(-30.0, level_db + chance.uniform(-2, 2)))
            gain = 10 ** (level_db / 20)
            heard = array("h", kinds[piece // 1080 % len(kinds)])
            pcm = array("h", (int(gain * value) for value in heard)).tobytes()
            here.microphone.say(pcm, WIRE.rate_hz)
            await asyncio.sleep(10.0)
        return here.service.audio_received_bytes / WIRE.size_bytes(1000)


@pytest.mark.virtual
async def test_room_noise_is_hardly_ever_sent() -> None:
    assert await seconds_uploaded(0.05) <= MOST_UPLOADED_S / 6


@pytest.mark.long
@pytest.mark.virtual
@pytest.mark.off_the_wire
@pytest.mark.timeout(7200)
async def test_a_day_of_room_noise_costs_a_minute_at_most() -> None:
    assert await seconds_uploaded(24.0) <= MOST_UPLOADED_S
