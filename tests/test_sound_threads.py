"""Real threads on fake cards: a counting signal in and out while another thread is busy."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from pi_voice.audio.frontend import FrontEnd
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.resample import Resampler, from_pcm
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.audio.vad import SpeechGate
from pi_voice.box import SWITCH_INTERVAL_S
from pi_voice.core.events import PlaybackEnded
from pi_voice.frames import SAMPLE_BYTES, WIRE, AudioBatch
from tests.fake_pyaudio import PATIENT, FakeCard, FakePyAudio
from tests.listeners import Mouth, running
from tests.test_sound_simulation import BATCH_MS, Beside, counted
from tests.until import DEADLINE_S, until

CARDS_HZ = [16_000, 44_100, 48_000]
MINUTES = [0.25, pytest.param(10, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
AHEAD = 20  # batches; a card in real time is never so far ahead of the loop
PIECE_MS = 100


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A second Python thread that never rests, as the box lets them take turns."""
    done, interval_s = threading.Event(), sys.getswitchinterval()

    def work() -> None:
        while not done.is_set():
            sum(number * number for number in range(1000))

    thread = threading.Thread(target=work)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval_s)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePyAudio:
    fake = FakePyAudio()
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.stream.pyaudio", fake)
    return fake


@contextlib.asynccontextmanager
async def beside(work: threading.Thread) -> AsyncIterator[None]:
    work.start()
    try:
        yield
    finally:
        work.join()


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("minutes", MINUTES)
async def test_what_a_card_counts_arrives_while_another_thread_is_busy(
    fake: FakePyAudio, rate_hz: int, minutes: float
) -> None:
    card = FakeCard("mic", rates=(rate_hz,), rate_hz=rate_hz, counts=(1,))
    fake.cards.append(card)
    batches, size = round(minutes * 60_000 / BATCH_MS), rate_hz * BATCH_MS // 1000
    room, row = threading.Semaphore(AHEAD), Beside()
    front_end, ideal = FrontEnd(WIRE, SpeechGate()), Resampler(rate_hz, WIRE.rate_hz)

    def capture() -> None:
        for number in range(batches):
            if not room.acquire(timeout=DEADLINE_S):
                return  # nobody listens any more
            card.stream.call(counted(number * size, size).tobytes())

    microphone = PyAudioMicrophone("mic", PortAudio(), patience=PATIENT)
    async with microphone:
        microphone.open()
        await until(lambda: card.streams and card.stream.runs)
        with busy():
            async with beside(threading.Thread(target=capture)):
                taken = 0
                async for batch in microphone.events():
                    if isinstance(batch, AudioBatch):
                        sound = counted(taken * size, size).tobytes()
                        frames = front_end.process(batch).frames
                        row.take(b"".join(frame.pcm for frame in frames), ideal.process(sound))
                        room.release()
                        taken += 1
                    if taken == batches:
                        break
    assert microphone.dropped == 0
    assert row.compared >= WIRE.samples(minutes * 60_000 - 20)


class Player:
    """The thread of a card that plays, and what it played."""

    def __init__(self, card: FakeCard) -> None:
        self.heard: list[bytes] = []
        self.all_given = False
        self.over = threading.Event()
        self._card = card
        self._made: list[Playback] = []

    @property
    def playback(self) -> Playback:
        return self._made[-1]

    def make(self, rate_hz: int) -> Playback:
        self._made.append(Playback(wire=WIRE, device_rate_hz=rate_hz))
        return self.playback

    def play(self) -> None:
        """Ask for sound while there is some: the network is not what is tried here."""
        while not self.over.is_set():
            if self.all_given or self.playback.queued_ms > 2 * PIECE_MS:
                self.heard.append(self._card.stream.call(dac_s=0.02) or b"")
            else:
                self.over.wait(0.001)

    async def hears(self, speaker: PyAudioSpeaker, reply: bytes, mouth: Mouth) -> None:
        """Take a reply to its end."""
        size = WIRE.size_bytes(PIECE_MS)
        with busy():
            async with beside(threading.Thread(target=self.play)):
                try:
                    for at in range(0, len(reply), size):
                        speaker.play("one", reply[at : at + size])
                        await until(lambda: self.playback.queued_ms < 40 * PIECE_MS, within_s=60)
                    speaker.end_item("one")
                    self.all_given = True
                    await until(lambda: PlaybackEnded in mouth.kinds(), within_s=60)
                finally:
                    self.over.set()


@pytest.mark.parametrize("rate_hz", CARDS_HZ)
@pytest.mark.parametrize("minutes", MINUTES)
async def test_what_is_played_counts_on_while_another_thread_is_busy(
    fake: FakePyAudio, rate_hz: int, minutes: float
) -> None:
    card = FakeCard("speaker", 0, 1, rates=(rate_hz,), rate_hz=rate_hz, counts=(1,))
    fake.cards.append(card)
    player, reply = Player(card), counted(0, WIRE.samples(minutes * 60_000)).tobytes()
    speaker = PyAudioSpeaker("speaker", PortAudio(), player.make, idle_s=1000, patience=PATIENT)
    async with speaker:
        mouth = Mouth(speaker)
        async with running(mouth.listen()):
            speaker.play_sound(bytes(SAMPLE_BYTES))  # so that its stream runs
            await until(lambda: card.streams and card.stream.runs)
            await player.hears(speaker, reply, mouth)
    late = Resampler(WIRE.rate_hz, rate_hz)
    ideal = from_pcm(late.process(reply) + late.flush())[late.delay_samples :].astype(int)
    sound = from_pcm(b"".join(player.heard))
    begin = int(np.argmax(sound != 0)) - int(np.argmax(ideal != 0))
    assert np.abs(sound[begin : begin + len(ideal)] - ideal).max() <= 1
    assert mouth.events[-1] == PlaybackEnded("one", minutes * 60_000, interrupted=False)
    assert player.playback.underruns == 0
