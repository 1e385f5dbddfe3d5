"""The service under a real systemd: it starts, fails, hangs, is killed and stopped."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice import build
from pi_voice.crashes import CRASHES, LOOP
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.sound.card import SoundCard
from tests.rigs.systemd.box import Box, Options
from tests.rigs.systemd.image import Image
from tests.test_run_on_alsa import RATE_HZ, likeness, samples
from tests.until import until

pytest_plugins = [
    "tests.rigs.systemd.plugin",
    "tests.rigs.sound.plugin",
    "tests.rigs.gpio.plugin",
]
# the first run makes a Debian and fetches what goes into it
pytestmark = pytest.mark.timeout(1800)

HELLO = Path(build.__file__).parent / "sim" / "hello.wav"
BUTTON, LED = 17, 27
CONFIG = "/etc/pi-voice/config.toml"
DROP_IN = "/run/systemd/system/pi-voice.service.d/test.conf"
STUCK = """
import asyncio, os, pathlib, time

FLAG = pathlib.Path(os.environ["STATE_DIRECTORY"], "hang-once")

class Stuck:
    def __init__(self, settings): pass
    async def __aenter__(self):
        if FLAG.exists():
            FLAG.unlink()
            asyncio.get_running_loop().call_later(1, hang_for_ever)
        return self
    async def __aexit__(self, *_): pass
    def show(self, pattern): pass
    def show_mic(self, *, is_open): pass

def hang_for_ever():
    time.sleep(3600)
"""

CRASHING = """
import os, signal

class Crashing:
    def __init__(self, settings): pass
    async def __aenter__(self): os.kill(os.getpid(), signal.SIGSEGV)
    async def __aexit__(self, *_): pass
    def events(self): pass
"""


@contextlib.contextmanager
def changed(box: Box, **texts: str) -> Iterator[None]:
    """The service with another configuration, with more in its unit; afterwards as it was."""
    places = {"config": CONFIG, "unit": DROP_IN}
    before = {
        name: box.at(path).read_text() if box.at(path).exists() else None
        for name, path in places.items()
    }
    try:
        for name, text in texts.items():
            box.write(places[name], text)
        box.run("systemctl", "daemon-reload")
        yield
    finally:
        for name, path in places.items():
            box.write(path, before[name] or "")
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "reset-failed", "pi-voice")
        box.run("systemctl", "restart", "pi-voice")


def test_the_service_comes_up_with_the_system(systemd_box: Box) -> None:
    assert systemd_box.show("SubState") == "running"
    assert "ready: push_to_talk" in systemd_box.journal()
    assert systemd_box.run("systemctl", "is-enabled", "pi-voice").strip() == "enabled"


def test_systemd_finds_no_fault_with_the_unit(systemd_box: Box) -> None:
    unit = "/etc/systemd/system/pi-voice.service"
    assert systemd_box.run("systemd-analyze", "verify", unit) == ""


def test_the_sandbox_is_tight(systemd_box: Box) -> None:
    """`--threshold` is in tenths: an exposure of 2.0 and less passes."""
    systemd_box.run("systemd-analyze", "security", "--threshold=20", "pi-voice")


def test_nobody_but_root_reads_the_key(systemd_box: Box) -> None:
    listed = systemd_box.run("stat", "-c", "%a %U %G %n", "/etc/pi-voice/api_key", CONFIG)
    assert listed.splitlines() == [
        "600 root root /etc/pi-voice/api_key",
        f"640 root pi-voice {CONFIG}",
    ]


def test_a_killed_service_is_started_again_and_its_lights_are_put_out(systemd_box: Box) -> None:
    restarts = int(systemd_box.show("NRestarts"))
    systemd_box.run("systemctl", "kill", "-s", "KILL", "pi-voice")
    systemd_box.wait_for("NRestarts", str(restarts + 1))
    systemd_box.wait_for("ActiveState", "active")
    assert "status=0" in systemd_box.show("ExecStopPost")


def test_a_wrong_configuration_parks_the_service(systemd_box: Box) -> None:
    with changed(systemd_box, config="[audio]\nmicrofone = 1\n"):
        assert systemd_box.ask("systemctl", "restart", "pi-voice").returncode
        systemd_box.wait_for("ActiveState", "failed")
        assert systemd_box.show("ExecMainStatus") == "78"
        assert "did you mean 'microphone'?" in systemd_box.journal()
        asked = systemd_box.ask("pi-voice", "status")
        assert "because its configuration cannot be used. Run: sudo pi-voice conf" in asked.stdout


def test_a_crash_loop_ends_in_safe_mode_until_a_restart_tries_everything_again(
    systemd_box: Box,
) -> None:
    systemd_box.write("/etc/pi-voice/drivers/crashing.py", CRASHING)
    config = '[button]\ndriver = "crashing:Crashing"\n[leds]\ndriver = "none"\n'
    with changed(systemd_box, config=config):
        for _ in range(2):
            systemd_box.ask("systemctl", "restart", "pi-voice")
            systemd_box.wait_for("ActiveState", "active")
            assert systemd_box.show("NRestarts") == str(LOOP)
            assert state(systemd_box) == "safe_mode"
        told = systemd_box.run("pi-voice", "status")
        assert 'it was ended by SIGSEGV; it does without [button] driver = "crashing' in told
        assert "safe_mode: the service crashed again and again" in systemd_box.journal()
        systemd_box.run("systemctl", "stop", "pi-voice")
        assert not systemd_box.at(f"/run/pi-voice/{CRASHES}").exists()


def test_a_stop_takes_less_than_two_seconds(systemd_box: Box) -> None:
    with changed(systemd_box):
        systemd_box.run("systemctl", "stop", "pi-voice")
        names = ("ActiveExitTimestampMonotonic", "ExecMainExitTimestampMonotonic")
        asked_us, ended_us = (int(systemd_box.show(name)) for name in names)
        assert systemd_box.show("Result") == "success"
        assert ended_us - asked_us < 2_000_000


def hang(box: Box, *, watchdog_s: int) -> float:
    """Let the loop hang once; how long it takes until the box is of use again, in seconds."""
    box.write("/etc/pi-voice/drivers/stuck.py", STUCK)
    config = box.at(CONFIG).read_text().replace('driver = "gpio"', 'driver = "stuck:Stuck"')
    with changed(box, config=config, unit=f"[Service]\nWatchdogSec={watchdog_s}\n"):
        box.run("systemctl", "stop", "pi-voice")  # which makes the lights once, to put them out
        box.write("/var/lib/pi-voice/hang-once", "")
        box.run("systemctl", "start", "pi-voice")
        restarts, began_s = int(box.show("NRestarts")), time.monotonic()
        box.wait_for("NRestarts", str(restarts + 1))
        box.wait_for("ActiveState", "active")
        return time.monotonic() - began_s


def test_a_loop_that_hangs_is_ended_with_every_stack_in_the_journal(systemd_box: Box) -> None:
    hang(systemd_box, watchdog_s=3)
    told = systemd_box.journal()
    assert "Watchdog timeout" in systemd_box.run("journalctl", "-u", "pi-voice", "--no-pager")
    assert "in hang_for_ever" in told


@pytest.mark.long
def test_a_box_that_hangs_is_of_use_again_within_forty_seconds(systemd_box: Box) -> None:
    assert hang(systemd_box, watchdog_s=30) < 40


def wired(box: Box, card: SoundCard, chip: GpioChip) -> None:
    """Let the service find the virtual sound card and the virtual pins."""
    folder = str(Path(card.environment["ALSA_CONFIG_PATH"]).parent)
    inside = {name: text.replace(folder, "/rig/sound") for name, text in card.environment.items()}
    inside |= {"ALSA_CONFIG_PATH": "/rig/asound.conf"}
    inside |= {"LD_PRELOAD": "/rig/gpio.so", "GPIO_RIG": "/rig/gpio/chip"}
    text = Path(card.environment["ALSA_CONFIG_PATH"]).read_text()
    box.write("/rig/asound.conf", text.replace(folder, "/rig/sound"))
    words = "".join(f"Environment={name}={value}\n" for name, value in inside.items())
    box.write(DROP_IN, f"[Service]\n{words}")
    config = box.at(CONFIG).read_text()
    config = config.replace('microphone = "default"', f'microphone = "{SoundCard.MICROPHONE}"')
    box.write(CONFIG, config.replace('speaker = "default"', f'speaker = "{SoundCard.SPEAKER}"'))
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", "pi-voice")


def rigs(card: SoundCard, chip: GpioChip) -> tuple[str, ...]:
    library = chip.environment["LD_PRELOAD"].split()[-1]
    sound = Path(card.environment["ALSA_CONFIG_PATH"]).parent
    gpio = Path(chip.environment["GPIO_RIG"]).parent
    return f"{sound}:/rig/sound", f"{gpio}:/rig/gpio", f"{library}:/rig/gpio.so"


def state(box: Box) -> str:
    """What the status light shows."""
    told: dict[str, str] = json.loads(box.run("pi-voice", "status", "--json"))
    return told["state"]


def share_heard(reply: NDArray[np.float64]) -> float:
    """Which part of the question came back, by half seconds: a busy machine loses some sound."""
    said = build.resampled(samples(HELLO).astype("<i2").tobytes(), 16_000, RATE_HZ)
    spoken = np.frombuffer(said, "<i2").astype(np.float64)
    pieces = [spoken[at : at + RATE_HZ // 2] for at in range(0, len(spoken), RATE_HZ // 2)]
    loud = [piece for piece in pieces if np.abs(piece).mean() > 100]
    return sum(likeness(piece, reply) > 0.9 for piece in loud) / len(loud)


@pytest.mark.alsa
async def test_a_conversation_works_inside_the_sandbox(
    installed_image: Image, sound_card: SoundCard, gpio_chip: GpioChip, tmp_path: Path
) -> None:
    chip, card, reply = gpio_chip, sound_card, tmp_path / "reply.wav"
    with Box(installed_image.layers, Options(binds=rigs(card, chip))) as box:
        wired(box, card, chip)
        await until(lambda: chip.holder(BUTTON) and state(box) == "idle")
        async with card.recording(reply):
            chip.drive(BUTTON, False)
            await card.wait_for(card.captures, 2)  # the recorder of the reply is the other
            await until(lambda: chip.is_high(LED))
            await card.say(HELLO)
            chip.drive(BUTTON, True)
            await card.wait_for(card.captures, 1)
            await until(lambda: state(box) == "idle")
    assert share_heard(samples(reply)) > 0.6


def read_only(image: Image, *binds: str) -> Box:
    """A kiosk whose root nobody can write."""
    profile = Path(build.__file__).parents[1] / "config" / "kiosk.toml"
    options = Options(read_only=True, binds=(f"{profile}:{CONFIG}", *binds))
    return Box(image.layers, options)


def test_on_a_read_only_root_a_kiosk_works_and_says_what_it_cannot_keep(
    installed_image: Image,
) -> None:
    with read_only(installed_image) as box:
        box.wait_for("ActiveState", "active")
        box.run("pi-voice", "mute")
        assert state(box) == "muted"
        assert "Read-only file system" in box.journal()


def test_on_a_read_only_root_with_a_partition_for_its_state_a_kiosk_stays_muted(
    installed_image: Image, tmp_path: Path
) -> None:
    with read_only(installed_image, f"{tmp_path}:/var/lib/pi-voice") as box:
        box.wait_for("ActiveState", "active")
        box.run("pi-voice", "mute")
    with read_only(installed_image, f"{tmp_path}:/var/lib/pi-voice") as box:
        box.wait_for("ActiveState", "active")
        assert state(box) == "muted"
        assert "Read-only file system" not in box.journal()
