"""The sound cards of the kernel: what they are called, where they are plugged in, who holds them.

The number of a card is the order in which the kernel found it; another one after the next boot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

USB_PATH = re.compile(r"\d+-\d+(?:\.\d+)*")  # "1-1.2": bus 1, port 1, port 2 of the hub there
USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")  # vendor and product
_LISTED = re.compile(r"^ *(\d+) \[[^]]*\]: .*? - (.+)$", re.MULTILINE)
_OWNER = re.compile(r"^owner_pid *: (\d+)$", re.MULTILINE)  # of a substream that is open


class Direction(StrEnum):
    """Which end of a card; the word that a person knows, and the key of the configuration."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card of the kernel.

    Attributes:
        number: What the kernel calls it until the next boot.
        id: What the kernel made of its name, for example "Device".
        name: For people.
        usb_path: The socket it is plugged into, for example "1-1.2"; "" if it is not on USB.
        usb_id: Vendor and product, for example "0d8c:0014"; "" if it is not on USB.
    """

    number: int
    id: str
    name: str
    usb_path: str = ""
    usb_id: str = ""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel tells of its cards; other folders in tests."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    dev: Path = Path("/dev")

    def cards(self) -> tuple[Card, ...]:
        """The cards of this moment, by number; empty where there is no ALSA."""
        names = dict(_LISTED.findall(_read(self.proc / "asound" / "cards")))
        found = []
        for folder in (self.sys / "class" / "sound").glob("card*"):
            number, card_id = folder.name.removeprefix("card"), _read(folder / "id").strip()
            if number.isdigit() and card_id:
                usb_path, usb_id = _usb(folder / "device")
                name = names.get(number, card_id).strip()
                found.append(Card(int(number), card_id, name, usb_path, usb_id))
        return tuple(sorted(found, key=lambda card: card.number))

    def has(self, number: int) -> bool:
        """Whether a card is plugged in; its number is not given again while somebody holds it."""
        return (self.sys / "class" / "sound" / f"card{number}").exists()

    def nodes(self, card: Card, direction: Direction) -> list[Path]:
        """The files through which the card is opened; none if it has no such end."""
        end = "c" if direction is Direction.MICROPHONE else "p"
        return sorted((self.dev / "snd").glob(f"pcmC{card.number}D*{end}"))

    def holder(self, card: Card, direction: Direction) -> str:
        """Who has the card to itself, as "pid 812 (pipewire)"; "" if it is free, or not told."""
        for node in self.nodes(card, direction):
            owners = self._owners(node, card)
            if owners and all(owners):
                return self._program(owners[0])
        return ""

    def held_by(self, pid: int, direction: Direction) -> Card | None:
        """The card that a process has open, whatever way it was reached; None if it has none."""
        for card in self.cards():
            for node in self.nodes(card, direction):
                if str(pid) in map(self._process, self._owners(node, card)):
                    return card
        return None

    def _owners(self, node: Path, card: Card) -> list[str]:
        """The thread that has each substream open; "" for those that are free."""
        device = node.name.removeprefix(f"pcmC{card.number}D")
        streams = self.proc / "asound" / f"card{card.number}" / f"pcm{device}"
        told = [_read(status) for status in sorted(streams.glob("sub*/status"))]
        return [owner[1] if (owner := _OWNER.search(text)) else "" for text in told]

    def _process(self, thread: str) -> str:
        """The process of the thread that the kernel names as owner."""
        text = _read(self.proc / thread / "status") if thread else ""
        found = re.search(r"^Tgid:\s*(\d+)$", text, re.MULTILINE)
        return found[1] if found else thread

    def _program(self, thread: str) -> str:
        pid = self._process(thread)
        return f"pid {pid} ({_read(self.proc / pid / 'comm').strip() or 'unknown'})"


def _usb(device: Path) -> tuple[str, str]:
    """Socket and product of the card behind /sys/class/sound/card1/device."""
    interface = device.resolve()
    path = interface.name.partition(":")[0]
    if ":" not in interface.name or not USB_PATH.fullmatch(path):
        return "", ""
    vendor, product = _read(interface.parent / "idVendor"), _read(interface.parent / "idProduct")
    return path, f"{vendor.strip()}:{product.strip()}"


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # unplugged between the listing and the reading
        return ""
