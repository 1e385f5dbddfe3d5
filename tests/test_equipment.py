from __future__ import annotations

from dataclasses import replace

from pi_voice.audio.cards import Direction
from pi_voice.config import Settings, parse
from pi_voice.core.failures import Failure
from pi_voice.equipment import NO_BUTTON, NO_LIGHT, findings
from pi_voice.errors import DeviceError
from pi_voice.hardware.absent import NoButton, NoLeds
from pi_voice.hardware.gpio import GpioButton
from pi_voice.ports import Leds
from pi_voice.status import Finding

ALL_THERE = Settings()


PROBLEM = DeviceError("it", "cannot be used", "Mend it")


class Unlit(NoLeds):
    @property
    def problems(self) -> list[DeviceError]:
        return [PROBLEM]


class Unpressed(GpioButton):
    @property
    def problems(self) -> list[DeviceError]:
        return [PROBLEM]


class Fine(NoLeds):
    @property
    def problems(self) -> list[DeviceError]:
        return []


def there(wanted: str, direction: Direction) -> None:
    return None


def gone(wanted: str, direction: Direction) -> DeviceError:
    return DeviceError(f"{direction} {wanted!r}", "not found", "Run: pi-voice devices")


def names(settings: Settings, lights: Leds) -> list[str]:
    return [one.name for one in findings(settings, NoButton(), lights, there)]


def test_a_box_that_has_everything_lacks_nothing() -> None:
    assert names(ALL_THERE, Fine()) == []


def test_a_missing_card_is_told_by_the_name_that_a_press_would_give_it() -> None:
    audio = replace(ALL_THERE.audio, microphone="hw:CARD=Device")
    told = findings(replace(ALL_THERE, audio=audio), NoButton(), Fine(), gone)
    assert list(told) == [
        Finding(
            Failure.NO_MICROPHONE.value,
            "microphone 'hw:CARD=Device' not found",
            "Run: pi-voice devices",
        ),
        Finding(Failure.NO_SPEAKER.value, "speaker 'default' not found", "Run: pi-voice devices"),
    ]


def test_pins_that_cannot_be_had_are_told() -> None:
    told = findings(ALL_THERE, Unpressed(()), Unlit(), there)
    assert [(one.name, one.text, one.hint) for one in told] == [
        (NO_BUTTON, "it cannot be used", "Mend it"),
        (NO_LIGHT, "it cannot be used", "Mend it"),
    ]


def test_no_light_is_missed_where_none_is_wanted() -> None:
    assert names(parse('[leds]\ndriver = "none"\n'), NoLeds()) == []
    assert names(parse('[leds]\ndriver = "none"\nmic_pin = 25\n'), Unlit()) == [NO_LIGHT]
