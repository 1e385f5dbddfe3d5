"""`pi-voice run`, as it ships, on real lines and a real sound card, with a hand and a talker."""

from __future__ import annotations

import contextlib
import signal
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pi_voice.sim
from pi_voice.audio.resample import Resampler
from pi_voice.errors import join, me
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.gpio.program import Program, program
from tests.rigs.gpio.rhythm import shows
from tests.rigs.sound.card import SoundCard
from tests.until import until

pytest_plugins = ["tests.rigs.gpio.plugin", "tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa

BUTTON, LED = 17, 27
DOWN, UP = False, True  # a button that connects its line to ground
CARD_HZ = 48_000
WORD_S = 0.65
LOUD = 1000
HEADER_BYTES = 4096  # more than any WAV file has
HELLO = Path(pi_voice.sim.__file__).parent / "hello.wav"
IDLE, SPEAKING = "blue blink 60 440", "green blink 100 100"  # seen sooner than the usual ones
CONFIG = f"""
[device]
state_dir = "STATE_DIR"
[activation]
mode = "MODE"
[audio]
microphone = "{SoundCard.MICROPHONE}"
speaker = "{SoundCard.SPEAKER}"
[leds.patterns]
idle = "{IDLE}"
speaking = "{SPEAKING}"
[control]
enabled = false
"""

Samples = NDArray[np.float64]


@contextlib.asynccontextmanager
async def box(
    chip: GpioChip, folder: Path, *, mode: str = "push_to_talk"
) -> AsyncIterator[Program]:
    config = folder / "config.toml"
    config.write_text(CONFIG.replace("STATE_DIR", str(folder / "state")).replace("MODE", mode))
    async with program(chip, "-m", "pi_voice.cli", "run", "--config", str(config)) as child:
        yield child


def warnings(child: Program) -> list[str]:
    return [line.partition("WARNING ")[2] for line in child.said if "WARNING " in line]


def word(path: Path) -> Path:
    """The first word of the recording that ships."""
    with wave.open(str(HELLO)) as whole, wave.open(str(path), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(WORD_S * whole.getframerate())))
    return path


def heard(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm[:: file.getnchannels()].astype(np.float64)


def is_loud(path: Path) -> bool:
    """Something can be heard on a recording that is still made."""
    pcm = np.frombuffer(path.read_bytes()[HEADER_BYTES:], np.uint8)
    return bool(np.any(np.abs(pcm[: len(pcm) & ~1].view("<i2").astype(np.int32)) > LOUD))


def at_card_rate(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        resampler = Resampler(file.getframerate(), CARD_HZ)
        pcm = resampler.process(file.readframes(file.getnframes())) + resampler.flush()
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def likeness(part: Samples, whole: Samples) -> float:
    """The best correlation of a part with any place of the whole."""
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole)]))
    found = np.pad(whole[at : at + len(part)], (0, max(0, at + len(part) - len(whole))))
    return float(found @ part / (np.linalg.norm(found) * np.linalg.norm(part) + 1e-9))


async def test_press_talk_hear_the_reply_and_see_every_state(
    gpio_chip: GpioChip, sound_card: SoundCard, tmp_path: Path
) -> None:
    said, reply = word(tmp_path / "said.wav"), tmp_path / "reply.wav"
    async with box(gpio_chip, tmp_path) as child:
        await shows(gpio_chip, LED, IDLE)
        assert await sound_card.captures() == []
        async with sound_card.recording(reply):
            gpio_chip.drive(BUTTON, DOWN, UP, DOWN)
            await until(lambda: gpio_chip.duty(LED, 0.3) > 0.99)
            await sound_card.say(said)
            gpio_chip.drive(BUTTON, UP, DOWN, UP)
            released_s = time.monotonic()
            await shows(gpio_chip, LED, SPEAKING, after_s=released_s)
        await shows(gpio_chip, LED, IDLE, after_s=released_s)
        child.process.send_signal(signal.SIGTERM)
        assert await child.process.wait() == 0
        assert not gpio_chip.is_high(LED)
        assert not gpio_chip.holder(LED)
        assert warnings(child) == []
    assert likeness(at_card_rate(said), heard(reply)) > 0.9


async def test_a_press_silences_the_reply(
    gpio_chip: GpioChip, sound_card: SoundCard, tmp_path: Path
) -> None:
    reply = tmp_path / "reply.wav"
    async with box(gpio_chip, tmp_path):
        await shows(gpio_chip, LED, IDLE)
        async with sound_card.recording(reply):
            gpio_chip.drive(BUTTON, DOWN)
            await until(lambda: gpio_chip.duty(LED, 0.3) > 0.99)
            await sound_card.say(HELLO)
            gpio_chip.drive(BUTTON, UP)
            await until(lambda: is_loud(reply))
            gpio_chip.drive(BUTTON, DOWN, UP, DOWN)
            await until(lambda: gpio_chip.duty(LED, 0.3) > 0.99)
    loud = np.flatnonzero(np.abs(heard(reply)) > LOUD)
    whole = np.flatnonzero(np.abs(at_card_rate(HELLO)) > LOUD)
    assert 0 < np.ptp(loud) < np.ptp(whole) * 0.8


NO_PINS = {
    "no chip": (
        "cannot be used: this machine has no GPIO chip. "
        'Set driver = "none" in [button] and in [leds]'
    ),
    "no permission": (f"may not be used by {me()}: /dev/gpiochip0 is closed. {join('gpio')}"),
}


@pytest.mark.parametrize("trouble", NO_PINS)
async def test_without_pins_it_says_why_and_talks_on(
    gpio_chip: GpioChip, sound_card: SoundCard, tmp_path: Path, trouble: str
) -> None:
    gpio_chip.unplug() if trouble == "no chip" else gpio_chip.close_to_user()
    async with box(gpio_chip, tmp_path, mode="voice") as child:
        await answers(sound_card, tmp_path)
    parts = ("light on GPIO 27", "button on GPIO 17")
    assert warnings(child) == [f"{part} {NO_PINS[trouble]}" for part in parts]


async def test_beside_a_program_that_holds_the_pins_it_says_so_and_talks_on(
    gpio_chip: GpioChip, sound_card: SoundCard, tmp_path: Path
) -> None:
    hold = (
        "import lgpio; c = lgpio.gpiochip_open(0); lgpio.group_claim_output(c, [17, 27]); input()"
    )
    async with program(gpio_chip, "-c", hold):
        await until(lambda: gpio_chip.holder(LED))
        async with box(gpio_chip, tmp_path, mode="voice") as child:
            await answers(sound_card, tmp_path)
    assert warnings(child) == [
        "light on GPIO 27 is in use by 'lg'. Free the pin, or change [leds] pin",
        "button on GPIO 17 is in use by 'lg'. Free the pin, or change [button] pin",
    ]


async def answers(card: SoundCard, folder: Path) -> None:
    """Wait for the box to listen, say something, and hear it said back."""
    said, reply = word(folder / "said.wav"), folder / "reply.wav"
    await card.wait_for(card.captures, 1)
    async with card.recording(reply):
        await card.say(said)
        await until(lambda: is_loud(reply))
    assert likeness(at_card_rate(said), heard(reply)) > 0.9
