from __future__ import annotations

import pytest

from pi_voice import build, build_lights
from pi_voice.build_audio import ears
from pi_voice.config import Settings, parse
from pi_voice.hardware.absent import NoButton, NoLeds
from pi_voice.hardware.gpio import GpioLed
from pi_voice.safe_mode import without_what_may_crash
from pi_voice.state import Memory

OWN = """
[activation]
mode = "voice"
[button]
driver = "mine:Button"
[leds]
driver = "mine:Leds"
[detector]
driver = "mine:Detector"
[audio]
echo = "aec"
mixer = "PCM"
"""


def test_what_is_not_ours_and_what_is_a_wish_is_left_out() -> None:
    safe = without_what_may_crash(parse(OWN))
    assert safe.left_out == (
        '[button] driver = "mine:Button"',
        '[leds] driver = "mine:Leds"',
        '[detector] driver = "mine:Detector"',
        '[audio] echo = "aec"',
        '[audio] mixer = "PCM"',
    )
    assert without_what_may_crash(safe.settings).left_out == ()


async def test_a_box_of_parts_that_do_not_even_load_is_made_without_them() -> None:
    settings = without_what_may_crash(parse(OWN)).settings
    parts = build.hardware(settings, "ws://127.0.0.1:9", Memory())
    assert isinstance(parts.button, NoButton)
    assert isinstance(parts.leds, NoLeds)
    assert ears(settings).front_end is not None


def test_the_neural_detector_is_left_out() -> None:
    safe = without_what_may_crash(parse('[detector]\ndriver = "silero"\n'))
    assert safe.settings.detector.driver == "webrtcvad"
    assert '[detector] driver = "silero"' in safe.left_out


@pytest.mark.parametrize("driver", ["gpio", "rgb", "apa102", "ws2812", "none"])
def test_what_ships_for_the_hand_and_the_eye_stays(driver: str) -> None:
    settings = parse(f'[leds]\ndriver = "{driver}"\n')
    safe = without_what_may_crash(settings).settings
    assert (safe.leds, safe.button) == (settings.leds, settings.button)


def test_the_light_of_the_microphone_stays_where_the_others_are_the_owners() -> None:
    safe = without_what_may_crash(parse('[leds]\ndriver = "mine:Leds"\nmic_pin = 25\n'))
    assert isinstance(build_lights.leds(safe.settings), GpioLed)


def test_what_protects_somebody_stays() -> None:
    text = "[privacy]\nled_required = true\n[limits]\nhour_min = 1\n[mute_switch]\npin = 6\n"
    settings = parse(OWN + text)
    safe = without_what_may_crash(settings).settings
    assert (safe.privacy, safe.limits) == (settings.privacy, settings.limits)
    assert [line.pin for line in build.button_lines(safe)] == [6]


def test_of_the_defaults_only_the_mixer_is_left_out() -> None:
    assert without_what_may_crash(Settings()).left_out == ('[audio] mixer = "auto"',)
