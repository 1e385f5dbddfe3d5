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
            self._status(self.node(number, 0, end)).write_text("closed\n")
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

    def hold(self, pid: int, program: str, node: Path, *, thread: int = 0) -> None:
        """Let a thread of a process have the end of a card open."""
        process, owner = (
            self._folder / "proc" / str(pid),
            self._folder / "proc" / str(thread or pid),
        )
        for folder in (process, owner):
            folder.mkdir(exist_ok=True)
            (folder / "status").write_text(f"Name:\tdata-loop\nTgid:\t{pid}\nPid:\t{thread}\n")
        (process / "comm").write_text(f"{program}\n")
        owned = f"state: RUNNING\nowner_pid   : {thread or pid}\ntrigger_time: 1.0\n"
        self._status(node).write_text(owned)

    def _status(self, node: Path) -> Path:
        card, _, device = node.name.removeprefix("pcmC").partition("D")
        folder = self._folder / "proc" / "asound" / f"card{card}" / f"pcm{device}" / "sub0"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "status"

    def _sound(self, number: int) -> Path:
        return self._folder / "sys" / "class" / "sound" / f"card{number}"

    def _list(self) -> None:
        lines = [
            f" {card.number} [{card.id:15}]: driver - {card.name}\n"
            f"                      {card.name} at somewhere\n"
            for card in self._cards.values()
        ]
        (self._folder / "proc" / "asound" / "cards").write_text("".join(lines))
