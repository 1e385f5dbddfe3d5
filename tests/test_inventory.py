"""Which card is meant, and the sentence for each reason why it cannot be had."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from pi_voice.audio.cards import Direction
from pi_voice.audio.inventory import Inventory, Pcm, card_name
from pi_voice.errors import DeviceError
from tests.fake_kernel import FakeKernel

MIC, SPEAKER = Direction.MICROPHONE, Direction.SPEAKER
HEADPHONES = Pcm(0, "bcm2835 Headphones: - (hw:0,0)", 0, 8, 44_100)
USB = Pcm(1, "USB PnP Sound Device: Audio (hw:1,0)", 1, 2, 44_100)
ARRAY = Pcm(2, "ReSpeaker 4 Mic Array: USB Audio (plughw:2,0)", 6, 2, 16_000)
ARRAY_2 = Pcm(3, "ReSpeaker 4 Mic Array: Monitor (plughw:2,1)", 1, 0, 16_000)
FRONT = Pcm(4, "front", 0, 2, 48_000)
PULSE = Pcm(5, "pulse", 32, 32, 44_100)
DEFAULT = Pcm(6, "default", 32, 32, 44_100, frozenset(Direction))


@pytest.fixture
def pi(tmp_path: Path) -> FakeKernel:
    pi = FakeKernel(tmp_path)
    pi.plug(0, "Headphones", "bcm2835 Headphones")
    pi.node(0, 0, "c").unlink()
    pi.plug(1, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")
    pi.plug(2, "ArrayUAC10", "ReSpeaker 4 Mic Array", usb_path="1-1.3", usb_id="2886:0018")
    return pi


def inventory(pi: FakeKernel, *pcms: Pcm) -> Inventory:
    listed = pcms or (HEADPHONES, USB, ARRAY, ARRAY_2, FRONT, PULSE, DEFAULT)
    return Inventory(listed, pi.kernel.cards(), pi.kernel)


@pytest.mark.parametrize(
    ("wanted", "direction", "found"),
    [
        ("hw:CARD=Device", MIC, USB),
        ("plughw:CARD=Device", MIC, USB),
        ("CARD=Device", SPEAKER, USB),
        ("Device", MIC, USB),
        ("hw:CARD=ArrayUAC10,DEV=1", MIC, ARRAY_2),
        ("hw:CARD=ArrayUAC10", MIC, ARRAY),
        ("usb:1-1.2", MIC, USB),
        ("1-1.3", MIC, ARRAY),
        ("2886:0018", MIC, ARRAY),
        ("usb:0D8C:0014", MIC, USB),
        ("usb:respeaker", MIC, ARRAY),
        ("PnP", MIC, USB),
        ("Headphones", SPEAKER, HEADPHONES),
        ("pulse", MIC, PULSE),
        ("default", SPEAKER, DEFAULT),
    ],
)
def test_a_card_is_found_by_every_name_that_it_has(
    pi: FakeKernel, wanted: str, direction: Direction, found: Pcm
) -> None:
    assert inventory(pi).find(wanted, direction) == found


def test_a_card_keeps_its_name_when_the_kernel_counts_differently(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(0, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")
    first = Pcm(0, "USB PnP Sound Device: Audio (hw:0,0)", 1, 2, 44_100)
    assert inventory(pi, first, PULSE).find("hw:CARD=Device", MIC) == first


def refusal(listed: Inventory, wanted: str, direction: Direction = MIC) -> str:
    with pytest.raises(DeviceError) as refused:
        listed.find(wanted, direction)
    return str(refused.value)


def test_a_card_that_is_not_there_is_never_replaced_by_another(pi: FakeKernel) -> None:
    assert refusal(inventory(pi), "usb:Jabra") == (
        "microphone 'usb:Jabra' not found; I see: 'hw:CARD=Device', 'hw:CARD=ArrayUAC10', "
        "'pulse', 'default'. Run: pi-voice devices"
    )


@pytest.mark.parametrize("wanted", ["hw:1,0", "plughw:1", "1"])
def test_a_number_is_refused_because_it_changes(pi: FakeKernel, wanted: str) -> None:
    assert refusal(inventory(pi), wanted) == (
        f"microphone {wanted!r} is a number, and the next boot may count the cards differently. "
        'Set [audio] microphone = "hw:CARD=Device"'
    )


def test_the_number_of_no_card_is_refused_too(pi: FakeKernel) -> None:
    assert refusal(inventory(pi), "hw:7").endswith("differently. Run: pi-voice devices")


def test_a_machine_without_any_says_so(tmp_path: Path) -> None:
    assert refusal(Inventory((), (), FakeKernel(tmp_path).kernel), "default") == (
        "microphone 'default' not found; I see no microphone at all. Run: pi-voice devices"
    )


def test_a_name_that_fits_two_cards_is_no_name(pi: FakeKernel) -> None:
    assert refusal(inventory(pi), "usb:", SPEAKER) == (
        "speaker 'usb:' fits more than one: 'hw:CARD=Device', 'hw:CARD=ArrayUAC10'. "
        "Write one of these into [audio] speaker"
    )


def test_a_card_in_use_names_its_holder_and_a_way_to_share(pi: FakeKernel) -> None:
    pi.hold(812, "pipewire", pi.node(1, 0, "p"))
    busy = Pcm(1, USB.name, 1, 0, 44_100)
    server = Pcm(2, "pipewire", 32, 32, 44_100)
    assert refusal(inventory(pi, busy, server), "hw:CARD=Device", SPEAKER) == (
        "speaker 'hw:CARD=Device' is in use by pid 812 (pipewire). "
        'Stop it, or set [audio] speaker = "pipewire"'
    )


def test_a_card_in_use_without_a_sound_server(pi: FakeKernel) -> None:
    pi.hold(812, "arecord", pi.node(1, 0, "c"))
    assert refusal(inventory(pi, HEADPHONES), "1-1.2") == (
        "microphone '1-1.2' is in use by pid 812 (arecord). Stop it, or use another card"
    )


def test_a_speaker_is_no_microphone(pi: FakeKernel) -> None:
    assert refusal(inventory(pi), "hw:CARD=Headphones") == (
        "microphone 'hw:CARD=Headphones' is a card without a microphone. Run: pi-voice devices"
    )


def test_a_card_that_the_user_may_not_open(pi: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may open everything
    user = getpass.getuser()
    assert refusal(inventory(pi, HEADPHONES), "hw:CARD=Device") == (
        f"microphone 'hw:CARD=Device' may not be used by {user}. "
        f"Run: sudo usermod -aG audio {user}; then log in again"
    )


def test_a_user_without_a_name_is_told_by_number(
    pi: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(getpass, "getuser", nameless)
    said = refusal(inventory(pi, HEADPHONES), "hw:CARD=Device")
    assert f"may not be used by uid {os.getuid()}. Run: sudo usermod" in said


def test_a_card_that_is_there_for_the_kernel_alone(pi: FakeKernel) -> None:
    assert refusal(inventory(pi, HEADPHONES), "hw:CARD=Device") == (
        "microphone 'hw:CARD=Device' is there but does not open. Plug it in again"
    )


def test_two_of_one_kind_are_told_apart_by_their_sockets(pi: FakeKernel) -> None:
    cards = pi.kernel.cards()
    assert card_name(cards[1], cards) == "hw:CARD=Device"
    pi.plug(3, "Device_1", "USB PnP Sound Device", usb_path="1-1.4", usb_id="0d8c:0014")
    twins = pi.kernel.cards()
    assert [card_name(card, twins) for card in (twins[1], twins[3])] == ["usb:1-1.2", "usb:1-1.4"]


def test_an_old_list_does_not_speak_of_cards_that_moved(pi: FakeKernel) -> None:
    listed = inventory(pi)
    left = listed.without([listed.cards[1]])
    assert USB not in left.pcms
    assert left.find("ArrayUAC10", MIC) == ARRAY
    assert left.find("pulse", MIC) == PULSE
