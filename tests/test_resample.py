"""Resampling: exact lengths, clean sound, short delay, any chunking."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.resample import Resampler, from_pcm, to_mono, to_pcm

# from, to, delay in ms, SNR in dB that speech must keep
PATHS = [
    (48_000, 24_000, 0.67, 85),
    (44_100, 24_000, 0.67, 85),
    (16_000, 24_000, 1.5, 85),
    (32_000, 24_000, 0.67, 85),
    (48_000, 16_000, 1.0, 85),
    (44_100, 16_000, 1.0, 85),
    (24_000, 48_000, 0.67, 85),
    (24_000, 44_100, 0.66, 85),
    (24_000, 16_000, 1.0, 85),
    (24_000, 8_000, 2.0, 85),
    (8_000, 48_000, 2.0, 82),
]
RATES = [(from_hz, to_hz) for from_hz, to_hz, *_ in PATHS]


def sine(hz: float, rate_hz: int, *, seconds: float = 1.0, peak: float = 16_000) -> bytes:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return to_pcm((peak * np.sin(2 * np.pi * hz * t)).astype(np.float32))


def noise(samples: int, *, seed: int = 1) -> bytes:
    return to_pcm(np.random.default_rng(seed).normal(0, 4000, samples).astype(np.float32))


def whole(from_hz: int, to_hz: int, pcm: bytes) -> NDArray[np.int16]:
    """Resample in one piece, aligned with the input."""
    resampler = Resampler(from_hz, to_hz)
    return from_pcm(resampler.process(pcm) + resampler.flush())[resampler.delay_samples :]


def snr_db(heard: NDArray[np.int16], hz: float, rate_hz: int) -> float:
    """How far the sine at its right place is above everything else, edges aside."""
    edge = len(heard) // 10
    t = np.arange(len(heard))[edge:-edge] / rate_hz
    ideal = np.sin(2 * np.pi * hz * t)
    ideal *= (ideal @ heard[edge:-edge]) / (ideal @ ideal)
    error = heard[edge:-edge] - ideal
    return float(10 * np.log10((ideal @ ideal) / (error @ error)))


def tone_db(samples: NDArray[np.int16], peak: float = 16_000) -> float:
    return float(20 * np.log10(np.sqrt(2 * np.mean(samples.astype(float) ** 2)) / peak + 1e-9))


@pytest.mark.parametrize(("from_hz", "to_hz", "delay_ms", "least_db"), PATHS)
def test_a_tone_comes_out_clean_in_place_and_at_its_level(
    from_hz: int, to_hz: int, delay_ms: float, least_db: float
) -> None:
    tones = [hz for hz in (997, 3001, 6997) if hz < 0.42 * min(from_hz, to_hz)]
    figures = []
    for hz in tones:
        heard = whole(from_hz, to_hz, sine(hz, from_hz))
        assert len(heard) == to_hz
        assert tone_db(heard[to_hz // 10 : -to_hz // 10]) == pytest.approx(0, abs=0.02)
        figures.append(snr_db(heard, hz, to_hz))
    shown = ", ".join(f"{figure:.0f}" for figure in figures)
    print(f"{from_hz} → {to_hz}: SNR {shown} dB")  # noqa: T201 - a figure people ask for
    assert min(figures) >= least_db
    assert Resampler(from_hz, to_hz).delay_ms == pytest.approx(delay_ms, abs=0.02)


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "hz"),
    [
        (from_hz, to_hz, above * to_hz / 2)
        for from_hz, to_hz in RATES
        for above in (1.1, 1.25, 1.5)
        if to_hz * above < from_hz
    ],
)
def test_what_the_lower_rate_cannot_carry_does_not_come_back_as_another_tone(
    from_hz: int, to_hz: int, hz: float
) -> None:
    heard = whole(from_hz, to_hz, sine(hz, from_hz))
    assert tone_db(heard[to_hz // 10 : -to_hz // 10]) <= -80


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] < rates[1]])
def test_what_is_not_in_the_input_is_not_in_the_output(from_hz: int, to_hz: int) -> None:
    heard = whole(from_hz, to_hz, sine(0.4 * from_hz, from_hz))
    spectrum = np.abs(np.fft.rfft(heard[: to_hz // 2] * np.hanning(to_hz // 2)))
    images = spectrum[round(0.55 * from_hz / 2) :]  # bins of 2 Hz, above the old Nyquist
    assert 20 * np.log10(images.max() / spectrum.max()) <= -78


def test_a_16_khz_microphone_keeps_its_sibilants() -> None:
    heard = whole(16_000, 24_000, sine(7000, 16_000))
    assert tone_db(heard[2400:-2400]) == pytest.approx(0, abs=0.8)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_any_cutting_gives_the_same_sound(from_hz: int, to_hz: int) -> None:
    pcm = noise(from_hz)
    resampler = Resampler(from_hz, to_hz)
    random = np.random.default_rng(7)
    pieces, at = b"", 0
    while at < len(pcm):
        size = 2 * int(random.choice([0, 1, 7, 160, 441, 1024, 3000]))
        pieces += resampler.process(pcm[at : at + size])
        at += size
    pieces += resampler.flush()
    heard = from_pcm(pieces)[resampler.delay_samples :].astype(int)
    # BLAS adds up in another order for another number of rows: half a step may round elsewhere
    assert np.abs(heard - whole(from_hz, to_hz, pcm)).max() <= 1


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_frames_of_20_ms_become_frames_of_20_ms_at_once(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    sizes = {len(resampler.process(noise(from_hz // 50))) for _ in range(100)}
    assert sizes == {to_hz // 50 * 2}


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_hours_add_up_to_the_sample(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    samples = 1_000_003
    made = len(resampler.process(bytes(samples * 2))) // 2 + len(resampler.flush()) // 2
    assert made == resampler.delay_samples + -(-samples * to_hz // from_hz)


@pytest.mark.parametrize("samples", [0, 1, 2, 479])
def test_a_flush_gives_all_of_a_short_piece_and_begins_anew(samples: int) -> None:
    resampler = Resampler(24_000, 48_000)
    heard = [resampler.process(noise(samples)) + resampler.flush() for _ in range(3)]
    assert heard[0] == heard[1] == heard[2]
    assert len(heard[0]) // 2 == resampler.delay_samples + 2 * samples


def test_equal_rates_pass_through_untouched() -> None:
    resampler = Resampler(24_000, 24_000)
    pcm = noise(777)
    assert resampler.process(pcm) + resampler.flush() == pcm
    assert resampler.delay_ms == 0


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_it_knows_how_much_it_needs(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    for outputs in (1, 5, 100, 960, 0, 1024):
        needed = resampler.needs(outputs)
        assert len(resampler.feed(np.zeros(needed, np.int16))) >= outputs
        assert needed <= outputs * from_hz / to_hz + resampler.needs(1)


def test_full_scale_saturates_instead_of_wrapping() -> None:
    square = np.repeat(np.array([32767, -32768] * 50, np.int16), 100).tobytes()
    heard = whole(24_000, 48_000, square)
    assert heard.max() == 32767
    assert heard.min() == -32768
    assert (heard[20:180] > 30_000).all()


def test_a_rate_that_no_card_has_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot resample 47999 Hz to 24000 Hz"):
        Resampler(47_999, 24_000)


def interleaved(*channels: list[int]) -> bytes:
    return np.array(channels, "<i2").T.tobytes()


def test_one_channel_of_an_array_is_picked() -> None:
    pcm = interleaved([1, 2, 3], [10, 20, 30], [7, 8, 9])
    assert from_pcm(to_mono(pcm, 3, 1)).tolist() == [10, 20, 30]


def test_all_channels_are_averaged() -> None:
    pcm = interleaved([100, -32768, 32767], [200, -32768, 32767])
    assert from_pcm(to_mono(pcm, 2, None)).tolist() == [150, -32768, 32767]


def test_mono_is_left_alone() -> None:
    assert to_mono(b"\1\2\3\4", 1, None) == b"\1\2\3\4"


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_the_card_does_not_have_is_refused(channel: int) -> None:
    with pytest.raises(ValueError, match=f"channel {channel} of a card with 2"):
        to_mono(bytes(8), 2, channel)
