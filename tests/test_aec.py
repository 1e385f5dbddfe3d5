"""The echo canceller: what it hands to WebRTC and when, and how much of an echo it removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pi_voice.audio.aec import BACKLOG_MS, EchoCanceller
from pi_voice.audio.resample import to_pcm
from tests.speech import FULL_SCALE, Leak, Wave, amplitude, monologue, noise, rms, utterance

RATE_HZ = 16_000
STEP = RATE_HZ // 100


@dataclass
class Frame:
    data: bytearray
    sample_rate: int
    num_channels: int
    samples_per_channel: int


class Spy:
    """A canceller that removes nothing and remembers what it was given."""

    AudioFrame = Frame

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, int]] = []

    def AudioProcessingModule(self, **_: bool) -> Spy:
        return self

    def process_stream(self, frame: Frame) -> None:
        self.calls.append(("near", bytes(frame.data), frame.sample_rate))

    def process_reverse_stream(self, frame: Frame) -> None:
        self.calls.append(("far", bytes(frame.data), frame.sample_rate))

    def all(self, kind: str) -> list[bytes]:
        return [pcm for name, pcm, _ in self.calls if name == kind]


def pcm(samples: int, value: int = 1) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


def test_nothing_is_lost_however_the_sound_is_cut() -> None:
    canceller = EchoCanceller(Spy())
    sound = np.arange(1000, dtype="<i2").tobytes()
    cleaned = b"".join(canceller.clean(sound[at : at + 94], RATE_HZ) for at in range(0, 2000, 94))
    assert len(cleaned) == 6 * STEP * 2
    assert cleaned + canceller.flush() == sound


def test_what_is_played_comes_before_what_is_heard_in_steps_of_10_ms() -> None:
    spy = Spy()
    canceller = EchoCanceller(spy)
    canceller.far_end(pcm(960), 48_000)
    canceller.clean(pcm(3 * STEP, 5), RATE_HZ)
    assert [(kind, rate_hz) for kind, _, rate_hz in spy.calls] == [
        ("far", 48_000),
        ("near", 16_000),
    ] * 3
    assert spy.all("far") == [pcm(480), pcm(480), bytes(960)]
    assert spy.all("near") == [pcm(STEP, 5)] * 3


def test_before_anything_was_played_only_the_microphone_is_processed() -> None:
    spy = Spy()
    EchoCanceller(spy).clean(pcm(STEP), RATE_HZ)
    assert [kind for kind, _, _ in spy.calls] == ["near"]


def test_of_what_waits_too_long_the_newest_is_kept() -> None:
    spy = Spy()
    canceller = EchoCanceller(spy)
    for value in range(40):
        canceller.far_end(pcm(STEP, value), RATE_HZ)
    canceller.clean(pcm(STEP), RATE_HZ)
    assert spy.all("far") == [pcm(STEP, 40 - BACKLOG_MS // 10)]


def test_what_was_played_while_nobody_listened_is_forgotten() -> None:
    spy = Spy()
    canceller = EchoCanceller(spy)
    canceller.far_end(pcm(STEP), RATE_HZ)
    canceller.flush()
    canceller.clean(pcm(STEP), RATE_HZ)
    assert spy.all("far") == []


@pytest.fixture
def real() -> EchoCanceller:
    reason = "the extra aec is not installed: pip install livekit"
    library: Any = pytest.importorskip("livekit.rtc", reason=reason)
    return EchoCanceller(library)


def cleaned(canceller: EchoCanceller, heard: Wave, played: Wave) -> Wave:
    batch, out = 4 * STEP, bytearray()
    for at in range(0, len(heard) - batch + 1, batch):
        canceller.far_end(
            to_pcm((played[at : at + batch] * FULL_SCALE).astype(np.float32)), RATE_HZ
        )
        out += canceller.clean(
            to_pcm((heard[at : at + batch] * FULL_SCALE).astype(np.float32)), RATE_HZ
        )
    return np.frombuffer(bytes(out), "<i2") / FULL_SCALE


@pytest.mark.parametrize(
    "leak", [Leak(-6, 20), Leak(-10, 60), Leak(-10, 60, drift_ppm=100), Leak(-20, 150)], ids=str
)
def test_an_echo_is_fifteen_decibels_weaker(real: EchoCanceller, leak: Leak) -> None:
    played = monologue(20)
    heard = leak.heard(played) + noise("pink", 20, seed=3) * amplitude(-62)
    left = cleaned(real, heard, played)
    late = slice(5 * RATE_HZ, len(left))
    assert 20 * np.log10(rms(heard[late]) / rms(left[late])) >= 15


def test_a_voice_over_the_echo_is_still_there(real: EchoCanceller) -> None:
    played, begin = monologue(14), 10 * RATE_HZ
    heard = Leak(-10, 60).heard(played) + noise("pink", 14, seed=3) * amplitude(-62)
    said = np.concatenate([utterance(part) for part in range(3)]) * amplitude(-20)
    heard[begin : begin + len(said)] += said
    left = cleaned(real, heard, played)
    assert rms(left[begin : begin + len(said)]) > amplitude(-32)
    assert rms(left[begin - RATE_HZ : begin]) < amplitude(-45)
