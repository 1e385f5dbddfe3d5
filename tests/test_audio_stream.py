"""An open card: what its callbacks may see, and when it counts as lost."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pytest

from pi_voice.audio.cards import Direction
from pi_voice.audio.microphone import WATCH_S
from pi_voice.audio.stream import Call, CardRequest, Patience, Stream
from pi_voice.errors import DeviceError
from pi_voice.frames import AudioFormat
from tests.fake_pyaudio import PATIENT, FakeCard, FakePyAudio, FakeStream

BATCH = bytes(range(256)) * 15  # 1,920 samples: 40 ms at 48 kHz
LENGTH_S = 0.04


class Opened:
    """A stream on a fake card, and the calls that came through."""

    def __init__(
        self,
        direction: Direction = Direction.MICROPHONE,
        patience: Patience = PATIENT,
        answer: bytes = b"",
    ) -> None:
        self.calls: list[Call] = []
        self._answer = answer
        self.card = FakeCard("card", 2, 2)
        self.stream = Stream(CardRequest("Device", direction, 40), AudioFormat(48_000), patience)
        self.stream.open(FakePyAudio(self.card).PyAudio(), 0)
        self.stream.start(self.heard)

    @property
    def handle(self) -> FakeStream:
        return self.card.stream

    def heard(self, call: Call) -> bytes:
        self.calls.append(call)
        return self._answer

    def fault(self, after_s: float = 0) -> str:
        return str(self.stream.fault(time.monotonic() + after_s) or "")


@pytest.fixture(autouse=True)
def pyaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_voice.audio.stream.pyaudio", FakePyAudio)


def test_a_batch_is_stamped_with_the_time_of_its_first_sample() -> None:
    opened = Opened()
    before_s = time.monotonic()
    opened.handle.call(BATCH, adc_s=0.1)
    after_s = time.monotonic()
    [call] = opened.calls
    assert call.pcm == BATCH
    assert before_s - 0.1 <= call.at_s <= after_s - 0.1


@pytest.mark.parametrize(
    ("told_s", "bounded_s"), [(0.003, LENGTH_S), (-9.0, LENGTH_S), (7.0, 0.54)]
)
def test_a_card_that_lies_about_its_times_is_bounded(told_s: float, bounded_s: float) -> None:
    opened = Opened()
    opened.handle.call(BATCH, adc_s=told_s)
    [call] = opened.calls
    assert call.now_s - call.at_s == pytest.approx(bounded_s)


def test_the_stamps_follow_the_samples_and_not_the_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = Opened()
    for now_s in (1.0, 1.04, 1.08, 1.15, 1.16, 1.25, 1.26):  # late twice, and never early
        monkeypatch.setattr(time, "monotonic", lambda now_s=now_s: now_s)
        opened.handle.call(BATCH)
    steps_s = [b.at_s - a.at_s for a, b in zip(opened.calls, opened.calls[1:], strict=False)]
    assert steps_s == pytest.approx([LENGTH_S] * 6, abs=0.002)


def test_stamps_begin_anew_where_sound_is_missing() -> None:
    opened = Opened()
    opened.handle.call(BATCH, adc_s=0.2)
    opened.handle.call(BATCH, adc_s=0.04, flags=FakePyAudio.paInputOverflow)
    call = opened.calls[-1]
    assert call.gap
    assert call.now_s - call.at_s == pytest.approx(0.04)


def test_a_speaker_learns_when_its_sound_will_be_heard() -> None:
    opened = Opened(Direction.SPEAKER, answer=BATCH)
    assert opened.handle.call(dac_s=0.06) == BATCH
    [call] = opened.calls
    assert call.samples == 1920
    assert call.at_s - call.now_s == pytest.approx(0.06)


@pytest.mark.parametrize("told_s", [0, -0.5, 30.0])
def test_a_speaker_without_a_clock_counts_on_its_buffers(told_s: float) -> None:
    opened = Opened(Direction.SPEAKER, answer=BATCH)
    opened.handle.call(dac_s=told_s)
    [call] = opened.calls
    assert call.at_s - call.now_s == pytest.approx(0.04)  # the latency of the fake card


def test_a_short_answer_is_filled_up_because_pyaudio_would_end_the_stream() -> None:
    opened = Opened(Direction.SPEAKER, answer=b"\1\2")
    assert opened.handle.call() == b"\1\2".ljust(len(BATCH), b"\0")
    assert opened.handle.runs


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_a_callback_that_fails_ends_nothing_but_its_stream(
    direction: Direction, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Opened(direction)

    def fail(_: Call) -> bytes:
        raise error

    opened.stream.start(fail)
    pcm = BATCH if direction is Direction.MICROPHONE else None
    opened.handle.call(pcm)
    opened.handle.call(pcm)
    assert opened.handle.runs
    with caplog.at_level(logging.ERROR):
        assert (
            opened.fault()
            == f"{direction} 'Device' was closed because of a fault of ours. See the log"
        )
    assert "the audio callback failed" in caplog.text


@pytest.mark.parametrize(
    ("card", "fix"), [(None, "Check its sound server"), (1, "Plug it in again")]
)
def test_what_was_taken_away_is_looked_for_where_it_was(card: int | None, fix: str) -> None:
    opened = Opened()
    opened.stream.card = card
    opened.handle.runs = False
    said = f"microphone 'Device' was taken away. {fix}; it is tried again by itself"
    assert opened.fault() == said


def test_sound_that_flows_is_no_fault() -> None:
    opened = Opened(patience=Patience())
    assert opened.fault() == ""
    opened.handle.call(BATCH)
    assert opened.fault() == ""


def test_a_cable_that_is_pulled_raises_nothing_and_is_noticed() -> None:
    opened = Opened(patience=Patience(silence_s=1.0))
    opened.handle.call(BATCH)
    assert opened.fault(after_s=0.9) == ""
    assert opened.handle.is_active()
    assert opened.fault(after_s=1.1) == (
        "microphone 'Device' gives no sign of life. Check its cable; it is tried again by itself"
    )


def test_the_first_sound_may_take_longer() -> None:
    opened = Opened(patience=Patience(first_s=3.0, silence_s=1.0))
    assert opened.fault(after_s=2.9) == ""
    assert "gives no sign of life" in opened.fault(after_s=3.1)


def test_a_trickle_is_noticed() -> None:
    opened = Opened(patience=Patience(silence_s=1000, window_s=5.0, least=0.8))
    opened.handle.call(BATCH)
    assert opened.fault() == ""
    for _ in range(5):  # one batch of 40 ms per second
        opened.handle.call(BATCH)
    assert opened.fault(after_s=5.0) == (
        "microphone 'Device' runs at 4% of its speed. Check its cable; it is tried again by itself"
    )


@pytest.mark.parametrize("part", [0.5, 0.7])
@pytest.mark.parametrize("well_s", [0.0, 1.0, 2.5, 3.9, 4.1, 5.0, 7.0])
def test_a_trickle_is_noticed_within_ten_seconds_whenever_it_begins(
    well_s: float, part: float
) -> None:
    opened, at_s, owed = Opened(patience=replace(Patience(), silence_s=1000)), 0.0, 1.0
    while not opened.fault(at_s):
        at_s += WATCH_S
        owed += WATCH_S / LENGTH_S * (1.0 if at_s <= well_s else part)
        while owed >= 1:
            opened.handle.call(BATCH)
            owed -= 1
    assert well_s < at_s < well_s + 10


def test_a_card_that_keeps_its_pace_is_no_trickle() -> None:
    opened = Opened(patience=Patience(silence_s=1000, window_s=5.0, least=0.8))
    opened.handle.call(BATCH)
    assert opened.fault() == ""
    for _ in range(110):  # 12 % short: an overflow now and then
        opened.handle.call(BATCH)
    assert opened.fault(after_s=5.0) == ""


def test_a_stream_that_its_server_ended_is_noticed() -> None:
    opened = Opened()
    opened.handle.runs = False
    gone = "microphone 'Device' was taken away. Check its sound server; it is tried again by itself"
    assert opened.fault() == gone
    opened.handle.is_open = False  # and PyAudio raises from then on
    assert opened.fault() == gone


def test_a_card_that_opens_but_does_not_run_says_so() -> None:
    opened = Opened()
    opened.card.start_refusal = OSError(-9999, "Unanticipated host error")
    with pytest.raises(DeviceError) as refused:
        opened.stream.start(opened.heard)
    assert str(refused.value) == (
        "microphone 'Device' does not run (Unanticipated host error). "
        "Plug it in again; it is tried again by itself"
    )


def test_nothing_is_heard_after_mute() -> None:
    opened = Opened()
    opened.stream.mute()
    opened.handle.call(BATCH)
    assert opened.calls == []
    assert opened.handle.runs
