from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.core.failures import Failure
from pi_voice.doctor import sound
from pi_voice.doctor.facts import CardFacts, End, Heard
from pi_voice.errors import PiVoiceError
from tests.fake_system import Patient, levels, words

USB = CardFacts("hw:CARD=Device", "USB PnP Sound Device", (48_000, 44_100), (48_000,))
MIXER = """Simple mixer control 'Speaker',0
  Capabilities: pvolume pswitch pswitch-joined
  Playback channels: Front Left - Front Right
  Limits: Playback 0 - 37
  Mono:
  Front Left: Playback {speaker} [{speaker}%] [-11.50dB] [{switch}]
  Front Right: Playback {speaker} [{speaker}%] [-11.50dB] [{switch}]
Simple mixer control 'Mic',0
  Capabilities: pvolume pvolume-joined cvolume cvolume-joined pswitch cswitch cswitch-joined
  Playback channels: Mono
  Capture channels: Mono
  Limits: Playback 0 - 31 Capture 0 - 16
  Mono: Playback 0 [0%] [-34.50dB] [off] Capture {mic} [{mic}%] [23.81dB] [{capture}]
Simple mixer control 'Mic Boost',0
  Capabilities: cvolume cvolume-joined
  Mono: Capture 1 [50%] [10.00dB]
Simple mixer control 'Headset Mic',0
  Capabilities: pswitch pswitch-joined
  Mono: Playback [off]
Simple mixer control 'Auto Gain Control',0
  Capabilities: pswitch pswitch-joined
  Mono: Playback [off]
"""


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def microphone(pi: Patient, **facts: object) -> None:
    end = dataclasses.replace(pi.sound.cards.microphone, **facts)  # type: ignore[arg-type]  # tests know
    pi.sound.cards = dataclasses.replace(pi.sound.cards, microphone=end)


def mixer(
    pi: Patient, speaker: int = 80, switch: str = "on", mic: int = 70, capture: str = "on"
) -> None:
    text = MIXER.format(speaker=speaker, switch=switch, mic=mic, capture=capture)
    pi.system.answer("amixer -c Device scontents", text)


def test_cards_are_shown_with_their_rates(pi: Patient) -> None:
    busy = CardFacts("hw:CARD=vc4hdmi", "HDMI", problem="its speaker is in use by pid 9 (mpv)")
    pi.sound.cards = dataclasses.replace(pi.sound.cards, cards=(USB, busy))
    assert words(sound.cards(pi.facts)) == [
        ("ok", "PortAudio V19"),
        ("ok", "hw:CARD=Device: microphone 48, 44.1 kHz; speaker 48 kHz"),
        (
            "ok",
            "hw:CARD=vc4hdmi: opens at no rate just now; its speaker is in use by pid 9 (mpv)",
        ),
    ]


def test_a_machine_without_cards_is_told_to_get_one(pi: Patient) -> None:
    _, found = sound.cards(pi.facts)
    assert found.failure is Failure.NO_MICROPHONE
    assert found.fix.startswith("Plug in a USB card")


def test_a_hat_whose_driver_does_not_load_is_named(pi: Patient) -> None:
    text = "dtoverlay=vc4-kms-v3d\n#dtoverlay=old\ndtoverlay=seeed-2mic-voicecard,foo=1\n"
    pi.system.write("/boot/firmware/config.txt", text)
    _, found = sound.cards(pi.facts)
    assert found.fix.startswith("config.txt asks for seeed-2mic-voicecard: ")


def test_the_service_cannot_use_the_sound_server_of_a_user(pi: Patient) -> None:
    pi.system.write("/etc/alsa/conf.d/99-pipewire-default.conf")
    pi.sound.cards = dataclasses.replace(pi.sound.cards, cards=(CardFacts("pulse", "pulse"), USB))
    assert levels(sound.microphone(pi.facts)) == ["ok"]
    pi.system.unit()
    (found,) = sound.microphone(pi.facts)
    assert (found.level, found.fix) == ("warning", 'Set [audio] microphone = "hw:CARD=Device"')


def test_which_card_is_the_default_may_change(pi: Patient) -> None:
    hdmi = CardFacts("hw:CARD=vc4hdmi", "HDMI", (), (48_000,))
    pi.sound.cards = dataclasses.replace(pi.sound.cards, cards=(hdmi, USB))
    assert levels(sound.microphone(pi.facts)) == ["ok"]
    (found,) = sound.speaker(pi.facts)
    assert found.level == "note"
    assert found.fix == 'Set [audio] speaker = "hw:CARD=vc4hdmi" or "hw:CARD=Device"'


def test_a_card_that_is_not_there_is_told_in_its_own_words(pi: Patient) -> None:
    microphone(pi, problem="not found; I see: 'pulse'", fix="Run: pi-voice devices")
    (found,) = sound.microphone(pi.facts)
    assert found.what == "microphone 'default' not found; I see: 'pulse'"
    assert (found.fix, found.failure) == ("pi-voice devices", Failure.NO_MICROPHONE)
    assert words(sound.speaker(pi.facts)) == [("ok", "speaker 'default' can be used")]


def test_a_card_that_the_service_has_open_is_fine(pi: Patient) -> None:
    pi.system.unit(MainPID="812")
    microphone(pi, problem="is in use by pid 812 (pi-voice)", holder="pid 812 (pi-voice)")
    assert levels(sound.microphone(pi.facts)) == ["ok"]
    microphone(pi, problem="is in use by pid 813 (arecord)", holder="pid 813 (arecord)")
    assert levels(sound.microphone(pi.facts)) == ["failure"]


@pytest.mark.parametrize(
    ("target", "on_usb", "way_out"),
    [
        ("multi-user.target", True, "systemctl --user mask --now pipewire.socket"),
        ("graphical.target", True, "pactl set-card-profile NAME off"),
        ("graphical.target", False, "sudo systemctl set-default multi-user.target"),
    ],
)
def test_a_card_that_a_sound_server_holds_has_the_way_out_that_applies(
    pi: Patient, target: str, on_usb: bool, way_out: str
) -> None:
    pi.system.path("/etc/systemd/system").mkdir(parents=True)
    pi.system.path("/etc/systemd/system/default.target").symlink_to(f"/lib/systemd/system/{target}")
    microphone(pi, problem="is in use", holder="pid 700 (pipewire)", on_usb=on_usb)
    (found,) = sound.microphone(pi.facts)
    assert found.what == "microphone 'default' is held by a sound server: pid 700 (pipewire)"
    assert way_out in found.fix


def test_an_open_mixer_is_fine(pi: Patient) -> None:
    mixer(pi)
    assert words(sound.mixer(pi.facts)) == [
        ("ok", "microphone of Device: its controls are open"),
        ("ok", "speaker of Device: its controls are open"),
    ]


def test_a_microphone_at_zero_is_told_with_its_control(pi: Patient) -> None:
    mixer(pi, mic=0)
    found, _ = sound.mixer(pi.facts)
    assert found.what == "the microphone of Device is at zero in the mixer ('Mic')"
    assert found.fix == "amixer -c Device sset 'Mic' 80% cap && sudo alsactl store"


def test_a_microphone_that_is_switched_off_is_told(pi: Patient) -> None:
    mixer(pi, capture="off")
    assert ("warning", "the microphone of Device is switched off in the mixer ('Mic')") in words(
        sound.mixer(pi.facts)
    )


@pytest.mark.parametrize(
    ("speaker", "switch", "state"), [(0, "on", "at zero"), (80, "off", "switched off")]
)
def test_a_silent_speaker_is_told(pi: Patient, speaker: int, switch: str, state: str) -> None:
    mixer(pi, speaker=speaker, switch=switch)
    _, found = sound.mixer(pi.facts)
    assert found.what == f"the speaker of Device is {state} in the mixer ('Speaker')"
    assert found.fix == "amixer -c Device sset 'Speaker' 80% unmute && sudo alsactl store"


def test_a_card_without_controls_cannot_be_switched_off(pi: Patient) -> None:
    pi.system.answer("amixer -c Device scontents", "")
    assert levels(sound.mixer(pi.facts)) == ["ok", "ok"]


def test_a_mixer_that_cannot_be_asked_is_a_note(pi: Patient) -> None:
    (found,) = sound.mixer(pi.facts)
    assert (found.level, found.fix) == ("note", "sudo apt install alsa-utils")
    pi.system.answer("amixer -c Device scontents", "", 1)
    assert levels(sound.mixer(pi.facts)) == ["note", "note"]


def test_the_time_to_the_first_sound_is_shown(pi: Patient) -> None:
    assert words(sound.first_frame(pi.facts)) == [
        ("ok", "the microphone gives its first sound after 120 ms"),
        ("ok", "the loudest sample of the room was -31 dB"),
    ]


def test_a_card_that_opens_slowly_is_better_kept_open(pi: Patient) -> None:
    pi.sound.heard = Heard(900.0, 1)
    found, _ = sound.first_frame(pi.facts)
    assert (found.level, found.fix) == ("note", "Set [activation] hot = true")
    pi.settings = parse("[activation]\nhot = true\n")
    assert levels(sound.first_frame(pi.facts)) == ["ok", "ok"]


def test_only_zeros_are_no_sound(pi: Patient) -> None:
    pi.sound.heard = Heard(90.0, 0)
    _, found = sound.first_frame(pi.facts)
    assert (found.level, found.fix) == ("warning", "alsamixer -V capture -c Device")


def test_a_microphone_that_does_not_open_is_a_failure(pi: Patient) -> None:
    pi.sound.heard = PiVoiceError("microphone 'default' does not open (x). Check its cable")
    (found,) = sound.first_frame(pi.facts)
    assert (found.level, found.fix) == ("failure", "Check its cable")


def test_a_muted_microphone_is_not_opened(pi: Patient) -> None:
    pi.status = {"muted": True}
    assert levels(sound.first_frame(pi.facts)) == ["note"]
    pi.status, pi.muted = PiVoiceError("nobody answers"), True
    assert levels(sound.first_frame(pi.facts)) == ["note"]
    assert pi.sound.listened == 0


def test_a_microphone_that_needs_a_light_is_not_opened_in_the_dark(pi: Patient) -> None:
    pi.settings = parse("[privacy]\nled_required = true\n")
    assert levels(sound.first_frame(pi.facts)) == ["note"]
    assert pi.sound.listened == 0


def test_a_microphone_in_use_is_not_opened(pi: Patient) -> None:
    microphone(pi, holder="pid 812 (pi-voice)")
    assert levels(sound.first_frame(pi.facts)) == ["ok"]
    microphone(pi, holder="", problem="not found")
    assert words(sound.first_frame(pi.facts)) == []
    assert pi.sound.listened == 0


def test_the_process_behind_a_holder_is_known() -> None:
    assert End("speaker", "x", holder="pid 812 (pi-voice)").holder_pid == 812
    assert End("speaker", "x").holder_pid == 0


def test_a_control_that_shares_its_name_is_told_by_its_number() -> None:
    """Without it amixer would set the first one."""
    second = "Simple mixer control 'Mic',1\n  Mono: Capture 0 [0%] [on]\n"
    first = second.replace(",1", ",0")
    found = sound.controls(first + second, "microphone")
    assert [control.name for control in found] == ["Mic", "Mic,1"]
