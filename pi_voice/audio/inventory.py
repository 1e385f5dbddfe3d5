"""Finds the sound card that is meant, and says why when it cannot be had.

The configuration names what stays the same over reboots. The place in PortAudio's list and the
number of a card do not: they are looked up anew for every opening and never stored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pi_voice.audio.cards import USB_ID, USB_PATH, Card, Direction, Kernel
from pi_voice.errors import DeviceError, join, me

LIST_THEM = "Run: pi-voice devices"
SOUND_SERVERS = ("pipewire", "pulse")  # PCMs that share a card among programs
# What ALSA's own configuration offers for any card, there or not; nobody wants to read them.
_GENERIC = re.compile(
    r"sysdefault|front|rear|center_lfe|side|surround\d\d|iec958|spdif|hdmi|modem|phoneline|null|"
    r"dmix|dsnoop|a52|jack|oss|usbstream|lavrate|samplerate|speex(rate)?|(up|vdown)mix"
)
_OF_CARD = re.compile(r"\((?:plug)?hw:(\d+),(\d+)\)$")  # plughw where PA_ALSA_PLUGHW is set
_NUMBER = re.compile(r"(?:(?:plug)?hw:)?(\d+)(?:,\d+)?")  # "hw:1,0": what others use
_CARD_ID = re.compile(r"(?:(?:plug)?hw:)?CARD=([^,]+)(?:,DEV=(\d+))?")


@dataclass(frozen=True, slots=True)
class Pcm:
    """What PortAudio lists: a device of a card, or a door to a sound server.

    Attributes:
        index: Its place in the list; another one after the next start.
        name: As PortAudio gives it, for example "USB Audio: - (hw:1,0)" or "pulse".
        inputs: The most channels it captures; 0 if none, or if it was in use.
        outputs: The most channels it plays; 0 if none, or if it was in use.
        rate_hz: What PortAudio proposes: 44,100 for every card that can do it.
        default_for: The directions in which it is the default.
    """

    index: int
    name: str
    inputs: int
    outputs: int
    rate_hz: int
    default_for: frozenset[Direction] = frozenset()

    def channels(self, direction: Direction) -> int:
        return self.inputs if direction is Direction.MICROPHONE else self.outputs

    @property
    def place(self) -> tuple[int, int] | None:
        """Number of the card and of its device; None for what is no device of a card."""
        found = _OF_CARD.search(self.name)
        return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Inventory:
    """PortAudio's list, with the kernel's cards as they were when it was made."""

    pcms: Sequence[Pcm]
    cards: Sequence[Card]
    kernel: Kernel

    def card_of(self, pcm: Pcm) -> Card | None:
        place = pcm.place
        return next((c for c in self.cards if place and c.number == place[0]), None)

    def name_of(self, pcm: Pcm) -> str:
        """What to write in the configuration."""
        card = self.card_of(pcm)
        return card_name(card, self.cards) if card else pcm.name

    def find(self, wanted: str, direction: Direction) -> Pcm:
        """The one that is meant, never another in its place.

        Args:
            wanted: "default", a card ("hw:CARD=Device", "CARD=Device,DEV=1"), a USB socket
                ("usb:1-1.2"), vendor and product ("0d8c:0014"), or a part of a name.
            direction: Which end is needed.

        Raises:
            DeviceError: Not there, in use, not permitted, more than one, or only a number.
        """
        if number := _NUMBER.fullmatch(wanted):
            raise self._number(wanted, direction, int(number[1]))
        usable = [pcm for pcm in self.pcms if pcm.channels(direction)]
        for fits in _tests(wanted, direction):
            found = [pcm for pcm in usable if fits(pcm, self.card_of(pcm))]
            names = list(dict.fromkeys(self.name_of(pcm) for pcm in found))
            if len(names) > 1:
                raise DeviceError(
                    f"{direction} {wanted!r}",
                    f"fits more than one: {_quoted(names)}",
                    f"Write one of these into [audio] {direction}",
                )
            if found:
                return found[0]
        raise self._missing(wanted, direction)

    def refusal(self, wanted: str, direction: Direction, card: Card) -> DeviceError | None:
        """Why a card that is there cannot be opened, as far as the kernel tells."""
        name = f"{direction} {wanted!r}"
        nodes = self.kernel.nodes(card, direction)
        if not nodes:
            return DeviceError(name, f"is a card without a {direction}", LIST_THEM)
        if not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
            return DeviceError(name, f"may not be used by {me()}", join("audio"))
        if holder := self.kernel.holder(card, direction):
            server = next((p.name for p in self.pcms if p.name in SOUND_SERVERS), None)
            other = f'set [audio] {direction} = "{server}"' if server else "use another card"
            return DeviceError(name, f"is in use by {holder}", f"Stop it, or {other}")
        return None

    def offered(self, direction: Direction | None = None) -> list[Pcm]:
        """What a person may choose from."""
        return [
            pcm
            for pcm in self.pcms
            if not _GENERIC.fullmatch(pcm.name) and (direction is None or pcm.channels(direction))
        ]

    def without(self, lost: Iterable[Card]) -> Inventory:
        """What is left of an old list when these cards are not where they were."""
        numbers = {card.number for card in lost}
        return Inventory(
            [pcm for pcm in self.pcms if not pcm.place or pcm.place[0] not in numbers],
            [card for card in self.cards if card.number not in numbers],
            self.kernel,
        )

    def _number(self, wanted: str, direction: Direction, number: int) -> DeviceError:
        card = next((card for card in self.cards if card.number == number), None)
        name = f'Set [audio] {direction} = "{card_name(card, self.cards)}"' if card else LIST_THEM
        fact = "is a number, and the next boot may count the cards differently"
        return DeviceError(f"{direction} {wanted!r}", fact, name)

    def _missing(self, wanted: str, direction: Direction) -> DeviceError:
        name = f"{direction} {wanted!r}"
        for card in self.cards:
            unlisted = Pcm(-1, f"{card.name} (hw:{card.number},0)", 0, 0, 0)
            if any(fits(unlisted, card) for fits in _tests(wanted, direction)):
                silent = DeviceError(name, "is there but does not open", "Plug it in again")
                return self.refusal(wanted, direction, card) or silent
        names = dict.fromkeys(self.name_of(pcm) for pcm in self.offered(direction))
        seen = f"I see: {_quoted(names)}" if names else f"I see no {direction} at all"
        return DeviceError(name, f"not found; {seen}", LIST_THEM)


def names_card(wanted: str) -> bool:
    """True for what can only be a card of this machine: by its id, its number or its USB socket."""
    ways = (_NUMBER, _CARD_ID, USB_PATH)
    is_usb = wanted.startswith("usb:") or USB_ID.fullmatch(wanted.lower())
    return bool(is_usb) or any(way.fullmatch(wanted) for way in ways)


def card_name(card: Card, cards: Iterable[Card]) -> str:
    """What to write in the configuration for a card.

    Two of one kind swap their ids when the kernel finds them in another order; only their sockets
    tell them apart.
    """
    twins = [c for c in cards if card.usb_id and c.usb_id == card.usb_id]
    return f"usb:{card.usb_path}" if len(twins) > 1 else f"hw:CARD={card.id}"


def _tests(wanted: str, direction: Direction) -> list[Callable[[Pcm, Card | None], bool]]:
    """What the words of the configuration mean, the strictest reading first."""
    if wanted == "default":
        return [lambda pcm, _: direction in pcm.default_for]
    if by_id := _CARD_ID.fullmatch(wanted):
        card_id, device = by_id[1], by_id[2] and int(by_id[2])
        return [
            lambda pcm, card: (
                card is not None
                and card.id == card_id
                and (device is None or (pcm.place or (0, 0))[1] == device)
            )
        ]
    usb = wanted.removeprefix("usb:")
    if USB_PATH.fullmatch(usb):
        return [lambda _, card: card is not None and card.usb_path == usb]
    if USB_ID.fullmatch(usb.lower()):
        return [lambda _, card: card is not None and card.usb_id == usb.lower()]
    if usb != wanted:
        return [
            lambda pcm, card: card is not None and card.usb_path != "" and _part(usb, pcm, card)
        ]
    return [
        lambda pcm, card: wanted in (pcm.name, card and card.id, card and card.name),
        lambda pcm, card: _part(wanted, pcm, card),
    ]


def _part(wanted: str, pcm: Pcm, card: Card | None) -> bool:
    names = [pcm.name, *([card.id, card.name] if card else [])]
    return any(wanted.lower() in name.lower() for name in names)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
