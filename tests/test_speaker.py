"""A speaker on a fake card: opened for what there is to say, honest about what nobody heard."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.audio.stream import Stream
from pi_voice.core.events import PlaybackEnded, PlaybackStarted, SpeakerLost
from pi_voice.frames import WIRE
from tests.fake_pyaudio import BUSY, PATIENT, FakeCard, FakePyAudio
from tests.listeners import Mouth, running
from tests.until import until

FRAME_MS = 20
GONE = "speaker 'speaker' was taken away. Check its sound server; it is tried again by itself"


def tone(ms: float, level: int = 1000) -> bytes:
    return np.full(WIRE.samples(ms), level, "<i2").tobytes()


class Scene:
    """A speaker, its card at the rate of the wire, and somebody who reads its reports."""

    def __init__(self, speaker: PyAudioSpeaker, sound: PortAudio, fake: FakePyAudio) -> None:
        self.speaker = speaker
        self.sound = sound
        self.card = fake.cards[0]
        self.mouth = Mouth(speaker)

    async def runs(self, count: int = 1) -> None:
        """Return when the so-manieth stream runs."""
        await until(lambda: len(self.card.streams) == count and self.card.stream.runs)

    def plays(self, ms: float) -> bytes:
        """What comes out of the card in the next so many ms."""
        frames = [self.card.stream.call(dac_s=0.001) or b"" for _ in range(int(ms / FRAME_MS))]
        return b"".join(frames)

    async def play_out(self) -> None:
        """Let the card run until an item has ended."""
        while PlaybackEnded not in self.mouth.kinds():
            self.plays(FRAME_MS)
            await asyncio.sleep(0.001)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePyAudio:
    fake = FakePyAudio(FakeCard("speaker", 0, 2, rates=(24_000,), counts=(1,)))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.stream.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.speaker.WATCH_S", 0.005)
    monkeypatch.setattr("pi_voice.audio.speaker.RETRY_S", 0.01)
    monkeypatch.setattr("pi_voice.audio.speaker.KEPT_S", 0.05)
    return fake


@contextlib.asynccontextmanager
async def scene(
    fake: FakePyAudio, idle_s: float = 1000, volume: Callable[[Stream], float] | None = None
) -> AsyncIterator[Scene]:
    def make(rate_hz: int) -> Playback:
        return Playback(wire=WIRE, device_rate_hz=rate_hz, cushion_ms=0)

    sound = PortAudio()
    speaker = PyAudioSpeaker("speaker", sound, make, idle_s=idle_s, patience=PATIENT, volume=volume)
    async with speaker:
        here = Scene(speaker, sound, fake)
        async with running(here.mouth.listen()):
            yield here
    assert not here.card.is_open
    assert fake.running == 0


async def test_the_card_is_opened_when_there_is_something_to_say(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        assert here.card.streams == []
        here.speaker.play("one", tone(40))
        here.speaker.end_item("one")
        await here.runs()
        assert tone(20) in here.plays(60)
        await here.play_out()
    started, ended = here.mouth.events
    assert isinstance(started, PlaybackStarted)
    assert ended == PlaybackEnded("one", 40.0, interrupted=False)


async def test_a_turn_opens_the_card_before_the_reply_comes(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.card.is_open)
        assert not here.card.stream.runs
        here.speaker.play("one", tone(40))
        await here.runs()
        assert tone(20) in here.plays(60)


async def test_a_card_that_rests_stays_open_and_plays_again_at_once(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.REST_S", 0.02)
    async with scene(fake) as here:
        for _ in range(3):
            here.speaker.play_sound(tone(20))
            await here.runs()
            assert tone(15) in here.plays(40)
            await until(lambda: not here.card.stream.runs)
            assert here.card.is_open
    assert here.mouth.events == []


async def test_a_card_does_not_rest_in_a_reply(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.REST_S", 0.0)
    async with scene(fake) as here:
        here.speaker.play("one", tone(40))
        await here.runs()
        for _ in range(10):
            here.plays(20)
            await asyncio.sleep(0.01)
        assert here.card.stream.runs


async def test_a_card_that_does_not_stop_is_opened_anew_for_the_next_sound(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.REST_S", 0.02)
    fake.cards[0].stop_refusal = OSError(-9999, "Unanticipated host error")
    async with scene(fake) as here:
        here.speaker.play_sound(tone(20))
        await here.runs()
        here.plays(40)
        await until(lambda: not here.card.is_open)
        here.speaker.play_sound(tone(20))
        await here.runs(2)
    assert here.mouth.events == []


async def test_a_prepared_card_that_does_not_start_is_told_and_tried_again(
    fake: FakePyAudio,
) -> None:
    fake.cards[0].start_refusal = OSError(-9999, "Unanticipated host error")
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.card.is_open)
        here.speaker.play_sound(tone(20))
        await until(lambda: here.mouth.kinds() == [SpeakerLost])
        here.card.start_refusal = None
        await until(lambda: here.card.stream.runs)
        assert tone(15) in here.plays(40)


async def test_a_stop_of_a_card_that_rests_does_not_start_it(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.card.is_open)
        here.speaker.stop()
        await until(lambda: not here.speaker._commands)
        assert not here.card.stream.runs


async def test_mono_is_played_in_every_channel_of_the_card(fake: FakePyAudio) -> None:
    fake.cards[0].counts = (2,)
    said = np.arange(1, WIRE.samples(40) + 1, dtype="<i2")
    async with scene(fake) as here:
        here.speaker.play_sound(said.tobytes())
        await here.runs()
        heard = np.frombuffer(here.plays(40), "<i2").reshape(-1, 2)
    assert np.array_equal(heard[:, 0], said)
    assert np.array_equal(heard[:, 1], said)


async def test_the_card_is_closed_after_a_rest_and_opened_again(fake: FakePyAudio) -> None:
    async with scene(fake, idle_s=0.02) as here:
        for count in (1, 2):
            here.speaker.play_sound(tone(20))
            await here.runs(count)
            here.plays(100)
            await until(lambda: not here.card.is_open)
    assert here.mouth.events == []


async def test_preparing_keeps_an_open_card_open(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.card.is_open)
        used_s = here.speaker._used_s
        here.speaker.prepare()
        await until(lambda: here.speaker._used_s > used_s)
    assert len(here.card.streams) == 1


async def test_a_stop_is_silence_and_never_a_stop_of_the_stream(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(2000))
        await here.runs()
        here.plays(200)
        here.speaker.stop()
        cut = here.plays(100)
        await until(lambda: len(here.mouth.events) == 2)
        assert here.card.stream.runs
    assert any(cut[: WIRE.size_bytes(5)])  # faded, not torn
    assert not any(cut[WIRE.size_bytes(20) :])
    assert here.mouth.events[1] == PlaybackEnded("one", 205.0, interrupted=True)


async def test_times_without_sound_are_counted(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(40))
        await here.runs()
        here.card.stream.call(flags=FakePyAudio.paOutputUnderflow)
        here.card.stream.call()
        assert here.speaker.gaps == 1


async def test_a_reply_goes_on_where_it_was_when_the_card_comes_back(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(100, level=1000))
        here.speaker.play("one", tone(100, level=2000))
        here.speaker.end_item("one")
        await here.runs()
        first = here.plays(100)
        here.card.stream.runs = False
        await here.runs(2)
        rest = here.plays(200)
        await here.play_out()
    assert np.frombuffer(first, "<i2").max() == 1000
    assert np.frombuffer(rest, "<i2").max() == 2000
    kinds = [PlaybackStarted, SpeakerLost, PlaybackEnded]
    assert (here.mouth.kinds(), here.mouth.reasons()) == (kinds, [GONE])
    assert here.mouth.events[-1] == PlaybackEnded("one", 200.0, interrupted=False)


async def test_what_nobody_can_hear_ends_where_it_was(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(500))
        here.speaker.play("two", tone(500))
        await here.runs()
        here.plays(100)
        here.card.refusal = BUSY
        here.card.stream.runs = False
        await until(lambda: here.mouth.kinds().count(PlaybackEnded) == 2)
    assert here.mouth.events[-2:] == [
        PlaybackEnded("one", 105.0, interrupted=True),
        PlaybackEnded("two", 0.0, interrupted=True),
    ]


async def test_what_left_for_the_card_was_heard_even_if_the_card_goes(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(20))
        here.speaker.end_item("one")
        await here.runs()
        here.card.stream.call(dac_s=0.9)
        here.card.refusal = BUSY
        here.card.stream.runs = False
        await until(lambda: here.mouth.kinds()[-1:] == [PlaybackEnded])
    assert here.mouth.events[-1] == PlaybackEnded("one", 20.0, interrupted=False)


async def test_a_reply_that_ended_unheard_does_not_come_back(fake: FakePyAudio) -> None:
    fake.cards[0].refusal = BUSY
    async with scene(fake) as here:
        here.speaker.play("one", tone(500))
        await until(lambda: here.mouth.kinds() == [SpeakerLost, PlaybackEnded])
        here.card.refusal = None
        here.speaker.play("one", tone(500))
        here.speaker.end_item("one")
        here.speaker.play("two", tone(20, level=7))
        await here.runs()
        assert set(np.frombuffer(here.plays(100), "<i2")) <= set(range(8))
    assert here.mouth.events[1] == PlaybackEnded("one", 0.0, interrupted=True)


async def test_a_stop_without_a_card_ends_what_waits_at_once(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.KEPT_S", 1000)
    fake.cards[0].refusal = BUSY
    async with scene(fake) as here:
        here.speaker.play("one", tone(500))
        await until(lambda: here.mouth.kinds() == [SpeakerLost])
        here.speaker.stop()
        await until(lambda: here.mouth.kinds() == [SpeakerLost, PlaybackEnded])


async def test_every_opening_is_told_once_the_card_takes_sound(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(500))
        await here.runs()
        assert here.mouth.openings == 0
        here.plays(40)
        await until(lambda: here.mouth.openings == 1)
        here.card.stream.runs = False
        await here.runs(2)
        here.plays(40)
        await until(lambda: here.mouth.openings == 2)
    assert here.mouth.reasons() == [GONE]


async def test_the_volume_is_set_at_every_opening_and_its_rest_is_for_the_samples(
    fake: FakePyAudio,
) -> None:
    left = iter([1.0, 0.5])
    opened: list[str] = []

    def volume(stream: Stream) -> float:
        opened.append(stream.pcm)
        return next(left)

    async with scene(fake, volume=volume) as here:
        here.speaker.play_sound(tone(1000, level=1000))
        await here.runs()
        assert np.frombuffer(here.plays(100), "<i2").max() == 1000
        here.card.stream.runs = False
        await here.runs(2)
        here.plays(100)
        assert np.frombuffer(here.plays(100), "<i2").max() == 500
    assert opened == ["speaker", "speaker"]


async def test_a_stop_while_nothing_plays_opens_nothing(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.stop()
        here.speaker.prepare()  # so that the stop was seen
        await until(lambda: here.card.is_open)
        assert not here.card.stream.runs
    assert here.mouth.events == []


async def test_a_sound_that_is_switched_off_wakes_no_card(fake: FakePyAudio) -> None:
    fake.cards[0].refusal = BUSY
    async with scene(fake) as here:
        here.speaker.play_sound(b"")
        here.speaker.stop()
        await until(lambda: not here.speaker._commands)
    assert here.mouth.events == []
    assert here.card.attempts == 0


async def test_a_card_that_goes_while_nothing_plays_is_no_news(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play_sound(tone(20))
        await here.runs()
        here.plays(40)
        here.card.stream.runs = False
        await until(lambda: not here.card.is_open)
        here.speaker.play("one", tone(20))
        await here.runs(2)
    assert here.mouth.events == []


async def test_a_speaker_that_is_missing_is_told_when_it_is_needed(fake: FakePyAudio) -> None:
    fake.cards[0].refusal = BUSY
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.mouth.kinds() == [SpeakerLost])


async def test_a_missing_speaker_is_looked_for_also_when_nothing_waits(
    fake: FakePyAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.SEEK_S", 0.02)
    fake.cards[0].refusal = BUSY
    async with scene(fake) as here:
        here.speaker.prepare()
        await until(lambda: here.mouth.kinds() == [SpeakerLost])
        here.card.refusal = None
        await here.runs()
        here.plays(20)
        await until(lambda: here.mouth.openings == 1)


async def test_it_makes_room_for_a_new_list_of_cards_when_it_rests(fake: FakePyAudio) -> None:
    async with scene(fake) as here:
        here.speaker.play("one", tone(100))
        here.speaker.end_item("one")
        await here.runs()
        here.sound.renewal_wanted = True
        here.plays(40)
        assert here.card.is_open
        await here.play_out()
        await until(lambda: not here.card.is_open)


async def test_another_card_with_another_rate_gets_a_playback_of_its_own(
    fake: FakePyAudio,
) -> None:
    async with scene(fake, idle_s=0.02) as here:
        here.speaker.play_sound(tone(20))
        await here.runs()
        here.plays(100)
        await until(lambda: not here.card.is_open)
        here.card.rates = (48_000,)
        here.speaker.play_sound(tone(100))
        await here.runs(2)
        heard = np.frombuffer(here.plays(200), "<i2")
    assert np.count_nonzero(np.abs(heard) > 500) == pytest.approx(4800, abs=100)


async def test_the_card_is_opened_and_closed_by_one_thread_that_is_not_the_loops(
    fake: FakePyAudio,
) -> None:
    async with scene(fake, idle_s=0.02) as here:
        here.speaker.prepare()
        await until(lambda: here.card.streams and not here.card.is_open)
        stream = here.card.stream
    assert stream.opened_in == stream.closed_in != threading.get_ident()
