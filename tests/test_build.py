"""The whole program with real parts where there are some, and the service in all its moods."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from pi_voice import build
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.build_lights import leds
from pi_voice.config import Settings, parse
from pi_voice.core.actions import Pattern, StreamAudio
from pi_voice.core.activation import PushToTalk, ServiceActivated, Toggle, VoiceActivated
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH
from pi_voice.core.events import LinkUp, MicFrame, MicHeard, MicOpened, Started, Wish
from pi_voice.core.gestures import Gesture
from pi_voice.errors import PiVoiceError
from pi_voice.frames import WIRE, AudioBatch
from pi_voice.hardware.absent import NoButton, NoLeds
from pi_voice.hardware.gpio import GpioButton
from pi_voice.lit import LitMicrophone
from pi_voice.state import Memory
from pi_voice.transport.auth import TokenCommand, TokenUrl

RUN = ("-c", "import sys; from pi_voice.cli import main; sys.exit(main())")
PATIENCE_S = 60.0


@pytest.mark.parametrize(
    ("mode", "kind", "detection"),
    [
        ("push_to_talk", PushToTalk, None),
        ("toggle", Toggle, None),
        ("voice", VoiceActivated, None),
        ("server", ServiceActivated, "server_vad"),
        ("semantic", ServiceActivated, "semantic_vad"),
    ],
)
def test_each_mode_has_its_activation_and_its_session(
    mode: str, kind: type, detection: str | None
) -> None:
    settings = parse(f'[activation]\nmode = "{mode}"\n[audio]\necho = "hardware"\n')
    assert isinstance(build.activation(settings), kind)
    assert build.link_settings(settings, "ws://127.0.0.1:9").turn_detection == detection


@pytest.mark.parametrize("mode", ["server", "semantic"])
def test_a_device_whose_turns_the_service_finds_streams_what_is_silent(mode: str) -> None:
    settings = parse(f'[activation]\nmode = "{mode}"\n[audio]\necho = "hardware"\n')
    made = build.device(settings)
    for event in (Started(muted=False), MicOpened(), LinkUp("s1")):
        made.handle(event)
    frame = MicFrame(bytes(960), 1.0, speech=False)
    assert made.handle(MicHeard((frame,))) == [StreamAudio(bytes(960))]


def test_only_gestures_that_mean_something_are_bound() -> None:
    settings = parse('[button]\ntap = "interrupt"\ndouble = "mute"\ntap_ms = 150\n')
    bindings = build.bindings(settings)
    assert bindings.wishes == {
        Gesture.HOLD: Wish.TALK,
        Gesture.TAP: Wish.INTERRUPT,
        Gesture.DOUBLE: Wish.MUTE,
    }
    assert bindings.timing.tap_ms == 150


def test_the_key_comes_from_where_the_owner_said(tmp_path: Path) -> None:
    elsewhere = '[service]\nurl = "wss://example.org/v1"\n'
    assert build.api_key(Settings()) is None
    assert isinstance(build.api_key(parse(f'{elsewhere}token_command = ["get"]\n')), TokenCommand)
    address = f'{elsewhere}token_url = "https://example.org/t"\n'
    assert isinstance(build.api_key(parse(address)), TokenUrl)
    assert str(tmp_path) in repr(build.api_key(parse(f'{elsewhere}api_key_file = "{tmp_path}"\n')))


def test_parts_that_are_not_there_are_not_looked_for() -> None:
    nothing = 'driver = "none"\n'
    settings = parse(f'[activation]\nmode = "voice"\n[button]\n{nothing}[leds]\n{nothing}')
    assert isinstance(build.buttons(settings), NoButton)
    assert isinstance(leds(settings), NoLeds)


def test_a_box_without_a_button_to_talk_still_has_those_that_mute() -> None:
    text = '[activation]\nmode = "voice"\n[button]\ndriver = "none"\n'
    settings = parse(f"{text}[mute_switch]\npin = 5\n[mute_button]\npin = 6\n")
    assert isinstance(build.buttons(settings), GpioButton)
    lines = {line.name: line.pin for line in build.button_lines(settings)}
    assert lines == {MUTE_SWITCH: 5, MUTE_BUTTON: 6}


@pytest.mark.parametrize("led_required", [False, True])
def test_a_box_that_needs_its_light_has_a_microphone_that_asks_for_it(led_required: bool) -> None:
    settings = parse(f"[privacy]\nled_required = {str(led_required).lower()}\n")
    parts = build.hardware(settings, "ws://127.0.0.1:9", Memory())
    assert isinstance(parts.microphone, LitMicrophone) is led_required


@pytest.mark.parametrize(
    ("mode", "echo", "rests"),
    [("voice", "half_duplex", True), ("voice", "gate", False), ("push_to_talk", "gate", False)],
)
def test_only_who_cannot_be_talked_over_hears_at_leisure(mode: str, echo: str, rests: bool) -> None:
    settings = parse(f'[activation]\nmode = "{mode}"\n[audio]\necho = "{echo}"\n')
    parts = build.hardware(settings, "ws://127.0.0.1:9", Memory())
    assert isinstance(parts.microphone, PyAudioMicrophone)
    parts.front_end.process(AudioBatch(bytes(WIRE.size_bytes(40)), WIRE, at_s=0.0))
    assert parts.microphone.is_relaxed is rests


def test_a_box_on_a_real_service_starts_without_a_simulated_one() -> None:
    ask = "import sys, pi_voice.build; print(*(n for n in sys.modules if n.startswith(SIM)))"
    done = subprocess.run(
        [sys.executable, "-c", ask.replace("SIM", "'pi_voice.sim'")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


async def test_lights_of_the_owner_get_their_table_and_every_pattern(tmp_path: Path) -> None:
    (tmp_path / "torch_of_mine.py").write_text(TORCH)
    settings = parse('[leds]\ndriver = "torch_of_mine:Torch"\nbrightness = 7\n')
    settings = replace(settings, device=replace(settings.device, drivers=tmp_path))
    async with leds(settings) as lights:
        lights.show(Pattern.IDLE)
    assert (tmp_path / "seen").read_text() == "7 idle"


@contextlib.asynccontextmanager
async def service(*messages: str) -> AsyncIterator[str]:
    """Somebody who answers every connection with these."""

    async def talk(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def trying(url: str, key: Path) -> Settings:
    key.write_text("sk-secret\n")
    return parse(f'[service]\nurl = "{url}"\napi_key_file = "{key}"\n')


async def test_a_service_that_answers_garbage_is_one_sentence(tmp_path: Path) -> None:
    async with service("garbage") as url:
        with pytest.raises(PiVoiceError) as caught:
            await asyncio.to_thread(build.try_service, trying(url, tmp_path / "key"))
    assert str(caught.value) == (
        f"what answers at {url} does not speak the Realtime protocol. Check [service] url"
    )


async def test_nobody_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    settings = trying("ws://127.0.0.1:9/v1", tmp_path / "key")
    with pytest.raises(PiVoiceError, match=r"^nothing listens at 127\.0\.0\.1:9\. Check"):
        await asyncio.to_thread(build.try_service, settings)


async def test_the_embedded_service_accepts_what_ships() -> None:
    await asyncio.to_thread(build.try_service, Settings())


TORCH = """
from pathlib import Path
class Torch:
    def __init__(self, settings): self.brightness = settings.brightness
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
    def show(self, pattern):
        Path(__file__).with_name("seen").write_text(f"{self.brightness} {pattern}")
    def show_mic(self, *, is_open): pass
"""
STUCK = """
class Stuck:
    def __init__(self, settings): pass
    async def __aenter__(self): return self
    async def __aexit__(self, *_):
        import asyncio
        await asyncio.sleep(3600)
    def show(self, pattern): pass
    def show_mic(self, *, is_open): print("lit", flush=True)
"""


async def test_a_part_that_never_ends_does_not_keep_the_process(tmp_path: Path) -> None:
    (tmp_path / "stuck_leds.py").write_text(STUCK)
    config = tmp_path / "config.toml"
    config.write_text(f'[device]\ndrivers = "{tmp_path}"\n[leds]\ndriver = "stuck_leds:Stuck"\n')
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *RUN, "run", "--config", str(config), stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await process.stdout.readline() == b"lit\n"
        process.send_signal(signal.SIGTERM)
        _, told = await process.communicate()
    assert process.returncode == 0
    assert b"a part of the device did not end" in told


async def test_a_box_without_card_pins_and_service_lives_says_so_and_ends_when_asked(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    (tmp_path / "key").write_text("sk-secret\n")
    config.write_text(
        f'[service]\nurl = "ws://127.0.0.1:9/v1"\napi_key_file = "{tmp_path / "key"}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *RUN, "run", "--config", str(config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    told = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"nothing listens at 127.0.0.1:9" not in told:
            told += await process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        told += await process.stderr.read()
        assert await process.wait() == 0
    assert b"Traceback" not in told
    assert b"sk-secret" not in told
