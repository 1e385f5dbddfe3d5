"""Real PyAudio on real ALSA in real time: content and order are asserted, durations never."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pi_voice.sim
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.resample import Resampler
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.audio.stream import Patience
from pi_voice.core.events import (
    MicClosed,
    MicLost,
    MicOpened,
    PlaybackEnded,
    PlaybackStarted,
    SpeakerLost,
)
from pi_voice.frames import WIRE, AudioFormat
from tests.listeners import Ear, Mouth, running
from tests.rigs.sound.card import SoundCard
from tests.until import until

pytest_plugins = ["tests.rigs.sound.plugin"]
pytestmark = pytest.mark.alsa

HELLO = Path(pi_voice.sim.__file__).parent / "hello.wav"
CARD_HZ = 48_000
BUFFER_MS = 100  # a busy machine lets our threads wait longer than the buffers that a Pi gets
SERVER = "Check its sound server; it is tried again by itself"
CABLE = "Check its cable; it is tried again by itself"

Samples = NDArray[np.float64]


def samples_of(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def speech(rate_hz: int) -> bytes:
    """Some of the recording that ships, from its first sound on, at another rate."""
    with wave.open(str(HELLO)) as recording:
        hz = recording.getframerate()
        sound = samples_of(recording.readframes(recording.getnframes())).astype("<i2")
    first = int(np.flatnonzero(np.abs(sound) > 200)[0])
    resampler = Resampler(hz, rate_hz)
    return resampler.process(sound[first : first + hz * 7 // 10].tobytes()) + resampler.flush()


def write_wav(path: Path, pcm: bytes, rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", "not compressed"))
        file.writeframes(pcm)
    return path


def read_left_and_right(path: Path) -> tuple[Samples, Samples]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, CARD_HZ)
        samples = samples_of(file.readframes(file.getnframes()))
    return samples[::2], samples[1::2]


def place_of(part: Samples, whole: Samples) -> int:
    """Where the part fits best, by correlation."""
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole)]))


def likeness(part: Samples, whole: Samples) -> float:
    """Correlation at the best place, 1 where the part is in the whole to its last sample."""
    place = place_of(part, whole)
    found = whole[place : place + len(part)]
    assert len(found) == len(part), "its end is missing"
    return float(found @ part / (np.linalg.norm(found) * np.linalg.norm(part)))


@contextlib.asynccontextmanager
async def ear(
    sound: PortAudio, patience: Patience | None = None
) -> AsyncIterator[tuple[PyAudioMicrophone, Ear]]:
    async with PyAudioMicrophone(SoundCard.MICROPHONE, sound, patience=patience) as microphone:
        heard = Ear(microphone)
        async with running(heard.listen()):
            yield microphone, heard


@contextlib.asynccontextmanager
async def mouth(
    sound: PortAudio, idle_s: float = 30.0
) -> AsyncIterator[tuple[PyAudioSpeaker, Mouth]]:
    speaker = PyAudioSpeaker(
        SoundCard.SPEAKER,
        sound,
        lambda rate_hz: Playback(wire=WIRE, device_rate_hz=rate_hz),
        buffer_ms=BUFFER_MS,
        idle_s=idle_s,
    )
    async with speaker:
        said = Mouth(speaker)
        async with running(said.listen()):
            yield speaker, said


async def test_speech_in_the_room_arrives_bit_for_bit(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    said = speech(CARD_HZ)
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        await sound_card.say(write_wav(tmp_path / "said.wav", said, CARD_HZ))
        await until(lambda: said.strip(b"\0") in heard.pcm)
    assert heard.batches[0].format == AudioFormat(CARD_HZ)
    assert not any(batch.lost for batch in heard.batches)
    assert heard.kinds() == [MicOpened]


async def test_what_alsa_learns_later_is_found_without_a_restart(
    sound_card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.delenv("ALSA_CONFIG_PATH")
        with PortAudio() as sound:
            assert SoundCard.MICROPHONE not in [pcm.name for pcm in sound.inventory().pcms]
    with PortAudio() as sound:
        assert SoundCard.MICROPHONE in [pcm.name for pcm in sound.inventory().pcms]


async def test_a_card_at_another_rate_keeps_every_word(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.portaudio.RATES_HZ", (44_100,))
    said = write_wav(tmp_path / "said.wav", speech(CARD_HZ), CARD_HZ)
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        await sound_card.say(said)
        await heard.silence(22_050)
    assert heard.batches[0].format == AudioFormat(44_100)
    assert likeness(samples_of(speech(44_100)), samples_of(heard.pcm)) >= 0.99


async def test_opening_twenty_times_leaves_no_stream_behind(sound_card: SoundCard) -> None:
    async with ear(PortAudio()) as (microphone, heard):
        for _ in range(20):
            heard.batches.clear()
            microphone.open()
            await until(lambda: heard.batches and heard.kinds()[-1] is MicOpened)
            microphone.close()
            await until(lambda: heard.kinds()[-1] is MicClosed)
            heard.batches.clear()
            assert await sound_card.captures() == []
            assert heard.batches == []
    assert heard.kinds() == [MicOpened, MicClosed] * 20


async def test_a_stream_that_the_server_ends_comes_back(sound_card: SoundCard) -> None:
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        await sound_card.cut_streams()
        await until(lambda: heard.kinds() == [MicOpened, MicLost, MicOpened])
    assert heard.reasons() == [f"microphone 'rig_mic' was taken away. {SERVER}"]


async def test_a_microphone_that_hangs_is_noticed_and_opened_again(sound_card: SoundCard) -> None:
    async with ear(PortAudio(), Patience(silence_s=0.5)) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        await sound_card.suspend(suspended=True)
        await until(lambda: MicLost in heard.kinds())
        await sound_card.suspend(suspended=False)
        await until(lambda: heard.kinds()[-1] is MicOpened)
    assert heard.reasons()[0] == f"microphone 'rig_mic' gives no sign of life. {CABLE}"


async def test_the_microphone_outlives_the_sound_server(sound_card: SoundCard) -> None:
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        sound_card.kill()
        await until(lambda: MicLost in heard.kinds())
        sound_card.start()
        await until(lambda: heard.kinds()[-1] is MicOpened)


async def test_opening_and_searching_write_nothing_to_stderr(
    sound_card: SoundCard, capfd: pytest.CaptureFixture[str]
) -> None:
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        assert capfd.readouterr().err == ""
        sound_card.kill()
        await until(lambda: MicLost in heard.kinds())
        capfd.readouterr()  # PortAudio's own thread says farewell, once
        await until(lambda: len(heard.reasons()) == 2)
    assert capfd.readouterr().err == ""
    assert heard.reasons()[1] == (
        "microphone 'rig_mic' does not open (Illegal combination of I/O devices; "
        "PulseAudio: Unable to connect: Connection refused). "
        "Check its cable and its sound server; then run: pi-voice doctor"
    )


async def test_closing_ends_the_search_for_a_lost_microphone(sound_card: SoundCard) -> None:
    async with ear(PortAudio()) as (microphone, heard):
        microphone.open()
        await until(lambda: heard.batches)
        sound_card.kill()
        await until(lambda: MicLost in heard.kinds())
        microphone.close()
        await until(lambda: heard.kinds()[-1] is MicClosed)
        sound_card.start()
        assert await sound_card.captures() == []


async def test_a_sentence_is_played_without_a_gap(sound_card: SoundCard, tmp_path: Path) -> None:
    async with mouth(PortAudio()) as (speaker, said):
        async with sound_card.recording(tmp_path / "heard.wav"):
            reply = speech(WIRE.rate_hz)
            for start in range(0, len(reply), 9600):
                speaker.play("one", reply[start : start + 9600])
            speaker.end_item("one")
            await until(lambda: said.kinds() == [PlaybackStarted, PlaybackEnded])
    ended = said.events[-1]
    assert ended == PlaybackEnded("one", WIRE.duration_ms(len(reply)), interrupted=False)
    left, right = read_left_and_right(tmp_path / "heard.wav")
    assert np.array_equal(left, right)
    assert likeness(samples_of(speech(CARD_HZ)), left) >= 0.99


async def test_a_stop_is_heard_where_it_is_reported(sound_card: SoundCard, tmp_path: Path) -> None:
    tone = np.full(WIRE.samples(3000), 8000, "<i2").tobytes()
    async with mouth(PortAudio()) as (speaker, said):
        async with sound_card.recording(tmp_path / "heard.wav"):
            speaker.play("one", tone)
            await until(lambda: said.kinds() == [PlaybackStarted])
            speaker.stop()
            await until(lambda: said.kinds()[-1] is PlaybackEnded)
    ended = said.events[-1]
    assert isinstance(ended, PlaybackEnded)
    assert ended.interrupted
    heard_ms = 1000 * np.count_nonzero(read_left_and_right(tmp_path / "heard.wav")[0]) / CARD_HZ
    assert heard_ms == pytest.approx(ended.played_ms, abs=40)


async def test_a_reply_goes_on_when_the_server_comes_back(
    sound_card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.KEPT_S", 1000)
    async with mouth(PortAudio()) as (speaker, said):
        speaker.play("one", speech(WIRE.rate_hz))
        speaker.end_item("one")
        await until(lambda: said.kinds() == [PlaybackStarted])
        await sound_card.cut_streams()
        await until(lambda: said.kinds() == [PlaybackStarted, SpeakerLost, PlaybackEnded])
    ended = said.events[-1]
    assert isinstance(ended, PlaybackEnded)
    assert not ended.interrupted


async def test_a_reply_that_nobody_can_hear_ends_where_it_was(
    sound_card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_voice.audio.speaker.KEPT_S", 0.2)
    async with mouth(PortAudio()) as (speaker, said):
        speaker.play("one", speech(WIRE.rate_hz))
        speaker.play("two", speech(WIRE.rate_hz))
        await until(lambda: said.kinds() == [PlaybackStarted])
        sound_card.kill()
        await until(lambda: said.kinds().count(PlaybackEnded) == 2)
        assert said.kinds()[1] is SpeakerLost
        one, two = (event for event in said.events if isinstance(event, PlaybackEnded))
        assert one.interrupted
        assert 0 < one.played_ms < WIRE.duration_ms(len(speech(WIRE.rate_hz)))
        assert two == PlaybackEnded("two", 0.0, interrupted=True)
        sound_card.start()
        speaker.play("three", speech(WIRE.rate_hz))
        await until(lambda: said.kinds()[-1] is PlaybackStarted)


async def test_the_speaker_is_closed_when_it_rested(sound_card: SoundCard) -> None:
    async with mouth(PortAudio(), idle_s=0.2) as (speaker, _):
        speaker.prepare()
        await sound_card.wait_for(sound_card.playbacks, 1)
        await sound_card.wait_for(sound_card.playbacks, 0)


async def test_the_rig_leaves_nothing_behind(sound_card: SoundCard) -> None:
    folder = Path(sound_card.environment["ALSA_CONFIG_PATH"]).parent
    assert folder.is_dir()
    sound_card.stop()
    assert not folder.exists()
