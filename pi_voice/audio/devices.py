"""What a person can choose from: every microphone and speaker, and what to write to get it."""

from __future__ import annotations

from dataclasses import dataclass

import pyaudio

from pi_voice.audio.cards import Direction
from pi_voice.audio.inventory import Inventory, Pcm, card_name
from pi_voice.audio.portaudio import PortAudio


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A card, or a door to a sound server.

    Attributes:
        config: What to write into the configuration.
        name: For people.
        input_channels: The most that it captures; 0 if it is no microphone.
        output_channels: The most that it plays; 0 if it is no speaker.
        input_rates_hz: At which it opens as a microphone; none while it is in use.
        output_rates_hz: At which it opens as a speaker; none while it is in use.
        problem: Why it cannot be used just now; "" if it can.
    """

    config: str
    name: str
    input_channels: int = 0
    output_channels: int = 0
    input_rates_hz: tuple[int, ...] = ()
    output_rates_hz: tuple[int, ...] = ()
    problem: str = ""


def library() -> str:
    """Which PortAudio this is, in its own words."""
    return str(pyaudio.get_portaudio_version_text())


def describe_devices(sound: PortAudio | None = None) -> list[DeviceInfo]:
    """List what ALSA offers, cards first; takes up to a second, and opens each for a moment.

    Args:
        sound: That of the process, if it has one already.

    Raises:
        DeviceError: PortAudio does not start.
    """
    with sound or PortAudio() as opened:
        inventory = opened.inventory()
        groups: dict[str, list[Pcm]] = {card_name(c, inventory.cards): [] for c in inventory.cards}
        for pcm in inventory.offered():
            groups.setdefault(inventory.name_of(pcm), []).append(pcm)
        return [_info(config, pcms, inventory, opened) for config, pcms in groups.items()]


def _info(config: str, pcms: list[Pcm], inventory: Inventory, sound: PortAudio) -> DeviceInfo:
    card = next((c for c in inventory.cards if card_name(c, inventory.cards) == config), None)
    channels: dict[Direction, int] = {}
    rates_hz: dict[Direction, tuple[int, ...]] = {}
    problems = []
    for direction in Direction:
        able = [pcm for pcm in pcms if pcm.channels(direction)]
        channels[direction] = max((pcm.channels(direction) for pcm in able), default=0)
        rates_hz[direction] = sound.rates_hz(able[0], direction) if able else ()
        if card and not rates_hz[direction] and inventory.kernel.nodes(card, direction):
            refusal = inventory.refusal(config, direction, card)
            problems.append(f"its {direction} {refusal.fact if refusal else 'does not open'}")
    return DeviceInfo(
        config,
        card.name if card else config,
        channels[Direction.MICROPHONE],
        channels[Direction.SPEAKER],
        rates_hz[Direction.MICROPHONE],
        rates_hz[Direction.SPEAKER],
        "; ".join(problems),
    )
