"""From batches of any card to frames: every sample once, each with its time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pi_voice.audio.echo import CouplingGate
from pi_voice.audio.frontend import FrontEnd
from pi_voice.audio.resample import Resampler, from_pcm, to_pcm
from pi_voice.audio.vad import SpeechGate
from pi_voice.core.events import MicFrame
from pi_voice.frames import DETECTOR, WIRE, AudioBatch, AudioFormat
from tests.speech import RATE_HZ, amplitude, talk
from tests.speech import frames as frames_of
from tests.speech import noise as noise_of

CARDS_HZ = [16_000, 24_000, 44_100, 48_000]


class Listener:
    """A detector that keeps what it heard and answers as it is told."""

    def __init__(self, *answers: bool) -> None:
        self.heard: list[bytes] = []
        self.resets = 0
        self._answers = list(answers)

    def hears_speech(self, pcm: bytes) -> bool:
        assert len(pcm) == 640
        self.heard.append(pcm)
        return self._answers.pop(0) if self._answers else False

    def reset(self) -> None:
        self.resets += 1


def batches(
    pcm: bytes, card: AudioFormat, sizes: Iterator[int], *, began_s: float = 100.0
) -> Iterator[AudioBatch]:
    """Cut a recording into batches of so many samples, each with its true time."""
    at, step = 0, 2 * card.channels
    while at < len(pcm):
        size = next(sizes) * step
        yield AudioBatch(pcm[at : at + size], card, began_s + at / step / card.rate_hz)
        at += size


def same(samples: int) -> Iterator[int]:
    while True:
        yield samples


def mixed(seed: int = 1) -> Iterator[int]:
    random = np.random.default_rng(seed)
    while True:
        yield int(random.choice([1, 64, 441, 960, 1024, 1920]))


def noise(samples: int, seed: int = 1) -> bytes:
    return to_pcm(np.random.default_rng(seed).normal(0, 4000, samples).astype(np.float32))


def whole(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    resampler = Resampler(from_hz, to_hz)
    return resampler.process(pcm) + resampler.flush()


def run(front_end: FrontEnd, given: Iterator[AudioBatch]) -> list[MicFrame]:
    frames = [frame for batch in given for frame in front_end.process(batch).frames]
    return [*frames, *front_end.flush().frames]


def joined(frames: list[MicFrame]) -> NDArray[np.int16]:
    return from_pcm(b"".join(frame.pcm for frame in frames))


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("cut", ["whole", "mixed"])
def test_the_frames_joined_are_the_resampled_stream(rate_hz: int, cut: str) -> None:
    pcm = noise(rate_hz * 20 + 123)
    sizes = same(rate_hz // 25) if cut == "whole" else mixed()
    frames = run(FrontEnd(WIRE, Listener()), batches(pcm, AudioFormat(rate_hz), sizes))
    ideal = from_pcm(whole(pcm, rate_hz, 24_000))
    assert len(joined(frames)) == len(ideal)
    assert np.abs(joined(frames).astype(int) - ideal).max() <= 1


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("minutes", [0.5, pytest.param(10, marks=pytest.mark.long)])
def test_a_tone_stays_in_step_for_minutes(rate_hz: int, minutes: float) -> None:
    front_end, card = FrontEnd(WIRE, Listener()), AudioFormat(rate_hz)
    delay, size, given = Resampler(rate_hz, 24_000).delay_samples, rate_hz // 25, 0
    for number in range(round(minutes * 60 * 25)):
        t = (number * size + np.arange(size)) / rate_hz
        wave = to_pcm((16_000 * np.sin(2 * np.pi * 997 * t)).astype(np.float32))
        for frame in front_end.process(AudioBatch(wave, card, number * 0.04)).frames:
            t = (given - delay + np.arange(480)) / 24_000
            wrong = np.abs(from_pcm(frame.pcm) - 16_000 * np.sin(2 * np.pi * 997 * t))
            assert wrong[100 if given == 0 else 0 :].max() <= 3
            given += 480
    assert given == minutes * 60 * 24_000


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
def test_a_batch_becomes_frames_at_once(rate_hz: int) -> None:
    front_end, card = FrontEnd(WIRE, Listener()), AudioFormat(rate_hz)
    for ms, frames in ((20, 1), (40, 2), (60, 3)):
        pcm = bytes(card.size_bytes(ms))
        assert len(front_end.process(AudioBatch(pcm, card, 0)).frames) == frames


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("cut", ["whole", "mixed"])
def test_a_stamp_is_when_the_first_sample_was_taken(rate_hz: int, cut: str) -> None:
    sizes = same(rate_hz // 25) if cut == "whole" else mixed()
    given = batches(bytes(rate_hz * 40), AudioFormat(rate_hz), sizes, began_s=7.0)
    frames = run(FrontEnd(WIRE, Listener()), given)
    delay_s = Resampler(rate_hz, 24_000).delay_ms / 1000
    stamps = [frame.at_s for frame in frames[:1000]]
    assert stamps == pytest.approx([7.0 - delay_s + n * 0.02 for n in range(1000)], abs=1e-6)


def test_the_stamp_of_a_click_is_where_the_click_is() -> None:
    pcm = np.zeros(48_000, "<i2")
    pcm[30_000:30_003] = 20_000
    card = AudioFormat(48_000)
    frames = run(FrontEnd(WIRE, Listener()), batches(pcm.tobytes(), card, same(1920)))
    loudest = max(frames, key=lambda frame: np.abs(from_pcm(frame.pcm)).max())
    place = int(np.abs(from_pcm(loudest.pcm)).argmax())
    assert loudest.at_s + place / 24_000 == pytest.approx(100 + 30_001 / 48_000, abs=1 / 24_000)


def test_the_stamps_follow_a_card_whose_clock_is_wrong() -> None:
    front_end, card, drift = FrontEnd(WIRE, Listener()), AudioFormat(48_000), 1.0002
    stamps = []
    for number in range(5000):
        heard = front_end.process(AudioBatch(bytes(3840), card, number * 0.04 * drift))
        stamps += [frame.at_s for frame in heard.frames]
    assert np.abs(np.array(stamps) - np.arange(10_000) * 0.02 * drift).max() < 0.001


def test_a_frame_is_judged_by_what_the_detector_says_of_the_same_moment() -> None:
    listener = Listener(False, True, True, False)
    card = AudioFormat(48_000)
    frames = run(FrontEnd(WIRE, listener), batches(noise(3840), card, same(1920)))
    assert [frame.speech for frame in frames[:4]] == [False, True, True, False]
    judged = np.concatenate([from_pcm(pcm) for pcm in listener.heard])
    ideal = from_pcm(whole(noise(3840), 48_000, 16_000))[: len(judged)]
    assert np.abs(judged.astype(int) - ideal).max() <= 1


def test_the_last_frame_is_as_short_as_what_is_left() -> None:
    front_end = FrontEnd(WIRE, Listener(True))
    pcm = noise(480 + 100)
    assert len(front_end.process(AudioBatch(pcm, WIRE, 1.0)).frames) == 1
    (rest,) = front_end.flush().frames
    assert rest.pcm == pcm[960:]
    assert rest.speech
    assert rest.at_s == pytest.approx(1.02)


def test_after_a_flush_nothing_is_left() -> None:
    front_end = FrontEnd(WIRE, Listener())
    front_end.process(AudioBatch(noise(700), AudioFormat(48_000), 1.0))
    assert front_end.flush().frames
    assert front_end.flush().frames == ()


def test_after_a_reset_nothing_of_before_is_heard() -> None:
    listener = Listener()
    front_end, card = FrontEnd(WIRE, listener), AudioFormat(48_000)
    front_end.process(AudioBatch(noise(1000), card, 1.0))
    before = listener.resets
    front_end.reset()
    assert listener.resets == before + 1
    heard = front_end.process(AudioBatch(bytes(3840), card, 50.0)).frames
    assert not joined(list(heard)).any()
    assert listener.heard[-2:] == [bytes(640)] * 2
    assert heard[0].at_s == pytest.approx(50.0, abs=0.001)


def test_sound_that_the_card_lost_leaves_a_short_frame_and_a_new_beginning() -> None:
    listener = Listener()
    front_end = FrontEnd(WIRE, listener)
    front_end.process(AudioBatch(noise(500), WIRE, 1.0))
    rest, after = front_end.process(AudioBatch(noise(480, seed=2), WIRE, 3.0, lost=True)).frames
    assert rest.pcm == noise(500)[960:]
    assert rest.at_s == pytest.approx(1.02)
    assert after.pcm == noise(480, seed=2)
    assert after.at_s == 3.0
    assert listener.resets == 2
    assert front_end.gaps == 1


def test_another_card_is_taken_as_it_comes() -> None:
    front_end = FrontEnd(WIRE, Listener())
    front_end.process(AudioBatch(noise(480), WIRE, 1.0))
    frames = front_end.process(AudioBatch(bytes(1764 * 4), AudioFormat(44_100, 2), 2.0)).frames
    assert [len(frame.pcm) for frame in frames] == [960, 960]


@pytest.mark.parametrize(("channel", "level"), [(0, 1000), (1, 3000), (None, 2000)])
def test_one_channel_is_picked_or_all_are_averaged(channel: int | None, level: int) -> None:
    front_end = FrontEnd(WIRE, Listener(), channel)
    pcm = np.tile(np.array([1000, 3000], "<i2"), 480).tobytes()
    (frame,) = front_end.process(AudioBatch(pcm, AudioFormat(24_000, 2), 0)).frames
    assert set(from_pcm(frame.pcm).tolist()) == {level}


def test_a_channel_that_the_card_does_not_have_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    front_end = FrontEnd(WIRE, Listener(), 2)
    for _ in range(3):
        heard = front_end.process(AudioBatch(noise(960), AudioFormat(24_000, 2), 0))
    assert len(heard.frames) == 1
    assert caplog.messages == [
        "the microphone has 2 channels and no channel 3; using the average of all. "
        "Set [audio] microphone_channel"
    ]


def test_the_wire_may_be_a_telephone() -> None:
    frames = run(
        FrontEnd(AudioFormat(8_000), Listener()),
        batches(noise(48_000), AudioFormat(48_000), same(1920)),
    )
    assert {len(frame.pcm) for frame in frames[:50]} == {320}


class Halver:
    """A canceller that works in steps of 10 ms, halves what it hears and keeps the rest back."""

    def __init__(self) -> None:
        self._kept = b""

    def clean(self, pcm: bytes, rate_hz: int) -> bytes:
        self._kept += pcm
        size = len(self._kept) // (rate_hz // 50) * (rate_hz // 50)
        ready, self._kept = self._kept[:size], self._kept[size:]
        return (from_pcm(ready) // 2).astype("<i2").tobytes()

    def flush(self) -> bytes:
        rest, self._kept = self._kept, b""
        return (from_pcm(rest) // 2).astype("<i2").tobytes()


def test_wire_and_detector_hear_what_the_canceller_leaves() -> None:
    sound, listener = noise(24_000), Listener()
    front_end = FrontEnd(WIRE, listener, canceller=Halver())
    heard = [
        frame
        for batch in batches(sound, WIRE, same(1000))
        for frame in front_end.process(batch).frames
    ]
    heard += front_end.flush().frames
    halved = (from_pcm(sound) // 2).astype("<i2").tobytes()
    assert b"".join(frame.pcm for frame in heard) == halved
    assert max(map(abs, from_pcm(b"".join(listener.heard)))) < 0.6 * max(map(abs, from_pcm(sound)))


def test_what_the_canceller_kept_back_does_not_outlive_a_reset() -> None:
    front_end = FrontEnd(WIRE, Listener(), canceller=Halver())
    front_end.process(AudioBatch(noise(100), WIRE, 1.0))
    front_end.reset()
    assert front_end.flush().frames == ()


def test_without_a_detector_nothing_is_speech_and_no_sample_is_lost() -> None:
    pcm = noise(WIRE.samples(100))
    front_end = FrontEnd(WIRE, None)
    heard = [front_end.process(batch) for batch in batches(pcm, WIRE, mixed())]
    frames = [frame for one in [*heard, front_end.flush()] for frame in one.frames]
    assert b"".join(frame.pcm for frame in frames) == pcm
    assert not any(frame.speech for frame in frames)


def sentences() -> bytes:
    """Four words in a noisy room."""
    said = talk(4)
    return b"".join(
        frames_of(
            said.wave
            + amplitude(-50) * noise_of("pink", len(said.wave) / RATE_HZ, 1)[: len(said.wave)]
        )
    )


class Impatient:
    """A gate that is asked for each frame as it comes."""

    def __init__(self) -> None:
        self._gate = SpeechGate()

    def hears_speech(self, pcm: bytes) -> bool:
        return self._gate.hears_speech(pcm)

    def reset(self) -> None:
        self._gate.reset()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("cut", ["even", "mixed"])
def test_a_gate_that_is_asked_late_says_the_same_of_every_frame(cut: str, wrapped: bool) -> None:
    gate = CouplingGate(SpeechGate()) if wrapped else SpeechGate()
    late, early = FrontEnd(WIRE, gate), FrontEnd(WIRE, Impatient())
    sizes = same(640) if cut == "even" else mixed()
    frames: dict[FrontEnd, list[MicFrame]] = {late: [], early: []}
    for batch in batches(sentences(), DETECTOR, sizes):
        for one, given in frames.items():
            given += one.process(batch).frames
    for one, given in frames.items():
        given += one.flush().frames
    assert [f.speech for f in frames[late]] == [f.speech for f in frames[early]]
    assert {f.speech for f in frames[late]} == {True, False}


def test_a_gate_is_not_asked_while_its_word_holds() -> None:
    gate = SpeechGate()
    asked: list[int] = []
    verdicts = gate.verdicts

    def count(pcm: bytes) -> list[bool]:
        asked.append(len(pcm))
        return verdicts(pcm)

    gate.verdicts = count  # type: ignore[method-assign]  # counts, and changes nothing
    front_end = FrontEnd(WIRE, gate)
    given = [front_end.process(batch) for batch in batches(sentences(), DETECTOR, same(640))]
    assert len(asked) < len(given) / 2


def test_it_tells_once_when_nobody_talks_and_when_somebody_does() -> None:
    front_end, told = FrontEnd(WIRE, Listener(False, False, True, True, False)), list[bool]()
    front_end.on_calm = told.append
    for batch in batches(noise(WIRE.samples(100)), WIRE, same(WIRE.samples(20))):
        front_end.process(batch)
    assert told == [True, False, True]
