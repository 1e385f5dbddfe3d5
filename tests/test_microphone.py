"""A microphone on a fake card: open while it is wanted, told of what happens, quiet when closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator

import pytest

from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.stream import Call, Patience, Stream
from pi_voice.core.events import MicClosed, MicLost, MicOpened
from pi_voice.frames import AudioFormat
from tests.fake_pyaudio import BUSY, PATIENT, FakeCard, FakePyAudio, FakeStream
from tests.listeners import Ear, running
from tests.until import until

LONG = (pytest.mark.long, pytest.mark.timeout(900))
BATCH = bytes(range(256)) * 15  # 1,920 samples: 40 ms at 48 kHz
GONE = "microphone 'mic' was taken away. Check its sound server; it is tried again by itself"


class Scene:
    """A microphone, its card, and somebody who listens."""

    def __init__(self, microphone: PyAudioMicrophone, sound: PortAudio, fake: FakePyAudio) -> None:
        self.microphone = microphone
        self.sound = sound
        self.fake = fake
        self.card = fake.cards[0]
        self.ear = Ear(microphone)

    async def opened(self) -> None:
        """Open it, and let it hear one batch."""
        streams = len(self.card.streams)
        self.microphone.open()
        await self.runs(streams + 1)
        self.card.stream.call(BATCH)
        await until(lambda: self.ear.kinds()[-1:] == [MicOpened] and self.ear.batches)

    async def runs(self, count: int) -> None:
        """Return when the so-manieth stream runs."""
        await until(lambda: len(self.card.streams) == count and self.card.stream.runs)

    async def hears(self, count: int) -> None:
        """Return when it was told to be open for the so-manieth time."""
        await until(lambda: self.ear.kinds().count(MicOpened) == count)

    async def closed(self) -> None:
        self.microphone.close()
        await until(lambda: self.ear.kinds()[-1:] == [MicClosed])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePyAudio:
    fake = FakePyAudio(FakeCard("mic"), FakeCard("speaker", 0, 2))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.stream.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.microphone.WATCH_S", 0.005)
    monkeypatch.setattr("pi_voice.audio.microphone.FIRST_RETRY_S", 0.005)
    monkeypatch.setattr("pi_voice.audio.microphone.LONGEST_RETRY_S", 0.02)
    return fake


@contextlib.asynccontextmanager
async def scene(fake: FakePyAudio, patience: Patience = PATIENT) -> AsyncIterator[Scene]:
    sound = PortAudio()
    async with PyAudioMicrophone("mic", sound, patience=patience) as microphone:
        here = Scene(microphone, sound, fake)
        async with running(here.ear.listen()):
            yield here
    assert not here.card.is_open
    assert fake.running == 0


async def test_nothing_is_opened_before_it_is_wanted(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        assert here.card.streams == []
    assert (here.ear.events, fake.starts) == ([], 0)


async def test_what_is_heard_arrives_with_the_format_of_the_card(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.card.stream.call(BATCH, flags=FakePyAudio.paInputOverflow)
        await until(lambda: len(here.ear.batches) == 2)
    first, second = here.ear.batches
    assert (first.pcm, first.format, first.lost) == (BATCH, AudioFormat(48_000), False)
    assert second.lost
    assert second.at_s > first.at_s
    assert here.ear.kinds() == [MicOpened]


async def test_it_counts_as_open_when_it_hears(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.microphone.open()
        await here.runs(1)
        assert here.ear.events == []
        here.card.stream.call(BATCH)
        await until(lambda: here.ear.batches)
    assert here.ear.heard == [MicOpened(), *here.ear.batches]


async def test_nothing_follows_the_close_and_the_handle_is_gone(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.ear.batches.clear()
        here.card.stream.call(BATCH)  # still waits in the mailbox when the close is asked for
        await here.closed()
        assert not here.card.is_open
        assert here.ear.batches == []
    assert here.ear.kinds() == [MicOpened, MicClosed]


async def test_sound_of_an_earlier_opening_is_not_heard_in_a_later(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.ear.batches.clear()
        here.card.stream.call(BATCH)
        here.microphone.close()
        here.microphone.open()
        await here.runs(2)
        assert here.ear.batches == []
        here.card.stream.call(BATCH[::-1])
        await until(lambda: here.ear.batches)
    assert [batch.pcm for batch in here.ear.batches] == [BATCH[::-1]]
    assert here.ear.kinds() == [MicOpened, MicClosed, MicOpened]


async def test_every_wish_is_answered(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.microphone.close()
        await until(lambda: here.ear.kinds() == [MicClosed])
        await here.opened()
        here.microphone.open()
        await until(lambda: here.ear.kinds() == [MicClosed, MicOpened, MicOpened])
    assert len(here.card.streams) == 1


async def test_a_card_is_opened_and_closed_by_one_thread_that_is_not_the_loops(
    fake: FakePyAudio,
) -> None:
    async with scene(fake) as here:
        await here.opened()
        await here.closed()
        stream = here.card.stream
    assert stream.opened_in == stream.closed_in != threading.get_ident()


async def test_a_stream_that_ends_is_lost_and_opened_again(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.card.stream.runs = False
        await here.runs(2)
        here.card.stream.call(BATCH)
        await until(lambda: here.ear.kinds() == [MicOpened, MicLost, MicOpened])
    assert here.ear.reasons() == [GONE]
    assert not here.card.streams[0].is_open


async def test_silence_of_the_callbacks_is_a_loss(fake: FakePyAudio) -> None:
    async with scene(fake, Patience(first_s=1000, silence_s=0.05, window_s=1000)) as here:
        await here.opened()
        await until(lambda: MicLost in here.ear.kinds())
    assert here.ear.reasons() == [
        "microphone 'mic' gives no sign of life. Check its cable; it is tried again by itself"
    ]


async def test_a_microphone_that_is_not_there_is_told_once_and_looked_for(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pi_voice.audio.portaudio.RENEW_S", 0.0)
    card = fake.cards.pop(0)
    async with scene(fake) as here:
        here.card = card
        here.microphone.open()
        await until(lambda: fake.starts >= 5)
        assert here.ear.reasons() == [
            "microphone 'mic' not found; I see no microphone at all. Run: pi-voice devices"
        ]
        fake.cards.append(card)
        await here.runs(1)
        with caplog.at_level(logging.INFO):
            card.stream.call(BATCH)
            await until(lambda: "the microphone hears again" in caplog.messages)
    assert here.ear.kinds() == [MicLost, MicOpened]
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 1


@pytest.mark.parametrize("times", [20, pytest.param(500, marks=LONG)])
async def test_a_cable_that_is_pulled_again_and_again_leaves_nothing_behind(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("pi_voice.audio.portaudio.RENEW_S", 0.0)
    patience, (card, speaker) = Patience(first_s=1000, silence_s=0.02, window_s=1000), fake.cards
    async with scene(fake, patience) as here:
        here.microphone.open()
        threads = 0
        for pulled in range(times):
            await here.runs(pulled + 1)
            threads = threads or threading.active_count()
            fake.cards = [speaker]
            card.stream.call(BATCH)  # the last one, while the stream stays active
            await here.hears(pulled + 1)
            await until(lambda: "not found" in getattr(here.ear.events[-1], "reason", ""))
            fake.cards = [card, speaker]
        assert here.ear.kinds().count(MicOpened) == times
        assert threading.active_count() == threads
        assert sum(stream.is_open for stream in card.streams) <= 1
        assert len(here.ear.batches) == times


async def test_another_reason_is_told(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.card.refusal = BUSY
        here.microphone.open()
        await until(lambda: len(here.ear.events) == 1)
        here.card.refusal = OSError(-9999, "Unanticipated host error")
        await until(lambda: len(here.ear.events) == 2)
    assert ["Device unavailable" in reason for reason in here.ear.reasons()] == [True, False]


async def test_a_close_ends_the_search(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.card.refusal = BUSY
        here.microphone.open()
        await until(lambda: here.ear.kinds() == [MicLost])
        await here.closed()
        here.card.refusal = None
        here.microphone.close()
        await until(lambda: here.ear.kinds() == [MicLost, MicClosed, MicClosed])
    assert here.card.streams == []


async def test_a_card_that_opens_but_does_not_run_is_closed_again(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.card.start_refusal = OSError(-9999, "Unanticipated host error")
        here.microphone.open()
        await until(lambda: here.ear.kinds() == [MicLost])
        here.card.start_refusal = None
        await until(lambda: here.card.streams and here.card.stream.runs)
        assert [stream.is_open for stream in here.card.streams].count(True) == 1


async def test_first_sound_that_comes_too_late_does_not_count(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(fake) as here:
        close = here.sound.close

        def close_while_it_calls(stream: Stream) -> None:
            here.microphone._stream = stream  # as the callback saw it a moment ago
            here.microphone._hear(Call(BATCH, 1920, 0.0, 0.0, gap=False))
            here.microphone._stream = None
            close(stream)

        monkeypatch.setattr(here.sound, "close", close_while_it_calls)
        here.microphone.open()
        await here.runs(1)
        here.card.stream.runs = False
        await until(lambda: here.ear.kinds() == [MicLost, MicOpened, MicLost])


async def test_a_card_that_dies_of_its_first_sound_is_lost_each_time(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear_once(stream: FakeStream) -> None:
        stream.runs = True
        stream.call(BATCH)
        stream.runs = False

    monkeypatch.setattr(FakeStream, "start_stream", hear_once)
    async with scene(fake) as here:
        here.microphone.open()
        await until(lambda: here.ear.kinds()[:6] == [MicOpened, MicLost] * 3)


async def test_what_was_open_before_does_not_count_in_the_next_opening(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        await here.closed()
        here.card.refusal = BUSY
        here.microphone.open()
        await until(lambda: MicLost in here.ear.kinds())
    assert here.ear.kinds() == [MicOpened, MicClosed, MicLost]


async def test_it_makes_room_for_a_new_list_of_cards_without_a_word(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.sound.renewal_wanted = True
        await here.runs(2)
        assert not here.sound.renewal_wanted
        here.card.stream.call(BATCH)
        await until(lambda: len(here.ear.batches) == 2)
    assert here.ear.kinds() == [MicOpened]
    assert [batch.lost for batch in here.ear.batches] == [False, True]


async def test_a_loop_that_was_away_knows_that_sound_is_missing(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        for _ in range(60):  # more than a mailbox holds, before the loop runs again
            here.card.stream.call(BATCH)
        await until(lambda: len(here.ear.batches) == 51)
    assert here.microphone.dropped == 10
    assert [batch.lost for batch in here.ear.batches].index(True) == 1


async def test_it_ends_where_its_thread_fails(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    sound = PortAudio()
    monkeypatch.setattr(sound, "open", broken)
    async with PyAudioMicrophone("mic", sound) as microphone:
        async with running(Ear(microphone).listen()) as listening:
            microphone.open()
            await until(listening.done)
    assert "a fault of ours" in caplog.text


async def test_relaxed_it_hands_over_all_batches_of_a_bundle_at_once(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        await here.opened()
        here.microphone.relax(relaxed=True)
        for _ in range(4):  # 40 ms each
            here.card.stream.call(BATCH)
        await asyncio.sleep(0.01)
        assert len(here.ear.batches) == 1
        here.card.stream.call(BATCH)
        await until(lambda: len(here.ear.batches) == 6)
        here.microphone.relax(relaxed=False)
        here.card.stream.call(BATCH)
        await until(lambda: len(here.ear.batches) == 7)
