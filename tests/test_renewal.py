"""Sessions that are changed over before they end: nothing that is said meanwhile is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pi_voice.build import Simulation
from pi_voice.core.actions import Pattern
from pi_voice.sim.faults import Close, Fault, Script, Send
from pi_voice.sim.network import Network
from pi_voice.sim.server import EmbeddedService
from pi_voice.sim.service_wire import error_event
from tests.test_simulation import SPEECH, box_at
from tests.until import until

pytestmark = pytest.mark.virtual

SESSION_S = 360.0  # of this service: changed over after one minute
ROUND_TRIP_S = 0.2
CHANGE_OVER_S = 3 * ROUND_TRIP_S  # connect, shake hands, agree on the settings
BEFORE_S = 0.1  # longer than the look for a quiet moment takes to be over


@asynccontextmanager
async def online(script: Script) -> AsyncIterator[Simulation]:
    async with EmbeddedService(script=script) as service, box_at(service, "push_to_talk") as here:
        await here.leds.shows(Pattern.IDLE)
        yield here


async def ask(here: Simulation) -> bytes:
    """Press, speak, release; returns what the microphone heard."""
    here.button.press()
    await here.leds.mic(is_open=True)
    said = await here.microphone.say(SPEECH, here.microphone.format.rate_hz)
    here.button.release()
    await here.leds.shows(Pattern.SPEAKING, within_s=60)
    await here.leds.shows(Pattern.IDLE, within_s=60)
    return bytes(said.heard)


def committed(here: Simulation) -> list[bytes]:
    return [turn.pcm for session in here.service.sessions for turn in session.turns]


async def ask_around_the_change_over(network: Network, after_s: float) -> None:
    """Speak so long after the next connection was opened, and compare what arrives."""
    network.delay_ms = ROUND_TRIP_S * 500
    async with online(Script(session_s=SESSION_S)) as here:
        await until(lambda: network.connections == 2, within_s=SESSION_S)
        await asyncio.sleep(after_s)
        said = await ask(here)
        [pcm] = committed(here)
        assert said in pcm
        await until(lambda: len(here.service.sessions) == 2)
        await until(lambda: network.connections == 1)


@pytest.mark.parametrize("after_s", [0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65])
async def test_the_first_utterance_after_a_swap_is_not_lost(
    network: Network, after_s: float
) -> None:
    await ask_around_the_change_over(network, after_s)


@pytest.mark.long
@pytest.mark.parametrize("step", range(100))
async def test_no_utterance_around_a_swap_is_lost(network: Network, step: int) -> None:
    await ask_around_the_change_over(network, step * 0.01)


async def test_a_session_is_not_changed_while_somebody_talks_or_listens(network: Network) -> None:
    network.delay_ms = 10
    async with online(Script(session_s=SESSION_S)) as here:
        asked = 0
        while len(here.service.sessions) == 1:
            await ask(here)
            asked += 1
        turns = [turn for session in here.service.sessions for turn in session.turns]
        assert [turn.status for turn in turns] == ["completed"] * asked


@pytest.mark.parametrize("at", ["input_audio_buffer.append", "response.created"])
async def test_a_session_that_expires_in_mid_turn_does_not_cut_the_turn(at: str) -> None:
    expired = Send(error_event("session_expired", "Your session hit the maximum duration."))
    script = Script(faults=[Fault(at, expired), Fault(at, Close(1001))])
    async with online(script) as here:
        said = await ask(here)
        assert said in here.service.sessions[1].turns[-1].pcm
        assert here.service.sessions[1].turns[-1].status == "completed"
