"""The kernel's cards, read from folders that look like a Raspberry Pi's."""

from __future__ import annotations

import shutil
from pathlib import Path

from pi_voice.audio.cards import Card, Direction, Kernel
from tests.fake_kernel import FakeKernel


def test_cards_are_known_by_what_stays_the_same(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(0, "Headphones", "bcm2835 Headphones")
    pi.plug(1, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")
    assert pi.kernel.cards() == (
        Card(0, "Headphones", "bcm2835 Headphones"),
        Card(1, "Device", "USB PnP Sound Device", "1-1.2", "0d8c:0014"),
    )


def test_a_card_that_is_unplugged_is_gone(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(1, "Device", "USB PnP Sound Device")
    pi.unplug(1)
    assert pi.kernel.cards() == ()


def test_a_machine_without_alsa_has_no_cards(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert Kernel(nowhere, nowhere, nowhere).cards() == ()


def test_a_card_without_its_line_in_proc_is_called_by_its_id(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(0, "Loopback", "Loopback 1")
    (tmp_path / "proc" / "asound" / "cards").unlink()
    assert pi.kernel.cards() == (Card(0, "Loopback", "Loopback"),)


def test_who_holds_a_card_is_named(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    card = pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(812, "pipewire", pi.kernel.nodes(card, Direction.SPEAKER)[0])
    assert pi.kernel.holder(card, Direction.SPEAKER) == "pid 812 (pipewire)"
    assert pi.kernel.holder(card, Direction.MICROPHONE) == ""


def test_the_program_is_named_when_one_of_its_threads_holds_the_card(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    card = pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(812, "pipewire", pi.node(1, 0, "c"), thread=815)
    assert pi.kernel.holder(card, Direction.MICROPHONE) == "pid 812 (pipewire)"


def test_a_card_with_a_free_stream_is_held_by_nobody(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    card = pi.plug(1, "Loopback", "Loopback 1")
    pi.hold(812, "arecord", pi.node(1, 0, "c"))
    free = tmp_path / "proc" / "asound" / "card1" / "pcm0c" / "sub1"
    free.mkdir()
    (free / "status").write_text("closed\n")
    assert pi.kernel.holder(card, Direction.MICROPHONE) == ""


def test_a_holder_that_is_hidden_is_known_by_its_number(tmp_path: Path) -> None:
    pi = FakeKernel(tmp_path)
    card = pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(812, "pipewire", pi.node(1, 0, "c"))
    shutil.rmtree(tmp_path / "proc" / "812")
    assert pi.kernel.holder(card, Direction.MICROPHONE) == "pid 812 (unknown)"


def test_the_card_that_a_process_plays_on_is_found_through_any_of_its_threads(
    tmp_path: Path,
) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(0, "Headphones", "bcm2835 Headphones")
    card = pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(700, "pipewire", pi.node(0, 0, "p"))
    pi.hold(812, "pi-voice", pi.node(1, 0, "p"), thread=815)
    assert pi.kernel.held_by(812, Direction.SPEAKER) == card
    assert pi.kernel.held_by(812, Direction.MICROPHONE) is None
    assert pi.kernel.held_by(813, Direction.SPEAKER) is None
