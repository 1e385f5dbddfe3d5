"""A whole device whose turns the service finds, on simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pi_voice import build
from pi_voice.box import Watched
from pi_voice.build import Simulation
from pi_voice.config import Settings, parse
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.sim.network import Network
from pi_voice.state import Memory
from tests.test_simulation import CARD, SPEECH, loud_part, now_s, run
from tests.until import until

pytestmark = pytest.mark.virtual

MODES = ("server", "semantic")
each_mode = pytest.mark.parametrize("mode", MODES)


def settings_for(mode: str = "server", more: str = "") -> Settings:
    return parse(f'[activation]\nmode = "{mode}"\n[audio]\necho = "hardware"\n{more}')


@pytest.fixture(autouse=True)
def _weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the whole test run would be too much for a box."""
    monkeypatch.setattr("pi_voice.box.rss_mb", lambda: 50.0)


@asynccontextmanager
async def box(mode: str = "server", more: str = "") -> AsyncIterator[Simulation]:
    """A device that is online and hears, with all that watches over it."""
    settings = settings_for(mode, more)
    async with build.simulation(settings, CARD) as made:
        watched = Watched(settings, made.daemon, Memory())
        async with run(made):
            await made.leds.shows(Pattern.IDLE)
            await made.leds.mic(is_open=True)
            yield made
            watched.look(now_s(), 60.0)


async def streams(here: Simulation, seconds: float = 2.0) -> int:
    """How many bytes of sound the service gets within this time."""
    before = here.service.audio_received_bytes
    await asyncio.sleep(seconds)
    return here.service.audio_received_bytes - before


@each_mode
async def test_whoever_just_talks_is_answered(mode: str) -> None:
    async with box(mode) as here:
        await asyncio.sleep(3.0)
        said = await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.service.sessions[0].turns
        assert loud_part(bytes(said.heard)) in turn.pcm
        shown = [light.pattern for light in here.leds.shown]
        assert shown[-4:] == [
            Pattern.LISTENING,
            Pattern.THINKING,
            Pattern.SPEAKING,
            Pattern.IDLE,
        ]
        (told,) = here.log.turns
        assert told.heard_ms == pytest.approx(told.received_ms, abs=0.1)


@each_mode
async def test_speech_over_a_reply_silences_it_and_is_answered(mode: str) -> None:
    async with box(mode) as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(1.5)
        began_s = here.microphone.say(SPEECH, CARD.rate_hz).began_s
        await here.leds.shows(Pattern.LISTENING)
        heard_s = now_s()
        await until(lambda: here.service.sessions[0].truncations)
        silent_s = here.speaker.loud_until(began_s) or began_s
        assert silent_s - heard_s < 0.06
        await here.leds.shows(Pattern.SPEAKING)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        session = here.service.sessions[0]
        assert [cancel.reason for cancel in session.cancels] in ([], ["turn_detected"])
        assert [event for event in session.received if event["type"] == "response.cancel"] == []
        first, second = here.log.turns
        [truncation] = session.truncations
        assert first.truncated_at_ms == pytest.approx(truncation.audio_end_ms, abs=1.0)
        assert second.heard_ms == pytest.approx(second.received_ms, abs=0.1)


async def test_speech_over_a_reply_is_followed_by_silence_also_when_nothing_gets_out() -> None:
    async with box() as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(0.5)
        here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.LISTENING)
        await here.service.freeze()
        heard_s = now_s()
        await asyncio.sleep(1.0)
        silent_s = here.speaker.loud_until(heard_s) or heard_s
        assert silent_s - heard_s < 0.06
        here.service.thaw()


async def test_the_stream_goes_on_while_a_reply_is_heard() -> None:
    async with box() as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        assert await streams(here, 1.0) > 0.9 * CARD.size_bytes(1000)


async def test_a_press_over_a_reply_silences_it_and_nothing_more_of_it_comes() -> None:
    async with box() as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(0.5)
        pressed_s = now_s()
        await here.button.hold(60)
        await here.leds.shows(Pattern.IDLE)
        await asyncio.sleep(5.0)
        silent_s = here.speaker.loud_until(pressed_s) or pressed_s
        assert silent_s - pressed_s < 0.1
        assert len(here.service.sessions[0].truncations) == 1
        assert await streams(here) > 0


@each_mode
async def test_nothing_reaches_the_service_while_muted(mode: str) -> None:
    async with box(mode) as here:
        here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.LISTENING)
        here.daemon.post(Cue(Wish.MUTE, now_s(), local=True))
        await here.leds.mic(is_open=False)
        assert await streams(here, 30.0) == 0
        assert not here.service.sessions[0].turns
        here.daemon.post(Cue(Wish.UNMUTE, now_s(), local=True))
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        assert len(here.service.sessions[0].turns) == 1


async def test_a_link_that_breaks_in_mid_sentence_is_told_and_streams_again() -> None:
    async with box() as here:
        here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.LISTENING)
        here.service.cut()
        await here.leds.shows(Pattern.STARTING)
        await until(lambda: len(here.service.sessions) == 2)
        await asyncio.sleep(10.0)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        assert here.service.sessions[1].turns[-1].status != "failed"


async def test_of_a_reply_that_the_link_cuts_all_that_came_is_heard() -> None:
    async with box() as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(0.3)
        here.service.cut()
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.log.turns
        assert turn.heard_ms == pytest.approx(turn.received_ms, abs=0.1)
        assert await streams(here) > 0


async def test_a_long_outage_is_shown_with_a_closed_microphone(network: Network) -> None:
    async with box() as here:
        network.cut()
        network.refuse()
        await here.leds.shows(Pattern.NO_NETWORK)
        await here.leds.mic(is_open=False)
        network.heal()
        await here.leds.shows(Pattern.IDLE, within_s=60)
        await here.leds.mic(is_open=True)
        assert await streams(here) > 0


async def test_a_spent_day_stops_the_stream() -> None:
    async with box(more="[limits]\nday_min = 1\nidle_hang_up_min = 0\n") as here:
        await here.leds.shows(Pattern.BUDGET_SPENT, within_s=90)
        await here.leds.mic(is_open=False)
        assert await streams(here, 30.0) == 0
        assert here.service.audio_received_bytes <= CARD.size_bytes(61_000)


async def test_a_quiet_hour_is_no_long_turn() -> None:
    more = "[limits]\nturn_s = 60\nhour_min = 0\nday_min = 0\nidle_hang_up_min = 0\n"
    async with box(more=more) as here:
        shown = len(here.leds.shown)
        await asyncio.sleep(150.0)
        assert len(here.leds.shown) == shown
        assert await streams(here) > 0


async def test_a_box_that_nobody_talks_to_sleeps_until_a_press() -> None:
    async with box(more="[limits]\nidle_hang_up_min = 1\n") as here:
        await here.leds.shows(Pattern.ASLEEP, within_s=90)
        await here.leds.mic(is_open=False)
        here.microphone.say(SPEECH, CARD.rate_hz)
        assert await streams(here, 3600.0) == 0
        await here.button.hold(60)
        await here.leds.shows(Pattern.IDLE)
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        assert len(here.service.sessions) == 2


async def test_a_full_session_is_followed_by_one_that_hears_at_once() -> None:
    async with box(more="[limits]\nsession_min = 0.05\n") as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await until(lambda: len(here.service.sessions) == 2)
        await here.leds.shows(Pattern.IDLE)
        assert here.microphone.is_open
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)


async def test_a_microphone_that_is_plugged_in_again_is_heard() -> None:
    async with box() as here:
        here.microphone.unplug()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        here.microphone.plug_in()
        await here.leds.shows(Pattern.IDLE, within_s=60)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)


async def test_g711_is_streamed_and_answered_too() -> None:
    async with box(more='[service]\nformat = "pcmu"\n') as here:
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await here.leds.shows(Pattern.IDLE, within_s=60)
