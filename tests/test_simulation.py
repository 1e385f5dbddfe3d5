"""The whole device on simulated time: daemon, link, service; only the network is memory."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.daemon import Daemon
from pi_voice.demo import Mode
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.sim.clock import VirtualLoop
from pi_voice.sim.faults import Fault, Refusal, Script, Silence
from pi_voice.sim.microphone import Utterance
from pi_voice.sim.network import Network
from pi_voice.sim.room import Room
from pi_voice.sim.server import EmbeddedService
from pi_voice.sim.wav import read_wav
from pi_voice.transport.link import ServiceLink
from tests.until import until

pytestmark = pytest.mark.virtual

CARD = AudioFormat(24_000)  # the rate of the wire: what is spoken can be compared sample by sample
SPEECH = build.resampled(
    read_wav(Path(str(files("pi_voice.sim") / "hello.wav"))).mono, 16_000, CARD.rate_hz
)


def settings_for(mode: Mode, *, hot: bool = False, sleepy: bool = False) -> Settings:
    settings = Settings()
    return replace(
        settings,
        activation=replace(settings.activation, mode=mode, hot=hot),
        limits=replace(settings.limits, idle_hang_up_min=10 if sleepy else 0),
    )


@asynccontextmanager
async def box(
    mode: Mode = "push_to_talk",
    card: AudioFormat = CARD,
    *,
    hot: bool = False,
    sleepy: bool = False,
) -> AsyncIterator[Simulation]:
    """A device that is online and idle."""
    settings = settings_for(mode, hot=hot, sleepy=sleepy)
    async with build.simulation(settings, card) as made, run(made):
        await made.leds.shows(Pattern.IDLE)
        yield made


@asynccontextmanager
async def box_at(service: EmbeddedService, mode: Mode) -> AsyncIterator[Simulation]:
    """A device that was just started, at a service that need not behave."""
    settings = settings_for(mode)
    async with build.simulation(settings, CARD) as made:
        link = ServiceLink(build.link_settings(settings, service.url))
        parts = replace(made.daemon.parts, link=link)
        daemon = Daemon(build.device(settings), parts, made.log)
        moved = replace(made, daemon=daemon, service=service)
        async with run(moved):
            yield moved


@asynccontextmanager
async def run(made: Simulation) -> AsyncIterator[None]:
    running = asyncio.create_task(made.daemon.run())
    try:
        yield
    finally:
        made.daemon.stop()
        await running


async def speak(here: Simulation, pcm: bytes = SPEECH) -> Utterance:
    here.button.press()
    await here.leds.mic(is_open=True)
    said = await here.microphone.say(pcm, here.microphone.format.rate_hz)
    here.button.release()
    return said


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_the_service_receives_what_was_spoken_sample_for_sample() -> None:
    async with box() as here:
        said = await speak(here)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.service.sessions[0].turns
        assert said.heard_whole
        assert bytes(said.heard) in turn.pcm


async def test_the_reply_is_heard_from_its_first_to_its_last_sample() -> None:
    async with box() as here:
        await speak(here)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.log.turns
        sent_ms = WIRE.duration_ms(len(here.service.sessions[0].turns[0].pcm))
        assert turn.received_ms == sent_ms
        assert turn.heard_ms == pytest.approx(sent_ms, abs=0.1)


async def test_three_turns_in_a_row_are_three_replies() -> None:
    async with box() as here:
        for _ in range(3):
            await speak(here)
            await here.leds.shows(Pattern.IDLE, within_s=60)
        assert [turn.status for turn in here.service.sessions[0].turns] == ["completed"] * 3
        assert len(here.log.turns) == 3


INTERRUPTS = [20, pytest.param(200, marks=(pytest.mark.long, pytest.mark.timeout(900)))]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("interrupts", INTERRUPTS)
async def test_a_press_is_followed_by_silence_within_60_ms(interrupts: int, frozen: bool) -> None:
    chance, gaps_ms = random.Random(7), []
    for _ in range(interrupts):
        async with box() as here:
            await speak(here)
            await here.leds.shows(Pattern.SPEAKING)
            await asyncio.sleep(chance.uniform(0.3, 2.5))
            if frozen:
                await here.service.freeze()
            pressed_s = now_s()
            await here.button.hold(60)
            await asyncio.sleep(1.0)
            silent_s = here.speaker.loud_until(pressed_s) or pressed_s
            gaps_ms.append((silent_s - pressed_s) * 1000)
            here.service.thaw()
    assert statistics.quantiles(gaps_ms, n=20)[-1] <= 60
    assert max(gaps_ms) <= 100


@pytest.mark.parametrize("interrupts", INTERRUPTS)
async def test_the_service_is_told_what_was_heard_within_40_ms(interrupts: int) -> None:
    chance, wrong_ms = random.Random(11), []
    for _ in range(interrupts):
        async with box() as here:
            await speak(here)
            await here.leds.shows(Pattern.SPEAKING)
            await asyncio.sleep(chance.uniform(0.3, 2.5))
            await here.button.hold(60)
            session = here.service.sessions[0]
            await until(partial(len, session.truncations))
            (turn,) = here.log.turns
            assert turn.first_heard_s is not None
            assert turn.interrupted_s is not None
            ended_s = here.speaker.loud_until(turn.interrupted_s) or turn.interrupted_s
            heard_ms = (ended_s - turn.first_heard_s) * 1000
            wrong_ms.append(abs(session.truncations[0].audio_end_ms - heard_ms))
    assert max(wrong_ms) <= 40


async def test_nothing_reaches_the_service_while_muted() -> None:
    async with box() as here:
        here.daemon.post(Cue(Wish.MUTE, now_s(), local=True))
        before = here.service.audio_received_bytes
        here.button.press()
        await here.microphone.say(SPEECH, CARD.rate_hz)
        here.button.release()
        assert here.service.audio_received_bytes == before
        assert not here.microphone.is_open


async def test_mute_in_mid_word_closes_the_handle_and_nothing_is_answered() -> None:
    async with box() as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.say(SPEECH, CARD.rate_hz)
        await asyncio.sleep(1.0)
        here.daemon.post(Cue(Wish.MUTE, now_s(), local=True))
        await here.leds.mic(is_open=False)
        received = here.service.audio_received_bytes
        await asyncio.sleep(10.0)
        assert here.service.audio_received_bytes == received
        assert not here.service.sessions[0].turns


async def test_a_question_asked_during_a_short_outage_arrives_whole() -> None:
    async with box() as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        said = here.microphone.say(SPEECH, CARD.rate_hz)
        await asyncio.sleep(1.0)
        here.service.cut()
        await said
        here.button.release()
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.service.sessions[-1].turns
        assert bytes(said.heard) in turn.pcm
        assert len(here.service.sessions) == 2


async def test_a_long_outage_is_shown_and_over_when_the_network_is_back() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with box() as here:
        loop.network.cut()
        loop.network.refuse()
        await here.leds.shows(Pattern.NO_NETWORK)
        await asyncio.sleep(120.0)
        loop.network.heal()
        await here.leds.shows(Pattern.IDLE, within_s=60)
        await speak(here)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        assert here.service.sessions[-1].turns[0].status == "completed"


async def test_an_unplugged_microphone_ends_the_turn_and_works_again() -> None:
    async with box() as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.unplug()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        here.button.release()
        here.microphone.plug_in()
        await speak(here)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        assert here.service.sessions[0].turns[0].status == "completed"


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
async def test_any_card_gives_a_whole_turn(rate_hz: int, channels: int) -> None:
    card = AudioFormat(rate_hz, channels)
    pcm = build.resampled(SPEECH, CARD.rate_hz, rate_hz)
    async with box(card=card) as here:
        said = await speak(here, pcm)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        spoken_ms = (said.ends_s - said.began_s) * 1000
        sent_ms = WIRE.duration_ms(len(here.service.sessions[0].turns[0].pcm))
        assert said.heard_whole
        assert spoken_ms <= sent_ms <= spoken_ms + 400


async def test_a_hands_free_turn_has_its_first_and_its_last_word() -> None:
    async with box("voice") as here:
        await here.leds.mic(is_open=True)
        await asyncio.sleep(2.0)
        said = await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        (turn,) = here.service.sessions[0].turns
        assert loud_part(bytes(said.heard)) in turn.pcm


def loud_part(pcm: bytes) -> bytes:
    """From the first to the last loud sample."""
    samples = array("h", pcm)
    loud = [index for index, sample in enumerate(samples) if abs(sample) > 300]
    return samples[loud[0] : loud[-1] + 1].tobytes()


async def test_toggle_needs_no_holding() -> None:
    async with box("toggle") as here:
        await here.button.hold(80)
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.button.hold(80)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        assert here.service.sessions[0].turns[0].status == "completed"


async def test_the_microphone_light_is_the_open_handle() -> None:
    async with box() as here:
        for _ in range(3):
            await speak(here)
            await here.leds.shows(Pattern.IDLE, within_s=60)
            assert here.leds.mic_is_open is here.microphone.is_open is False


async def test_stopping_silences_a_reply_at_once() -> None:
    async with box() as here:
        await speak(here)
        await here.leds.shows(Pattern.SPEAKING)
        await asyncio.sleep(0.5)
        await here.service.freeze()  # the goodbye may take as long as it likes
        stopped_s = now_s()
        here.daemon.stop()
        await asyncio.sleep(1.0)
        silent_s = here.speaker.loud_until(stopped_s) or stopped_s
        assert silent_s - stopped_s < 0.1
        here.service.thaw()


async def test_a_renewed_session_is_noticed_by_nobody() -> None:
    async with box() as here:
        shown = len(here.leds.shown)
        await asyncio.sleep(3700.0)
        assert len(here.service.sessions) == 2
        assert here.leds.shown[shown:] == []


async def test_a_box_that_sleeps_hears_the_whole_question_that_wakes_it() -> None:
    async with box(sleepy=True) as here:
        await here.leds.shows(Pattern.ASLEEP, within_s=700)
        await asyncio.sleep(3 * 3600.0)
        assert len(here.service.sessions) == 1
        said = await speak(here)
        await here.leds.shows(Pattern.SPEAKING)
        assert len(here.service.sessions) == 2
        (turn,) = here.service.sessions[-1].turns
        assert bytes(said.heard) in turn.pcm


async def test_a_refused_key_is_shown_for_as_long_as_it_is_refused() -> None:
    refusals = itertools.repeat(Refusal(401, code="invalid_api_key"))
    async with EmbeddedService(script=Script(refusals=refusals)) as service:
        async with box_at(service, "push_to_talk") as here:
            await here.leds.shows(Pattern.KEY_REFUSED)
            await asyncio.sleep(20.0)
            assert here.leds.pattern is Pattern.KEY_REFUSED


async def test_a_failed_reply_in_voice_mode_is_one_failure_and_no_loop() -> None:
    silent = Script(faults=[Fault("response.created", Silence(), nth=None)])
    async with EmbeddedService(script=silent) as service:
        async with box_at(service, "voice") as here:
            here.microphone.surroundings = Room(here.speaker)
            await here.leds.mic(is_open=True)
            await asyncio.sleep(3.0)
            await here.microphone.say(SPEECH, CARD.rate_hz)
            await asyncio.sleep(120.0)
            assert len(here.log.turns) == 1


async def test_a_tap_on_a_hot_box_is_no_turn() -> None:
    async with box(hot=True) as here:
        await here.leds.mic(is_open=True)
        await asyncio.sleep(1.0)
        await here.button.hold(40)
        await asyncio.sleep(5.0)
        assert not here.service.sessions[0].turns


async def test_a_hands_free_box_without_network_does_not_talk_to_itself(network: Network) -> None:
    async with box("voice") as here:
        here.microphone.surroundings = Room(here.speaker)
        await here.leds.mic(is_open=True)
        network.cut()
        network.refuse()
        await here.leds.shows(Pattern.NO_NETWORK)
        asked_s = now_s()
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await asyncio.sleep(60.0)
        last_s = here.speaker.loud_until(asked_s) or asked_s
        assert last_s - asked_s < 15.0


@pytest.mark.parametrize("gain_db", [0.0, -12.0])
async def test_the_sounds_of_a_hands_free_box_are_no_turns(gain_db: float) -> None:
    async with box("voice") as here:
        here.microphone.surroundings = Room(here.speaker, gain_db=gain_db)
        await here.leds.mic(is_open=True)
        await asyncio.sleep(2.0)
        for wish in (Wish.SAY_STATUS, Wish.MUTE, Wish.UNMUTE):
            here.daemon.post(Cue(wish, now_s(), local=True))
            await asyncio.sleep(5.0)
        await asyncio.sleep(15.0)
        assert not here.service.sessions[0].turns


async def test_a_microphone_that_is_plugged_in_again_clears_the_light() -> None:
    async with box() as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.unplug()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        here.button.release()
        here.microphone.plug_in()
        await here.leds.shows(Pattern.IDLE, within_s=60)


async def test_a_hot_box_without_a_microphone_says_so_at_a_press() -> None:
    async with box(hot=True) as here:
        await here.leds.mic(is_open=True)
        here.microphone.unplug()
        await here.leds.shows(Pattern.NO_MICROPHONE)
        pressed_s = now_s()
        assert here.speaker.loud_until(pressed_s) is None
        await here.button.hold(1000)
        await asyncio.sleep(3.0)
        assert here.speaker.loud_until(pressed_s) is not None


async def test_a_speaker_that_is_unplugged_ends_the_reply() -> None:
    async with box() as here:
        await speak(here)
        await here.leds.shows(Pattern.SPEAKING)
        here.speaker.unplug()
        unplugged_s = now_s()
        await here.leds.shows(Pattern.NO_SPEAKER, within_s=120)
        assert now_s() - unplugged_s < 3.0
        here.speaker.plug_in()
        await speak(here)
        await here.leds.shows(Pattern.SPEAKING)


async def test_nothing_of_a_question_leaves_after_mute_while_it_is_sent_again(
    network: Network,
) -> None:
    async with box() as here:
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.say(SPEECH * 5, CARD.rate_hz)
        await asyncio.sleep(8.0)
        network.bytes_per_s, network.window_bytes = 40_000, 16_384
        here.service.cut()
        here.button.release()
        await until(lambda: len(here.service.sessions) == 2)
        await asyncio.sleep(1.0)  # of the twelve that the upload takes
        here.daemon.post(Cue(Wish.MUTE, now_s(), local=True))
        await asyncio.sleep(1.0)  # what is on the wire arrives
        received = here.service.audio_received_bytes
        await asyncio.sleep(30.0)
        assert here.service.audio_received_bytes == received


async def test_a_long_question_over_a_slow_uplink_is_answered(network: Network) -> None:
    async with box() as here:
        network.bytes_per_s = 100_000  # live sound takes 64,000
        here.button.press()
        await here.leds.mic(is_open=True)
        here.microphone.say(SPEECH * 15, CARD.rate_hz)
        await asyncio.sleep(40.0)
        here.service.cut()
        await asyncio.sleep(0.5)
        here.button.release()
        await asyncio.sleep(60.0)
        assert [turn.status for turn in here.service.sessions[-1].turns] == ["completed"]
