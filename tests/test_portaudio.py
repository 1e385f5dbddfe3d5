"""The one PortAudio: which format a card is opened with, and when the list of cards is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.audio.cards import Direction
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.stream import Call, CardRequest
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioFormat
from tests.fake_kernel import FakeKernel
from tests.fake_pyaudio import BUSY, FakeCard, FakePyAudio

MIC = CardRequest("mic", Direction.MICROPHONE, 40)
SPEAKER = CardRequest("speaker", Direction.SPEAKER, 20)
USB = CardRequest("hw:CARD=Device", Direction.MICROPHONE, 40)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePyAudio:
    fake = FakePyAudio(FakeCard("mic"), FakeCard("speaker", 0, 2))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    return fake


@pytest.fixture
def pi(tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path)


def error_of(sound: PortAudio, request: CardRequest) -> str:
    with pytest.raises(DeviceError) as refused:
        sound.open(request)
    return str(refused.value)


@pytest.mark.parametrize(
    ("rates", "counts", "proposed", "chosen"),
    [
        ((48_000, 44_100), (1, 2), 44_100, AudioFormat(48_000)),
        ((44_100,), (1,), 44_100, AudioFormat(44_100)),
        ((16_000,), (1,), 16_000, AudioFormat(16_000)),
        ((24_000,), (2,), 24_000, AudioFormat(24_000, 2)),
        ((48_000,), (2,), 48_000, AudioFormat(48_000, 2)),
        ((96_000,), (1,), 96_000, AudioFormat(96_000)),
        ((192_000,), (1,), 192_000, AudioFormat(192_000)),
        ((8_000,), (1,), 48_000, AudioFormat(8_000)),  # proposed for its speaker
        ((11_025, 22_050), (1,), 44_100, AudioFormat(22_050)),
    ],
)
def test_a_card_is_opened_at_a_rate_of_its_own(
    fake: FakePyAudio,
    rates: tuple[int, ...],
    counts: tuple[int, ...],
    proposed: float,
    chosen: AudioFormat,
) -> None:
    card = fake.cards[0]
    card.rates, card.counts, card.rate_hz = rates, counts, proposed
    with PortAudio() as sound:
        stream = sound.open(MIC)
        assert stream.format == chosen
        assert card.stream.wanted["frames_per_buffer"] == chosen.samples(40)
        sound.close(stream)


def test_an_array_is_opened_with_the_channel_that_is_wanted(fake: FakePyAudio) -> None:
    fake.cards[0] = FakeCard("mic", 6, counts=(6,))
    request = CardRequest("mic", Direction.MICROPHONE, 40, channels=6)
    with PortAudio() as sound:
        assert sound.open(request).format == AudioFormat(48_000, 6)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_card_without_the_channel_that_is_wanted_is_heard_all_the_same(
    fake: FakePyAudio, count: int
) -> None:
    fake.cards[0] = FakeCard("mic", count, counts=tuple(range(1, count + 1)))
    request = CardRequest("mic", Direction.MICROPHONE, 40, channels=6)
    with PortAudio() as sound:
        assert sound.open(request).format == AudioFormat(48_000, count)


@pytest.mark.parametrize(
    ("name", "inputs", "opened"),
    [
        ("Codec: I2S (hw:1,0)", 2, 2),  # a mono microphone may be wired to its right channel
        ("Array: USB Audio (hw:1,0)", 6, 6),
        ("Desk: USB Audio (hw:1,0)", 18, 1),
        ("Mono: USB Audio (hw:1,0)", 1, 1),
        ("pulse", 32, 1),
    ],
)
def test_all_channels_of_a_card_are_heard_where_none_is_chosen(
    fake: FakePyAudio, name: str, inputs: int, opened: int
) -> None:
    fake.cards[0] = FakeCard(name, inputs, counts=tuple(range(1, inputs + 1)))
    request = CardRequest(name.split(":")[0], Direction.MICROPHONE, 40, channels=None)
    with PortAudio() as sound:
        assert sound.open(request).format == AudioFormat(48_000, opened)


@pytest.mark.parametrize(("name", "count"), [("Odd: USB Audio (hw:1,0)", 1), ("odd", 2)])
def test_what_does_not_open_with_all_its_channels_is_heard_with_fewer(
    fake: FakePyAudio, name: str, count: int
) -> None:
    fake.cards[0] = FakeCard(name, 4, counts=(count,))
    request = CardRequest("odd", Direction.MICROPHONE, 40, channels=None)
    with PortAudio() as sound:
        assert sound.open(request).format == AudioFormat(48_000, count)


def test_what_worked_is_tried_first_the_next_time(fake: FakePyAudio) -> None:
    card = fake.cards[0]
    card.rates = (16_000,)
    with PortAudio() as sound:
        sound.close(sound.open(MIC))
        card.rates = (48_000, 16_000)
        assert sound.open(MIC).format == AudioFormat(16_000)


def test_a_card_without_a_usable_rate_says_which_were_tried(fake: FakePyAudio) -> None:
    fake.cards[0].rates = ()
    with PortAudio() as sound:
        assert error_of(sound, MIC) == (
            "microphone 'mic' opens at none of 48000, 44100, 24000, 16000, 32000, 96000, 22050, "
            "11025, 8000 Hz. Run: pi-voice devices"
        )


def test_what_alsa_said_last_is_in_the_error(fake: FakePyAudio) -> None:
    fake.cards[0].refusal = OSError(-9999, "Unanticipated host error")
    with PortAudio() as sound:
        assert error_of(sound, MIC) == (
            "microphone 'mic' does not open (Unanticipated host error). "
            "Check its cable and its sound server; then run: pi-voice doctor"
        )


def test_a_busy_card_is_tried_once_and_not_at_every_rate(fake: FakePyAudio) -> None:
    fake.cards[0].refusal = BUSY
    with PortAudio() as sound:
        error_of(sound, MIC)
    assert fake.cards[0].attempts == 1


def test_what_arrives_during_the_close_is_dropped(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Call] = []

    def hear(call: Call) -> bytes:
        heard.append(call)
        return b""

    with PortAudio() as sound:
        stream = sound.open(MIC)
        stream.start(hear)
        handle = fake.cards[0].stream
        handle.call(bytes(3840))
        monkeypatch.setattr(handle, "close", lambda: handle.call(bytes(3840)))
        sound.close(stream)
    assert len(heard) == 1


def test_a_busy_card_names_its_holder(fake: FakePyAudio, pi: FakeKernel) -> None:
    card = pi.plug(1, "Device", "USB PnP Sound Device")
    pi.hold(812, "arecord", pi.kernel.nodes(card, Direction.MICROPHONE)[0])
    fake.cards[:] = [FakeCard("USB PnP Sound Device: Audio (hw:1,0)", refusal=BUSY)]
    with PortAudio(pi.kernel) as sound:
        assert error_of(sound, USB) == (
            "microphone 'hw:CARD=Device' is in use by pid 812 (arecord). "
            "Stop it, or use another card"
        )


def test_a_library_that_does_not_start_is_one_sentence(fake: FakePyAudio) -> None:
    fake.refusal = OSError(-9999, "Unanticipated host error")
    with PortAudio() as sound:
        assert error_of(sound, MIC) == (
            "PortAudio does not start (Unanticipated host error). Run: pi-voice doctor"
        )


def test_the_library_lives_as_long_as_its_last_user(fake: FakePyAudio) -> None:
    sound = PortAudio()
    with sound:
        with sound:
            sound.close(sound.open(MIC))
        assert fake.running == 1
    assert (fake.starts, fake.running) == (1, 0)


def test_a_card_that_is_plugged_in_is_found_without_a_restart(
    fake: FakePyAudio, pi: FakeKernel
) -> None:
    with PortAudio(pi.kernel) as sound:
        assert "not found" in error_of(sound, USB)
        pi.plug(1, "Device", "USB PnP Sound Device")
        fake.cards.append(FakeCard("USB PnP Sound Device: Audio (hw:1,0)"))
        assert sound.open(USB).format == AudioFormat(48_000)
    assert fake.starts == 2


def test_a_card_is_found_under_its_new_number(fake: FakePyAudio, pi: FakeKernel) -> None:
    pi.plug(0, "Device", "USB PnP Sound Device")
    wrong, right = FakeCard("USB Audio: - (hw:0,0)"), FakeCard("USB Audio: - (hw:1,0)")
    fake.cards[:] = [wrong]
    with PortAudio(pi.kernel) as sound:
        sound.close(sound.open(USB))
        pi.unplug(0)
        pi.plug(0, "Other", "Another Sound Device")
        pi.plug(1, "Device", "USB PnP Sound Device")
        fake.cards.append(right)
        sound.open(USB)
    assert (len(wrong.streams), len(right.streams)) == (1, 1)


def test_nothing_that_plays_is_cut_for_a_new_list(fake: FakePyAudio, pi: FakeKernel) -> None:
    with PortAudio(pi.kernel) as sound:
        speaker = sound.open(SPEAKER)
        pi.plug(1, "Device", "USB PnP Sound Device")
        fake.cards.append(FakeCard("USB PnP Sound Device: Audio (hw:1,0)"))
        assert "not found" in error_of(sound, USB)
        assert sound.renewal_wanted
        assert (fake.starts, fake.running) == (1, 1)
        sound.close(speaker)
        sound.open(USB)
        assert not sound.renewal_wanted
    assert fake.starts == 2


def test_a_wish_for_a_new_list_ends_when_the_cards_are_back(
    fake: FakePyAudio, pi: FakeKernel
) -> None:
    pi.plug(1, "Device", "USB PnP Sound Device")
    with PortAudio(pi.kernel) as sound:
        speaker = sound.open(SPEAKER)
        pi.unplug(1)
        error_of(sound, USB)
        assert sound.renewal_wanted
        pi.plug(1, "Device", "USB PnP Sound Device")
        sound.close(speaker)
        sound.open(SPEAKER)
        assert not sound.renewal_wanted


def test_an_old_list_is_used_as_far_as_it_is_still_true(fake: FakePyAudio, pi: FakeKernel) -> None:
    pi.plug(0, "Device", "USB PnP Sound Device")
    pi.plug(1, "Other", "Another Sound Device")
    here, gone = FakeCard("USB Audio: - (hw:0,0)"), FakeCard("Other: - (hw:1,0)", 1, 1)
    fake.cards[:] = [here, gone, fake.cards[1]]
    with PortAudio(pi.kernel) as sound:
        sound.open(SPEAKER)
        pi.unplug(1)
        sound.open(USB)
        other = CardRequest("hw:CARD=Other", Direction.MICROPHONE, 40)
        assert "not found" in error_of(sound, other)
    assert (len(here.streams), len(gone.streams), fake.starts) == (1, 0, 1)


def test_a_list_is_not_made_anew_for_every_attempt(fake: FakePyAudio) -> None:
    with PortAudio() as sound:
        for _ in range(5):
            error_of(sound, CardRequest("nowhere", Direction.MICROPHONE, 40))
    assert fake.starts == 1


def test_a_sound_server_that_starts_later_is_found(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = CardRequest("pulse", Direction.MICROPHONE, 40)
    with PortAudio() as sound:
        error_of(sound, request)
        fake.cards.append(FakeCard("pulse"))
        monkeypatch.setattr("pi_voice.audio.portaudio.RENEW_S", 0.0)
        sound.open(request)
    assert fake.starts == 2


def test_who_hears_is_seldom_interrupted_for_what_the_kernel_does_not_know(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = CardRequest("pulse", Direction.SPEAKER, 20)
    with PortAudio() as sound:
        monkeypatch.setattr("pi_voice.audio.portaudio.RENEW_S", 0.0)
        sound.open(MIC)
        error_of(sound, pulse)
        error_of(sound, pulse)
        assert not sound.renewal_wanted
        monkeypatch.setattr("pi_voice.audio.portaudio.HELD_RENEW_S", 0.0)
        error_of(sound, pulse)
        assert sound.renewal_wanted


def test_a_card_that_settles_after_it_was_listed_is_found_soon(
    fake: FakePyAudio, pi: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.portaudio.SETTLE_S", 0.0)
    request = CardRequest("late", Direction.MICROPHONE, 40)
    with PortAudio(pi.kernel) as sound:
        error_of(sound, request)
        pi.plug(3, "late", "Late Card")
        error_of(sound, request)
        fake.cards.append(FakeCard("late"))
        sound.open(request)
    assert fake.starts == 3


def test_closing_what_pyaudio_closed_already_is_no_error(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PortAudio() as sound:
        stream = sound.open(MIC)

        def closed() -> None:
            raise OSError(-9988, "Stream not open")

        monkeypatch.setattr(fake.cards[0].stream, "close", closed)
        sound.close(stream)
        assert not sound.renewal_wanted
