"""The configurations that the installer begins with, each run as the device that it makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings, load
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.frames import AudioFormat
from pi_voice.installer.release import PROFILES
from pi_voice.sim.wav import read_wav
from tests.readme import README

CONFIG = Path(__file__).parent.parent / "config"
CARD = AudioFormat(48_000)
HELLO = read_wav(Path(build.__file__).parent / "sim" / "hello.wav")
SPEECH = build.resampled(HELLO.mono, HELLO.rate_hz, CARD.rate_hz)


def profile(name: str) -> Settings:
    return load(CONFIG / f"{name}.toml")


@asynccontextmanager
async def box(name: str) -> AsyncIterator[Simulation]:
    """A device that is online and idle, as a profile makes it."""
    async with build.simulation(profile(name), CARD) as made:
        running = asyncio.create_task(made.daemon.run())
        await made.leds.shows(Pattern.IDLE)
        yield made
        made.daemon.stop()
        await running


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_asks_for_no_key(name: str) -> None:
    assert profile(name).service.url == "embedded"


@pytest.mark.parametrize("name", PROFILES)
def test_the_readme_and_the_installer_say_the_same_of_a_profile(name: str) -> None:
    assert f"\n| `{name}` | {PROFILES[name]} | " in README.read_text()


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_says_how_it_is_wired(name: str) -> None:
    settings, text = profile(name), (CONFIG / f"{name}.toml").read_text()
    wiring = text.partition("version =")[0]
    lights = settings.leds.pins if settings.leds.driver == "rgb" else (settings.leds.pin,)
    assert [pin for pin in (settings.button.pin, *lights) if f"GPIO {pin}" not in wiring] == []


@pytest.mark.virtual
@pytest.mark.parametrize("name", ["hobby-kit", "kiosk"])
async def test_who_holds_the_button_and_talks_is_answered(name: str) -> None:
    async with box(name) as here:
        assert not here.microphone.is_open
        here.button.press()
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        here.button.release()
        await here.leds.shows(Pattern.SPEAKING)
        await here.leds.shows(Pattern.IDLE, within_s=60)
        assert not here.microphone.is_open
        assert [turn.status for turn in here.service.sessions[0].turns] == ["completed"]


@pytest.mark.virtual
async def test_two_short_presses_mute_the_hobby_kit() -> None:
    async with box("hobby-kit") as here:
        await twice(here)
        await here.leds.shows(Pattern.MUTED)
        await twice(here)
        await here.leds.shows(Pattern.IDLE)


async def twice(here: Simulation) -> None:
    await here.button.hold(80)
    await asyncio.sleep(0.1)
    await here.button.hold(80)


@pytest.mark.virtual
async def test_who_just_talks_to_the_smart_speaker_is_answered_and_may_interrupt() -> None:
    async with box("smart-speaker") as here:
        await here.leds.mic(is_open=True)
        await here.microphone.say(SPEECH, CARD.rate_hz)
        await here.leds.shows(Pattern.SPEAKING, within_s=60)
        await here.button.hold(80)
        await here.leds.shows(Pattern.IDLE)
        assert here.log.turns[0].interrupted_s is not None


@pytest.mark.virtual
async def test_a_long_press_closes_the_ear_of_the_smart_speaker() -> None:
    async with box("smart-speaker") as here:
        await here.leds.mic(is_open=True)
        await here.button.hold(2000)
        await here.leds.shows(Pattern.MUTED)
        await here.leds.mic(is_open=False)


@pytest.mark.virtual
async def test_nobody_far_away_unmutes_a_kiosk() -> None:
    async with box("kiosk") as here:
        now_s = asyncio.get_running_loop().time()
        here.daemon.post(Cue(Wish.MUTE, now_s, local=False))
        await here.leds.shows(Pattern.MUTED)
        here.daemon.post(Cue(Wish.UNMUTE, now_s, local=False))
        await asyncio.sleep(1)
        assert here.leds.pattern is Pattern.MUTED


def test_a_kiosk_may_spend_less_than_a_box_at_home() -> None:
    kiosk, home = profile("kiosk").limits, Settings().limits
    for name in ("turn_s", "session_min", "hour_min", "day_min", "idle_hang_up_min"):
        assert 0 < getattr(kiosk, name) < getattr(home, name)


def test_a_kiosk_writes_only_where_a_partition_of_its_own_may_be() -> None:
    device = profile("kiosk").device
    assert device.state_dir == Path("/var/lib/pi-voice")
    assert device.runtime_dir == Path("/run/pi-voice")
