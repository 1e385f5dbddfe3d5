"""What the box lacks before anybody has used it: between presses its cards are not even open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pi_voice.audio.absence import absence
from pi_voice.audio.cards import Direction
from pi_voice.config import Settings
from pi_voice.core.failures import Failure
from pi_voice.errors import DeviceError
from pi_voice.hardware.gpio import GpioButton
from pi_voice.ports import Button, Leds
from pi_voice.status import Finding

NO_BUTTON, NO_LIGHT = "no_button", "no_light"


def findings(
    settings: Settings,
    button: Button,
    lights: Leds,
    absent: Callable[[str, Direction], DeviceError | None] = absence,
) -> Iterator[Finding]:
    """What of it is wrong at this moment; nothing is opened to find out.

    Args:
        settings: What the owner has.
        button: Tells its problems, if it is one of ours.
        lights: Those of the box.
        absent: Why a card is not there.
    """
    audio = settings.audio
    for wanted, direction, failure in (
        (audio.microphone, Direction.MICROPHONE, Failure.NO_MICROPHONE),
        (audio.speaker, Direction.SPEAKER, Failure.NO_SPEAKER),
    ):
        if error := absent(wanted, direction):
            yield _finding(failure.value, error)
    if isinstance(button, GpioButton):
        yield from (_finding(NO_BUTTON, problem) for problem in button.problems)
    if settings.leds.driver != "none" or settings.leds.mic_pin is not None:
        yield from (_finding(NO_LIGHT, problem) for problem in lights.problems)


def _finding(name: str, error: DeviceError) -> Finding:
    return Finding(name, f"{error.device} {error.fact}", error.fix)
