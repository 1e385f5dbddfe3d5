from __future__ import annotations

from pi_voice.audio.devices import DeviceInfo
from pi_voice.device_list import NOTHING, lines


def test_a_card_is_told_with_what_it_can_do_and_what_to_write() -> None:
    card = DeviceInfo("Device", "USB PnP Sound Device", 1, 2, (48_000, 44_100), (48_000,))
    assert list(lines([card])) == [
        "Device: USB PnP Sound Device",
        "  microphone: 1 channel at 48, 44.1 kHz",
        '    [audio] microphone = "Device"',
        "  speaker: 2 channels at 48 kHz",
        '    [audio] speaker = "Device"',
    ]


def test_a_card_that_is_busy_says_who_holds_it_and_is_not_recommended() -> None:
    problem = "its speaker is in use by pid 812 (pipewire)"
    card = DeviceInfo("Headphones", "bcm2835", 0, 2, (), (), problem)
    assert list(lines([card])) == [
        "Headphones: bcm2835",
        "  speaker: 2 channels",
        f"  problem: {problem}",
    ]


def test_a_door_to_a_sound_server_is_named_once() -> None:
    assert list(lines([DeviceInfo("default", "default", 2, 0, (44_100,))]))[0] == "default"


def test_a_machine_without_cards_says_what_to_do() -> None:
    assert list(lines([])) == [NOTHING]
