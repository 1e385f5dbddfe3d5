"""Is the card there that the configuration names? By the kernel's list alone: nothing is opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pi_voice.audio.cards import Direction, Kernel
from pi_voice.audio.inventory import SOUND_SERVERS, Inventory, Pcm, names_card
from pi_voice.errors import DeviceError

SERVERS_DEFAULT = {"99-pipewire-default.conf", "99-pulse.conf"}
_DEVICE = re.compile(r"pcmC\d+D(\d+)[cp]")


@dataclass(frozen=True, slots=True)
class Alsa:
    """Where ALSA may learn of devices that are no card of this machine; other folders in tests."""

    etc: Path = Path("/etc")

    def may_have(self, wanted: str) -> bool:
        """Whether only opening it would tell that there is no device of that name."""
        if wanted in SOUND_SERVERS or "ALSA_CONFIG_PATH" in os.environ:
            return True
        added = [file.name for file in (self.etc / "alsa" / "conf.d").glob("*.conf")]
        if wanted == "default":  # which is the sound server of whoever asks, with these
            is_named = not SERVERS_DEFAULT.isdisjoint(added)
        else:  # a package that brings a device, as bluez-alsa does, names its file by it
            is_named = any(wanted in name for name in added)
        return is_named or (self.etc / "asound.conf").exists()


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
