from __future__ import annotations

import pytest

from pi_voice import config
from pi_voice.config.conflicts import conflicts
from pi_voice.config.settings import Settings
from pi_voice.errors import ConfigError


def test_what_ships_has_no_conflict() -> None:
    assert list(conflicts(Settings())) == []


SERVER = "[activation]\nmode = 'server'\n[audio]\necho = 'hardware'\n"
CLASHES = {
    "[mute_button]\npin = 17": "[mute_button] pin = 17 (line 2): "
    "GPIO 17 is taken by [button] pin = 17 (default); give each part a pin of its own",
    "[button]\npin = 27": "[leds] pin = 27 (default): "
    "GPIO 27 is taken by [button] pin = 27 (line 2); give each part a pin of its own",
    "[mute_switch]\npin = 5\n[mute_button]\npin = 5": "[mute_switch] pin = 5 (line 2): "
    "GPIO 5 is taken by [mute_button] pin = 5 (line 4); give each part a pin of its own",
    "[mute_switch]\npin = 0\n[leds]\nmic_pin = 0": "[mute_switch] pin = 0 (line 2): "
    "GPIO 0 is taken by [leds] mic_pin = 0 (line 4); give each part a pin of its own",
    "[leds]\nmic_pin = 27": "[leds] mic_pin = 27 (line 2): "
    "GPIO 27 is taken by [leds] pin = 27 (default); give each part a pin of its own",
    "[leds]\ndriver = 'rgb'\npins = [22, 17, 24]": "[leds] pins = [22, 17, 24] (line 3): "
    "GPIO 17 is taken by [button] pin = 17 (default); give each part a pin of its own",
    "[leds]\ndriver = 'rgb'\npins = [22, 22, 24]": "[leds] pins = [22, 22, 24] (line 3): "
    "one pin cannot be two colours; name three different pins",
    "[button]\npin = 10\n[leds]\ndriver = 'ws2812'": "[button] pin = 10 (line 2): GPIO 10 is the "
    'strip\'s, by [leds] driver = "ws2812" (line 4); connect this part to another pin',
    "[activation]\nmode = 'server'": '[activation] mode = "server" (line 2): the service would '
    'hear the box itself, with [audio] echo = "half_duplex" (default); '
    'use a speakerphone and echo = "hardware", or mode = "voice"',
    "[audio]\necho = 'gate'\n[detector]\ndriver = 'mine:Ear'": '[audio] echo = "gate" (line 2): '
    "the gate is built around detectors that ship, and not around "
    '[detector] driver = "mine:Ear" (line 4); set driver = "webrtcvad", or echo = "half_duplex"',
    "[button]\ndriver = 'none'": '[activation] mode = "push_to_talk" (default): needs a button, '
    'but [button] driver = "none" (line 2); set driver = "gpio", or mode = "voice"',
    "[button]\nhold = 'none'": '[activation] mode = "push_to_talk" (default): needs a button to '
    'hold, but [button] hold = "none" (line 2); set hold = "talk"',
    "[activation]\nmode = 'toggle'\n[button]\nhold = 'mute'": '[activation] mode = "toggle" '
    '(line 2): nothing begins a turn, with [button] hold = "mute" (line 4); set tap = "talk"',
    "[button]\nlong = 'mute'": '[button] long = "mute" (line 2): a long press begins as '
    '[button] hold = "talk" (default); set one of them to "none"',
    "[button]\ntap_ms = 60\ndebounce_ms = 80": "[button] tap_ms = 60 (line 2): "
    "a tap must outlive [button] debounce_ms = 80 (line 3); e.g. tap_ms = 200",
    "[button]\ntap_ms = 900\nlong_ms = 600": "[button] long_ms = 600 (line 3): "
    "must exceed [button] tap_ms = 900 (line 2); e.g. long_ms = 1500",
    "[service]\ntoken_url = 'https://a.b'\ntoken_command = ['x']": "[service] token_url = "
    '"https://a.b" (line 2): there are two sources of the key: this and '
    '[service] token_command = ["x"] (line 3); remove one of them',
    "[privacy]\nled_required = true\n[leds]\ndriver = 'none'": "[privacy] led_required = true "
    '(line 2): the microphone could never open, with [leds] driver = "none" (line 4); '
    'set driver = "gpio", or led_required = false',
    "[limits]\nturn_s = 30": "[limits] turn_s = 30 (line 2): "
    "is less than [activation] longest_turn_s = 60 (default); e.g. turn_s = 120",
    "[limits]\nday_money = 3": "[limits] day_money = 3 (line 2): nothing says the prices of "
    '[service] model = "gpt-realtime-2.1" (default); '
    'add a table [limits.prices."gpt-realtime-2.1"]',
    f"{SERVER}[button]\ndriver = 'none'": "[limits] idle_hang_up_min = 10 (default): "
    'nothing wakes the box, with [button] driver = "none" (line 6); set idle_hang_up_min = 0',
    f"{SERVER}[button]\nhold = 'none'\ntap = 'interrupt'": "[limits] idle_hang_up_min = 10 "
    '(default): nothing wakes the box, with [button] hold = "none" (line 6); set tap = "talk", '
    "or set idle_hang_up_min = 0",
}


@pytest.mark.parametrize(("text", "problem"), CLASHES.items())
def test_two_settings_that_exclude_each_other_are_named_both(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    assert list(caught.value.problems) == [f"config.toml: {problem}"]


@pytest.mark.parametrize(
    "text",
    [
        "[service]\nurl = 'embedded'\napi_key_file = '/etc/pi-voice/api_key'",
        "[service]\nurl = 'ws://127.0.0.1:8765/v1/realtime'",
        "[service]\nurl = 'ws://[::1]:8765'\ntoken_url = 'http://localhost:3000/token'",
        "[activation]\nmode = 'semantic'\n[audio]\necho = 'hardware'",
        f"{SERVER}[button]\nhold = 'none'\ntap = 'talk'\nlong = 'mute'",
        f"{SERVER}[button]\ndriver = 'none'\n[limits]\nidle_hang_up_min = 0",
        "[activation]\nmode = 'voice'\n[button]\ndriver = 'none'",
        "[button]\ndriver = 'my_package.parts:Pedal'\npin = 27",
        "[leds]\ndriver = 'rgb'\n[mute_button]\npin = 27",
        "[limits]\nturn_s = 0",
        "[limits]\nday_money = 3\n[limits.prices.'gpt-realtime-2.1']\naudio_in = 32",
        "[leds]\nnight = '22:00-7:00'\npatterns = { muted = 'off', idle = 'blue pulse 2000' }",
        "[button]\nhold = 'none'\ntap = 'talk'\nlong = 'mute'\n[activation]\nmode = 'toggle'",
    ],
)
def test_what_makes_sense_is_accepted(text: str) -> None:
    config.parse(text)
