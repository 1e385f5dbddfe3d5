"""The list that a person chooses from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.audio.devices import DeviceInfo, describe_devices
from pi_voice.audio.portaudio import PortAudio
from tests.fake_kernel import FakeKernel
from tests.fake_pyaudio import FakeCard, FakePyAudio


def test_a_person_sees_what_to_write_and_what_each_can_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(1, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")
    usb = FakeCard("USB PnP Sound Device: Audio (hw:1,0)", 1, 2, counts=(1, 2))
    pulse = FakeCard("pulse", 32, 32, rates=(48_000, 44_100, 24_000, 16_000))
    fake = FakePyAudio(usb, FakeCard("surround51", 0, 6), pulse)
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    both, all_rates = (48_000, 44_100), (48_000, 44_100, 24_000, 16_000)
    assert describe_devices(PortAudio(pi.kernel)) == [
        DeviceInfo("hw:CARD=Device", "USB PnP Sound Device", 1, 2, both, both),
        DeviceInfo("pulse", "pulse", 32, 32, all_rates, all_rates),
    ]
    assert fake.running == 0


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 96_000, 192_000])
def test_a_card_with_an_uncommon_rate_is_no_broken_one(
    rate_hz: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(1, "Device", "USB PnP Sound Device")
    card = FakeCard("USB PnP Sound Device: Audio (hw:1,0)", 1, 2, rate_hz, rates=(rate_hz,))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", FakePyAudio(card))
    [device] = describe_devices(PortAudio(pi.kernel))
    assert (device.input_rates_hz, device.output_rates_hz) == ((rate_hz,), (rate_hz,))
    assert device.problem == ""


def test_a_card_that_somebody_holds_is_listed_with_the_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = FakeKernel(tmp_path)
    pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(812, "pi-voice", pi.node(1, 0, "c"))
    fake = FakePyAudio(FakeCard("USB PnP Sound Device: Audio (hw:1,0)", 0, 2))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    [device] = describe_devices(PortAudio(pi.kernel))
    assert (device.input_channels, device.output_channels) == (0, 2)
    assert device.problem == "its microphone is in use by pid 812 (pi-voice)"
