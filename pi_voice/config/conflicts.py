"""Settings that are fine alone and wrong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pi_voice.config.settings import Settings
from pi_voice.config.toml_text import KeyPath
from pi_voice.core.events import Wish

SPI_PINS = {"apa102": (10, 11), "ws2812": (10,)}  # data, and the clock where the strip has one


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two settings that exclude each other.

    Attributes:
        key: The setting to change.
        other: The setting it collides with.
        fact: Why, in words that the place of `other` follows.
        fix: What to write.
    """

    key: KeyPath
    other: KeyPath
    fact: str
    fix: str


def conflicts(settings: Settings) -> Iterator[Conflict]:
    yield from _shared_pins(settings)
    yield from _gestures(settings)
    yield from _activation(settings)
    yield from _credentials(settings)
    yield from _lights(settings)
    yield from _limits(settings)


def _pins(settings: Settings) -> Iterator[tuple[KeyPath, int]]:
    """Every pin that is in use, by the key that claims it."""
    if settings.button.driver == "gpio":
        yield ("button", "pin"), settings.button.pin
    if settings.leds.driver == "gpio":
        yield ("leds", "pin"), settings.leds.pin
    if settings.leds.driver == "rgb":
        yield from ((("leds", "pins"), pin) for pin in settings.leds.pins)
    for key, pin in (
        (("leds", "mic_pin"), settings.leds.mic_pin),
        (("mute_button", "pin"), settings.mute_button.pin),
        (("mute_switch", "pin"), settings.mute_switch.pin),
    ):
        if pin is not None:
            yield key, pin
    for pin in SPI_PINS.get(settings.leds.driver, ()):
        yield ("leds", "driver"), pin


def _shared_pins(settings: Settings) -> Iterator[Conflict]:
    owners: dict[int, KeyPath] = {}
    for key, pin in _pins(settings):
        owner = owners.setdefault(pin, key)
        if key == ("leds", "driver") and owner != key:
            yield Conflict(
                owner, key, f"GPIO {pin} is the strip's, by", "connect this part to another pin"
            )
        elif owner != key:
            yield Conflict(key, owner, f"GPIO {pin} is taken by", "give each part a pin of its own")
    if settings.leds.driver == "rgb" and len(set(settings.leds.pins)) < len(settings.leds.pins):
        pins = ("leds", "pins")
        yield Conflict(pins, pins, "one pin cannot be two colours:", "name three different pins")


def _gestures(settings: Settings) -> Iterator[Conflict]:
    button = settings.button
    if button.hold is not None and button.long is not None:
        yield Conflict(
            ("button", "long"),
            ("button", "hold"),
            "a long press begins as",
            'set one of them to "none"',
        )
    if button.tap_ms <= button.debounce_ms:
        yield Conflict(
            ("button", "tap_ms"),
            ("button", "debounce_ms"),
            "a tap must outlive",
            "e.g. tap_ms = 200",
        )
    if button.long_ms <= button.tap_ms:
        yield Conflict(
            ("button", "long_ms"), ("button", "tap_ms"), "must exceed", "e.g. long_ms = 1500"
        )


def _activation(settings: Settings) -> Iterator[Conflict]:
    mode, button = settings.activation.mode, settings.button
    key = ("activation", "mode")
    if mode in ("server", "semantic") and settings.audio.echo != "hardware":
        yield Conflict(
            key,
            ("audio", "echo"),
            "the service would hear the box itself, with",
            'use a speakerphone and echo = "hardware", or mode = "voice"',
        )
    if mode in ("server", "semantic"):
        yield from _waking(settings)
    if settings.audio.echo == "gate" and ":" in settings.detector.driver:
        yield Conflict(
            ("audio", "echo"),
            ("detector", "driver"),
            "the gate is built around detectors that ship, and not around",
            'set driver = "webrtcvad", or echo = "half_duplex"',
        )
    if mode not in ("push_to_talk", "toggle"):
        return
    if button.driver == "none":
        yield Conflict(
            key,
            ("button", "driver"),
            "needs a button, but",
            'set driver = "gpio", or mode = "voice"',
        )
    elif mode == "push_to_talk" and button.hold is not Wish.TALK:
        yield Conflict(key, ("button", "hold"), "needs a button to hold, but", 'set hold = "talk"')
    elif Wish.TALK not in (button.hold, button.tap, button.double, button.long):
        yield Conflict(key, ("button", "hold"), "nothing begins a turn, with", 'set tap = "talk"')


def _waking(settings: Settings) -> Iterator[Conflict]:
    """What fell asleep hears nothing that could wake it but a press."""
    button, key = settings.button, ("limits", "idle_hang_up_min")
    fact, fix = "nothing wakes the box, with", "set idle_hang_up_min = 0"
    if settings.limits.idle_hang_up_min == 0:
        return
    if button.driver == "none":
        yield Conflict(key, ("button", "driver"), fact, fix)
    elif Wish.TALK not in (button.hold, button.tap, button.double, button.long):
        yield Conflict(key, ("button", "hold"), fact, f'set tap = "talk", or {fix}')


def _credentials(settings: Settings) -> Iterator[Conflict]:
    if settings.service.token_command and settings.service.token_url is not None:
        yield Conflict(
            ("service", "token_url"),
            ("service", "token_command"),
            "there are two sources of the key: this and",
            "remove one of them",
        )


def _lights(settings: Settings) -> Iterator[Conflict]:
    if (
        settings.privacy.led_required
        and settings.leds.driver == "none"
        and settings.leds.mic_pin is None
    ):
        yield Conflict(
            ("privacy", "led_required"),
            ("leds", "driver"),
            "the microphone could never open, with",
            'set driver = "gpio", or led_required = false',
        )


def _limits(settings: Settings) -> Iterator[Conflict]:
    limits, longest_s = settings.limits, settings.activation.longest_turn_s
    if 0 < limits.turn_s < longest_s:
        yield Conflict(
            ("limits", "turn_s"),
            ("activation", "longest_turn_s"),
            "is less than",
            f"e.g. turn_s = {2 * longest_s:g}",
        )
    if limits.day_money > 0 and settings.service.model not in limits.prices:
        yield Conflict(
            ("limits", "day_money"),
            ("service", "model"),
            "nothing says the prices of",
            f'add a table [limits.prices."{settings.service.model}"]',
        )
