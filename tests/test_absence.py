from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.audio.absence import Alsa, absence
from pi_voice.audio.cards import Direction
from tests.fake_kernel import FakeKernel

MICROPHONE, SPEAKER = Direction.MICROPHONE, Direction.SPEAKER
NAMED = ["hw:CARD=Device", "CARD=Device,DEV=0", "usb:1-1.2", "1-1.2", "0d8c:0014"]
BY_PART = ["default", "Device", "usb pnp"]


class Here:
    """A machine with cards, and with the words of ALSA that its owner added."""

    def __init__(self, folder: Path) -> None:
        self.pi = FakeKernel(folder / "pi")
        self.etc = folder / "etc"
        (self.etc / "alsa" / "conf.d").mkdir(parents=True)

    def plug_in(self) -> None:
        self.pi.plug(1, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")

    def absence(self, wanted: str, direction: Direction = MICROPHONE) -> str:
        error = absence(wanted, direction, self.pi.kernel, Alsa(self.etc))
        return str(error) if error else ""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.delenv("ALSA_CONFIG_PATH", raising=False)
    return Here(tmp_path)


@pytest.mark.parametrize("wanted", NAMED + BY_PART)
def test_a_card_that_is_there_is_not_missed(here: Here, wanted: str) -> None:
    here.plug_in()
    assert here.absence(wanted) == ""
    assert here.absence(wanted, SPEAKER) == ""


@pytest.mark.parametrize("wanted", NAMED + BY_PART)
def test_on_a_machine_without_any_card_it_is(here: Here, wanted: str) -> None:
    assert here.absence(wanted) == (
        f"microphone {wanted!r} not found; I see no microphone at all. Run: pi-voice devices"
    )


@pytest.mark.parametrize("wanted", NAMED)
def test_what_is_named_is_missed_beside_other_cards_and_until_it_is_back(
    here: Here, wanted: str
) -> None:
    here.pi.plug(0, "Headphones", "bcm2835 Headphones")
    assert here.absence(wanted) == (
        f"microphone {wanted!r} not found; I see: 'hw:CARD=Headphones'. Run: pi-voice devices"
    )
    here.plug_in()
    assert here.absence(wanted) == ""
    here.pi.unplug(1)
    assert here.absence(wanted) != ""


def test_a_card_with_the_other_end_alone_is_missed(here: Here) -> None:
    here.plug_in()
    here.pi.node(1, 0, "c").unlink()
    assert "is a card without a microphone" in here.absence("hw:CARD=Device")
    assert "I see no microphone at all" in here.absence("default")
    assert here.absence("hw:CARD=Device", SPEAKER) == ""


def test_a_part_of_a_name_may_be_one_that_only_portaudio_knows(here: Here) -> None:
    here.pi.plug(0, "Headphones", "bcm2835 Headphones")
    assert here.absence("Jabra") == ""


def test_a_number_is_no_name(here: Here) -> None:
    here.plug_in()
    assert 'Set [audio] microphone = "hw:CARD=Device"' in here.absence("hw:1,0")


@pytest.mark.parametrize("wanted", ["pulse", "pipewire"])
def test_a_sound_server_needs_no_card(here: Here, wanted: str) -> None:
    assert here.absence(wanted) == ""


def test_where_alsa_has_words_of_the_owners_only_a_card_is_missed(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.etc / "asound.conf").touch()
    assert here.absence("default") == here.absence("my_array") == ""
    assert here.absence("hw:CARD=Device") != ""
    (here.etc / "asound.conf").unlink()
    assert here.absence("my_array") != ""
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/elsewhere")
    assert here.absence("my_array") == ""


def test_a_device_that_only_a_package_knows_is_not_missed(here: Here) -> None:
    assert here.absence("bluealsa", SPEAKER) != ""
    (here.etc / "alsa" / "conf.d" / "20-bluealsa.conf").touch()
    assert here.absence("bluealsa", SPEAKER) == ""
    assert here.absence("Jabra", SPEAKER) != ""


def test_the_default_may_be_a_sound_server(here: Here) -> None:
    (here.etc / "alsa" / "conf.d" / "99-pipewire-default.conf").touch()
    assert here.absence("default") == ""
    assert here.absence("Jabra") != ""
