"""Both ends on one PortAudio, whose list of cards can only be made anew while nothing is open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_voice.audio import microphone as module
from pi_voice.audio.flaps import LINES
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.audio.stream import Patience
from pi_voice.core.events import MicLost, MicOpened, PlaybackEnded
from pi_voice.frames import WIRE
from tests.fake_kernel import FakeKernel
from tests.fake_pyaudio import PATIENT, FakeCard, FakePyAudio
from tests.listeners import Ear, Mouth, running
from tests.until import until

BATCH = bytes(3840)  # 40 ms at 48 kHz
BACK_S = 3.0  # the promise, while nothing plays
HASTY = Patience(first_s=1000, silence_s=0.3, window_s=1000)


class Box:
    """A microphone at the USB socket, and a speaker that stays; both cards have a thread."""

    def __init__(self, fake: FakePyAudio, pi: FakeKernel) -> None:
        self._fake = fake
        self._pi = pi
        self._over = threading.Event()
        self.socket = FakeCard("USB PnP Sound Device: Audio (hw:1,0)", 1, 0)
        self.dac = FakeCard("dac: - (hw:0,0)", 0, 2, rates=(48_000,), counts=(1,))
        pi.plug(0, "dac", "dac")
        fake.cards[:] = [self.dac]
        self.sound = PortAudio(pi.kernel)
        self.microphone = PyAudioMicrophone("hw:CARD=Device", self.sound, patience=HASTY)
        self.speaker = PyAudioSpeaker(
            "hw:CARD=dac",
            self.sound,
            lambda rate_hz: Playback(wire=WIRE, device_rate_hz=rate_hz, cushion_ms=0),
            idle_s=1000,
            patience=PATIENT,
        )
        self.ear, self.mouth = Ear(self.microphone), Mouth(self.speaker)

    def plug_in(self) -> None:
        self._pi.plug(1, "Device", "USB PnP Sound Device")
        self._fake.cards.append(self.socket)

    def plug_in_another(self) -> None:
        self._pi.plug(2, "Headset", "Headset")

    def unplug(self) -> None:
        self._fake.cards.remove(self.socket)
        self._pi.unplug(1)

    def unplug_speaker(self) -> None:
        self._fake.cards.remove(self.dac)
        self._pi.unplug(0)

    async def hears(self, within_s: float = 30.0) -> None:
        openings = self.ear.kinds().count(MicOpened)
        await until(lambda: self.ear.kinds().count(MicOpened) > openings, within_s=within_s)

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        cards = threading.Thread(target=self._run)
        async with self.microphone, self.speaker, running(self.ear.listen()):
            async with running(self.mouth.listen()):
                cards.start()
                try:
                    yield
                finally:
                    self._over.set()
                    cards.join()

    def _run(self) -> None:
        """Call back every few ms, as long as a card is plugged in."""
        while not self._over.wait(0.02):
            for card in (self.socket, self.dac):
                if card.is_open and card in self._fake.cards and card.stream.runs:
                    card.stream.call(BATCH if card is self.socket else None, dac_s=0.02)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Box:
    fake = FakePyAudio()
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    monkeypatch.setattr("pi_voice.audio.stream.pyaudio", fake)
    return Box(fake, FakeKernel(tmp_path))


async def test_a_speaker_that_rests_makes_room_for_a_microphone_that_comes_back(here: Box) -> None:
    async with here.living():
        here.plug_in()
        here.microphone.open()
        await here.hears()
        here.unplug()
        await until(lambda: here.ear.kinds()[-1] is MicLost)
        here.speaker.prepare()
        await until(lambda: here.dac.is_open)
        here.plug_in()
        await here.hears()


async def test_a_prepared_card_that_is_unplugged_is_given_back(here: Box) -> None:
    async with here.living():
        here.speaker.prepare()
        await until(lambda: here.dac.is_open)
        here.unplug_speaker()
        await until(lambda: not here.dac.is_open)
        assert here.mouth.reasons() == []


async def test_while_a_reply_plays_it_is_not_cut_and_the_microphone_waits_for_its_end_alone(
    here: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 1000.0)
    async with here.living():
        here.speaker.play("one", bytes(WIRE.size_bytes(100)))
        await until(lambda: here.dac.is_open)
        here.plug_in()
        with caplog.at_level(logging.DEBUG, "pi_voice.audio.microphone"):
            here.microphone.open()
            await until(lambda: sum("not found" in line for line in caplog.messages) > 30)
        assert here.mouth.reasons() == []
        assert len(here.dac.streams) == 1
        here.speaker.end_item("one")
        await here.hears()
        assert here.mouth.kinds()[-1] is PlaybackEnded


async def test_a_card_of_no_concern_costs_no_word_while_a_reply_plays(
    here: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH_S", 0.01)
    async with here.living():
        here.plug_in()
        here.microphone.open()
        await here.hears()
        here.microphone.close()
        here.speaker.play("one", bytes(WIRE.size_bytes(100)))
        await until(lambda: here.dac.is_open and here.dac.stream.runs)
        here.plug_in_another()
        here.microphone.open()
        await here.hears()
        heard = len(here.ear.batches)
        await until(lambda: len(here.ear.batches) > heard + 20)
        assert len(here.socket.streams) == 2
        assert not any(batch.lost for batch in here.ear.batches)


async def test_a_wish_for_a_new_list_that_has_come_true_without_costs_no_word(
    here: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH_S", 0.01)
    async with here.living():
        here.plug_in()
        here.microphone.open()
        await here.hears()
        here.speaker.play("one", bytes(WIRE.size_bytes(100)))
        await until(lambda: here.dac.is_open and here.dac.stream.runs)
        here.unplug()
        await until(lambda: here.sound.renewal_wanted)
        here.plug_in()
        await here.hears()
        streams, heard = len(here.socket.streams), len(here.ear.batches)
        await until(lambda: len(here.ear.batches) > heard + 20)
        assert len(here.socket.streams) == streams


async def test_a_loose_contact_does_not_fill_the_log(
    here: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("WATCH_S", "FIRST_RETRY_S", "LONGEST_RETRY_S"):
        monkeypatch.setattr(module, name, 0.01)
    monkeypatch.setattr("pi_voice.audio.portaudio.RENEW_S", 0.0)

    async def comes_and_goes(times: int) -> None:
        here.plug_in()
        await until(lambda: caplog.messages.count("the microphone hears again") == times)
        here.unplug()
        await until(lambda: here.ear.kinds()[-1] is MicLost)

    with caplog.at_level(logging.DEBUG, module.__name__):
        async with here.living():
            here.microphone.open()
            await until(lambda: here.ear.kinds() == [MicLost])
            for times in range(1, 11):
                await comes_and_goes(times)
    told = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert LINES <= len(told) <= 2 * LINES
    assert any("it comes and goes" in record.message for record in told)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("away_s", [0.1, 0.7, 1.3, 2.1, 3.3, 4.1, 4.9, 7.7])
async def test_plugged_in_again_it_hears_within_three_seconds(here: Box, away_s: float) -> None:
    async with here.living():
        here.plug_in()
        here.microphone.open()
        await here.hears()
        for more_s in range(4):
            here.unplug()
            await until(lambda: here.ear.kinds()[-1] is MicLost)
            here.speaker.play(str(more_s), bytes(WIRE.size_bytes(100)))  # what it says about it
            here.speaker.end_item(str(more_s))
            await asyncio.sleep(away_s + more_s / 4)
            here.plug_in()
            await here.hears(BACK_S)
