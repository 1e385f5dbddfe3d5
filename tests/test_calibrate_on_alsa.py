"""pi-voice calibrate on a real sound card in real time, whose microphone hears its speaker."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.rigs.sound.card import SoundCard

pytest_plugins = ["tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa

SPI = Path("/dev/spidev0.0")
CALIBRATE = ("-c", "import sys; from pi_voice.cli import main; sys.exit(main())", "calibrate")


async def calibrate(folder: Path) -> str:
    config = folder / "config.toml"
    config.write_text(
        f'[audio]\nmicrophone = "{SoundCard.MICROPHONE}"\nspeaker = "{SoundCard.SPEAKER}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *CALIBRATE, "--config", str(config), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return told.decode()


@pytest.mark.parametrize(
    ("volume_percent", "leak_db", "echo"), [(40, -24, "gate"), (80, -6, "half_duplex")]
)
async def test_the_echo_of_a_card_is_measured(
    sound_card: SoundCard, tmp_path: Path, volume_percent: int, leak_db: float, echo: str
) -> None:
    await sound_card.couple(volume_percent=volume_percent)
    told = await calibrate(tmp_path)
    found = re.search(r"The echo: (\S+) dB of what is played, (\d+) ms later", told)
    assert found is not None, told
    assert float(found[1]) == pytest.approx(leak_db, abs=2)
    assert told.endswith(f'\n[audio]\necho = "{echo}"\n')


async def test_where_nothing_comes_back_it_says_so(sound_card: SoundCard, tmp_path: Path) -> None:
    told = await calibrate(tmp_path)
    assert "The echo: none\n" in told
    assert told.endswith('\n[audio]\necho = "hardware"\n')


@pytest.mark.skipif(SPI.exists(), reason=f"{SPI} is there: a strip could shine")
async def test_in_the_dark_it_does_not_listen(sound_card: SoundCard, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[audio]\nmicrophone = "{SoundCard.MICROPHONE}"\nspeaker = "{SoundCard.SPEAKER}"\n'
        '[privacy]\nled_required = true\n[leds]\ndriver = "apa102"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *CALIBRATE, "--config", str(config), stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert b"the microphone stays closed: light strip" in told
    assert b"[privacy] led_required = false" in told
