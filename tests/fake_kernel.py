"""Folders that look like /proc, /sys and /dev of a machine with sound cards."""

from __future__ import annotations

import shutil
from pathlib import Path

from pi_voice.audio.cards import Card, Kernel


class FakeKernel:
    """Cards that are plugged in and out; `kernel` is what the program looks at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cards: dict[int, Card] = {}
        for name in ("proc/asound", "sys/class/sound", "sys/devices", "dev/snd"):
            (folder / name).mkdir(parents=True)
        self.kernel = Kernel(folder / "proc", folder / "sys", folder / "dev")

    def plug(
        self, number: int, card_id: str, name: str, *, usb_path: str = "", usb_id: str = ""
    ) -> Card:
        """Add a card with one microphone and one speaker."""
        card = Card(number, card_id, name, usb_path, usb_id)
        self._cards[number] = card
        device = self._folder / "sys" / "devices" / (usb_path or f"soc{number}")
        interface = device / f"{usb_path}:1.0" if usb_path else device
        interface.mkdir(parents=True)
        if usb_id:
            vendor, product = usb_id.split(":")
            (device / "idVendor").write_text(f"{vendor}\n")
            (device / "idProduct").write_text(f"{product}\n")
        sound = self._sound(number)
        sound.mkdir()
        (sound / "id").write_text(f"{card_id}\n")
        (sound / "device").symlink_to(interface)
        for end in "cp":
            self.node(number, 0, end).touch()
        self._list()
        return card

    def unplug(self, number: int) -> None:
        card = self._cards.pop(number)
        shutil.rmtree(self._sound(number))
        shutil.rmtree(self._folder / "sys" / "devices" / (card.usb_path or f"soc{number}"))
        for node in (self._folder / "dev" / "snd").glob(f"pcmC{number}D*"):
            node.unlink()
        self._list()

    def node(self, number: int, device: int, end: str) -> Path:
        return self._folder / "dev" / "snd" / f"pcmC{number}D{device}{end}"

    def hold(self, pid: int, program: str, node: Path) -> None:
        """Let a process have the file of a card open."""
        process = self._folder / "proc" / str(pid)
        (process / "fd").mkdir(parents=True)
        (process / "comm").write_text(f"{program}\n")
        (process / "fd" / "7").symlink_to(node)

    def _sound(self, number: int) -> Path:
        return self._folder / "sys" / "class" / "sound" / f"card{number}"

    def _list(self) -> None:
        lines = [
            f" {card.number} [{card.id:15}]: driver - {card.name}\n"
            f"                      {card.name} at somewhere\n"
            for card in self._cards.values()
        ]
        (self._folder / "proc" / "asound" / "cards").write_text("".join(lines))
