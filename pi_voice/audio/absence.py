"""Is the card there that the configuration names? By the kernel's list alone: nothing is opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pi_voice.audio.cards import Direction, Kernel
from pi_voice.audio.inventory import SOUND_SERVERS, Inventory, Pcm, names_card
from pi_voice.errors import DeviceError

_DEVICE = re.compile(r"pcmC\d+D(\d+)[cp]")


@dataclass(frozen=True, slots=True)
class Alsa:
    """Where ALSA may learn of devices that are no card of this machine; other folders in tests."""

    etc: Path = Path("/etc")

    def may_have(self, wanted: str) -> bool:
        """Whether only opening it would tell that there is no device of that name."""
        if wanted in SOUND_SERVERS or "ALSA_CONFIG_PATH" in os.environ:
            return True
        if wanted == "default":  # which is the sound server of whoever asks, with these
            served = ("99-pipewire-default.conf", "99-pulse.conf")
            if any((self.etc / "alsa" / "conf.d" / name).exists() for name in served):
                return True
        return (self.etc / "asound.conf").exists()


def absence(
    wanted: str, direction: Direction, kernel: Kernel | None = None, alsa: Alsa | None = None
) -> DeviceError | None:
    """Why there is no such card; None if there is, or if only opening it would tell.

    Args:
        wanted: As `Inventory.find` takes it.
        direction: Which end is needed.
        kernel: Where its cards are listed.
        alsa: What else there may be.
    """
    kernel = kernel or Kernel()
    cards = kernel.cards()
    pcms = [
        Pcm(-1, f"{card.name}: (hw:{card.number},{device[1]})", 1, 1, 0)
        for card in cards
        for node in kernel.nodes(card, direction)
        if (device := _DEVICE.fullmatch(node.name))
    ]
    if not names_card(wanted) and (pcms or (alsa or Alsa()).may_have(wanted)):
        return None
    try:
        Inventory(pcms, cards, kernel).find(wanted, direction)
    except DeviceError as error:
        return error
    return None
