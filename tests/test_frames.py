from __future__ import annotations

import pytest

from pi_voice.frames import WIRE, AudioFormat


def test_20_ms_of_the_wire_are_480_samples_and_960_bytes() -> None:
    assert WIRE.samples(20) == 480
    assert WIRE.size_bytes(20) == 960
    assert WIRE.duration_ms(960) == 20.0


def test_samples_are_counted_for_one_channel_and_bytes_for_all() -> None:
    stereo = AudioFormat(48_000, channels=2)
    assert stereo.samples(10) == 480
    assert stereo.size_bytes(10) == 1920
    assert stereo.duration_ms(1920) == 10.0


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_bytes_never_end_in_half_a_sample(rate_hz: int) -> None:
    assert all(AudioFormat(rate_hz).size_bytes(ms / 7) % 2 == 0 for ms in range(100))
