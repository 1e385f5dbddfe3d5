from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.sim.card import Card, SampleClock

TIMES_S = st.floats(0, 1e7)
RATES_HZ = st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
DRIFTS_PPM = st.floats(-5000, 5000)


@given(origin_s=TIMES_S, rate_hz=RATES_HZ, drift_ppm=DRIFTS_PPM, index=st.integers(0, 2**32))
def test_a_sample_is_over_when_the_next_one_begins(
    origin_s: float, rate_hz: int, drift_ppm: float, index: int
) -> None:
    clock = SampleClock(origin_s, rate_hz, drift_ppm)
    assert clock.count(clock.time_s(index)) == index


@given(rate_hz=RATES_HZ, drift_ppm=DRIFTS_PPM, at_s=st.floats(0, 86_400))
def test_counting_is_monotonic_and_at_the_true_rate(
    rate_hz: int, drift_ppm: float, at_s: float
) -> None:
    clock = SampleClock(0.0, rate_hz, drift_ppm)
    assert clock.count(at_s) == pytest.approx(at_s * rate_hz * (1 + drift_ppm / 1e6), abs=1.01)
    assert clock.count(at_s) <= clock.count(at_s + 0.001)


@pytest.mark.virtual
async def test_waiting_for_a_change_ends_with_it_or_in_time() -> None:
    loop = asyncio.get_running_loop()
    card = Card("card", open_delay_ms=0)
    began_s = loop.time()
    assert await card.changes(began_s + 5) is False
    assert loop.time() == pytest.approx(began_s + 5)
    loop.call_later(2, card.unplug)
    assert await card.changes(began_s + 60) is True
    assert loop.time() == pytest.approx(began_s + 7)
    assert await card.changes(loop.time() + 1) is False


@pytest.mark.virtual
async def test_a_card_is_opened_unless_it_is_away_or_busy() -> None:
    card = Card("microphone 'usb:Jabra'", open_delay_ms=30)
    card.refuse()
    busy = await card.try_open()
    card.unplug()
    gone = await card.try_open()
    card.plug_in()
    card.accept()
    opened = await card.try_open()
    assert (busy, gone, opened) == (
        "microphone 'usb:Jabra' is in use by pid 812 (pipewire). Stop it, or choose another card",
        "microphone 'usb:Jabra' not found. Plug it in",
        None,
    )
    assert card.is_open
