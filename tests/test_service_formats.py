"""Audio formats of the wire: codes as the standard has them, lengths that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.sim.service_formats import FORMATS, PCM24, WireAudio, converted
from tests.stage import tone

PCMU, PCMA = FORMATS["audio/pcmu"], FORMATS["audio/pcma"]


@pytest.mark.parametrize(
    ("name", "code", "value"),
    [
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcmu", 0x80, 32124),
        ("audio/pcmu", 0x00, -32124),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0x55, -8),
        ("audio/pcma", 0xAA, 32256),
        ("audio/pcma", 0x2A, -32256),
    ],
)
def test_codes_stand_for_the_values_of_the_standard(name: str, code: int, value: int) -> None:
    assert FORMATS[name].decode(bytes([code]))[0] == value


@given(st.binary(max_size=400))
def test_decoding_and_encoding_again_changes_no_value(data: bytes) -> None:
    for audio in (PCMU, PCMA):
        samples = audio.decode(data)
        assert audio.decode(audio.encode(samples)) == samples


def test_the_same_format_keeps_the_very_same_bytes() -> None:
    odd = b"\x01\x02\x03"
    assert converted(odd, PCM24, PCM24) is odd


@pytest.mark.parametrize("audio", [PCMU, PCMA])
def test_a_tone_survives_the_way_through_a_compressed_format(audio: WireAudio) -> None:
    there = converted(tone(200, hz=300), PCM24, audio)
    assert len(there) == 200 * 8
    back = PCM24.decode(converted(there, audio, PCM24))
    before = PCM24.decode(tone(200, hz=300))
    assert len(back) == len(before)
    # the way up lags by up to two samples, and G.711 keeps about 38 dB
    assert max(abs(a - b) for a, b in zip(back[2:], before, strict=False)) < 1500


def test_one_compressed_format_becomes_the_other_at_the_same_rate() -> None:
    spoken = PCMU.encode(PCM24.decode(tone(20, hz=200)))
    assert len(converted(spoken, PCMU, PCMA)) == len(spoken)


def test_half_a_sample_is_left_out() -> None:
    assert list(PCM24.decode(b"\x01\x00\x02")) == [1]


def test_durations_and_sizes_belong_together() -> None:
    assert (PCM24.size_bytes(20), PCMU.size_bytes(20)) == (960, 160)
    assert (PCM24.duration_ms(960), PCMU.duration_ms(160)) == (20.0, 20.0)
    assert PCM24.size_bytes(0.03) == 0
