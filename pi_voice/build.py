"""From the names in the configuration to the parts; the only file that knows them all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pi_voice import drivers
from pi_voice.audio.portaudio import PortAudio
from pi_voice.audio.resample import Resampler
from pi_voice.build_audio import ears, microphone, playback, sounds, speaker, wire
from pi_voice.build_lights import RESOURCE, leds
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.activation import (
    Activation,
    PushToTalk,
    ServiceActivated,
    Toggle,
    VoiceActivated,
)
from pi_voice.core.buttons import MUTE_BUTTON, MUTE_SWITCH, TALK, Bindings
from pi_voice.core.device import Device
from pi_voice.core.gestures import Gesture, Timing
from pi_voice.core.local_turns import LocalTurns
from pi_voice.core.rules import Rules
from pi_voice.core.service_turns import ServiceTurns
from pi_voice.credentials import KeyFile
from pi_voice.daemon import Daemon, Parts
from pi_voice.errors import RemoteLinkError
from pi_voice.frames import AudioFormat
from pi_voice.hardware.absent import NoButton
from pi_voice.hardware.gpio import ButtonLine, GpioButton
from pi_voice.hardware.patterns import LIGHTS
from pi_voice.lit import LitMicrophone
from pi_voice.netlink import Netlink
from pi_voice.ports import Button, Leds, Microphone
from pi_voice.state import Memory
from pi_voice.timesync import TimeSync
from pi_voice.transport import WebSocketTransport
from pi_voice.transport.auth import ApiKey, TokenCommand, TokenUrl
from pi_voice.transport.link import ServiceLink
from pi_voice.transport.link_settings import LinkSettings, session_config
from pi_voice.turns import TurnLog

if TYPE_CHECKING:  # a box that uses a real service starts without them
    from pi_voice.sim.microphone import SimMicrophone
    from pi_voice.sim.panel import SimButton, SimLeds
    from pi_voice.sim.server import EmbeddedService
    from pi_voice.sim.speaker import SimSpeaker

logger = logging.getLogger(__name__)

EMBEDDED = "embedded"
NO_KEY = "none"  # the embedded service takes any
MACHINE_ID = Path("/etc/machine-id")
SIM_SPEAKER_HZ = 48_000  # as most cards have it
TURN_DETECTION: dict[str, Literal["server_vad", "semantic_vad"]] = {
    "server": "server_vad",
    "semantic": "semantic_vad",
}


def activation(settings: Settings) -> Activation:
    mode, hot = settings.activation.mode, settings.activation.hot
    if mode == "push_to_talk":
        return PushToTalk(hot=hot)
    if mode == "toggle":
        return Toggle(hot=hot)
    if mode in TURN_DETECTION:
        return ServiceActivated()
    return VoiceActivated(over_replies=settings.audio.echo != "half_duplex")


def device(settings: Settings, *, safe_mode: bool = False) -> Device:
    turn = settings.activation
    rules = Rules(
        wire=wire(settings),
        pre_roll_ms=turn.pre_roll_ms,
        tail_ms=turn.tail_ms,
        shortest_turn_ms=turn.shortest_turn_ms,
        longest_turn_ms=turn.longest_turn_s * 1000,
        reply_timeout_ms=turn.reply_timeout_s * 1000,
        idle_hang_up_ms=settings.limits.idle_hang_up_min * 60_000,
        remote_unmute=settings.privacy.remote_unmute,
        safe_mode=safe_mode,
    )
    finder = ServiceTurns if turn.mode in TURN_DETECTION else LocalTurns
    return Device(activation(settings), rules, bindings(settings), finder)


def bindings(settings: Settings) -> Bindings:
    button = settings.button
    wishes = {
        Gesture.HOLD: button.hold,
        Gesture.TAP: button.tap,
        Gesture.DOUBLE: button.double,
        Gesture.LONG: button.long,
    }
    timing = Timing(button.debounce_ms, button.tap_ms, button.double_ms, button.long_ms)
    used = {gesture: wish for gesture, wish in wishes.items() if wish}
    return Bindings(used, timing, has_switch=settings.mute_switch.pin is not None)


def buttons(settings: Settings) -> Button:
    if drivers.is_own(settings.button.driver):
        made: Button = drivers.make(
            "button", settings.button, settings.device.drivers, *RESOURCE, "events"
        )
        return made
    lines = button_lines(settings)
    if not lines:
        return NoButton()
    return GpioButton(lines, pulled_up=settings.button.pull == "up")


def button_lines(settings: Settings) -> list[ButtonLine]:
    """The buttons on pins; those that mute need none to talk beside them."""
    has_talk = settings.button.driver == "gpio"
    pins = {
        TALK: (settings.button.pin if has_talk else None, "[button] pin"),
        MUTE_BUTTON: (settings.mute_button.pin, "[mute_button] pin"),
        MUTE_SWITCH: (settings.mute_switch.pin, "[mute_switch] pin"),
    }
    return [ButtonLine(name, pin, key) for name, (pin, key) in pins.items() if pin is not None]


def light_name(pattern: Pattern) -> str:
    """How the light of a pattern looks: colour and kind, without its times."""
    return " ".join(LIGHTS[pattern].split()[:2])


def api_key(settings: Settings) -> ApiKey | None:
    """How the key is found; the embedded service needs none."""
    wanted = settings.service
    if wanted.url == EMBEDDED:
        return None
    if wanted.token_command:
        return TokenCommand(wanted.token_command)
    if wanted.token_url:
        return TokenUrl(wanted.token_url)
    if wanted.url.startswith("ws://") and not wanted.api_key_file.exists():
        return None  # on this machine, and nobody gave a key
    return KeyFile(wanted.api_key_file)


def link_settings(settings: Settings, url: str) -> LinkSettings:
    wanted = settings.service
    return LinkSettings(
        url=url,
        model=wanted.model,
        api_key=api_key(settings),
        headers={name: secret.reveal() for name, secret in wanted.headers.items()},
        voice=wanted.voice,
        instructions=wanted.instructions,
        language=settings.device.language,
        transcription=wanted.transcription,
        speed=wanted.speed,
        noise_reduction=wanted.noise_reduction,
        max_output_tokens=wanted.max_output_tokens,
        turn_detection=TURN_DETECTION.get(settings.activation.mode),
        encoding=wanted.format,
        device_id=_device_id(settings),
    )


def _device_id(settings: Settings) -> str:
    """The same at every start and another on every box (machine-id(5))."""
    try:
        return MACHINE_ID.read_text()
    except OSError:
        return settings.device.name


def resampled(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole recording at another rate, mono."""
    resampler = Resampler(from_hz, to_hz)
    return resampler.process(pcm) + resampler.flush()


def hardware(settings: Settings, url: str, memory: Memory) -> Parts:
    """The parts of a real box.

    Args:
        settings: All of them.
        url: Of the service; that of an embedded one is known only when it runs.
        memory: What outlives a power cut.
    """
    sound, hearing, lights = PortAudio(), ears(settings), leds(settings)
    ear = microphone(settings, sound)
    if settings.activation.mode == "voice" and settings.audio.echo == "half_duplex":
        hearing.front_end.on_calm = lambda calm: ear.relax(relaxed=calm)
    return Parts(
        microphone=lit(settings, ear, lights),
        front_end=hearing.front_end,
        speaker=speaker(settings, sound, hearing.far_end),
        button=buttons(settings),
        leds=lights,
        link=ServiceLink(link_settings(settings, url)),
        sounds=sounds(settings),
        memory=memory,
        surroundings=(Netlink(), TimeSync()),
    )


def lit(settings: Settings, microphone: Microphone, lights: Leds) -> Microphone:
    """The microphone as the owner wants it: perhaps never open in the dark."""
    if not settings.privacy.led_required:
        return microphone
    return LitMicrophone(microphone, lambda: lights.problems)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A device whose microphone, speaker, button and lights are made of memory."""

    daemon: Daemon
    microphone: SimMicrophone
    speaker: SimSpeaker
    button: SimButton
    leds: SimLeds
    service: EmbeddedService
    log: TurnLog


@asynccontextmanager
async def simulation(
    settings: Settings, card: AudioFormat, *, drift_ppm: float = 0.0
) -> AsyncIterator[Simulation]:
    """A device in a simulated room, on a service of its own.

    Args:
        settings: Everything but the hardware.
        card: Rate and channels of the microphone.
        drift_ppm: How much faster the microphone's clock runs than that of the speaker.
    """
    from pi_voice.sim.microphone import SimMicrophone
    from pi_voice.sim.panel import SimButton, SimLeds
    from pi_voice.sim.server import EmbeddedService
    from pi_voice.sim.speaker import SimSpeaker

    async with EmbeddedService() as embedded:
        hearing = ears(settings)
        ear = SimMicrophone(format=card, batch_ms=settings.audio.batch_ms, drift_ppm=drift_ppm)
        made = playback(settings, hearing.far_end)(SIM_SPEAKER_HZ)
        mouth = SimSpeaker(made, rate_hz=SIM_SPEAKER_HZ)
        button, lights = SimButton(), SimLeds()
        parts = Parts(
            microphone=lit(settings, ear, lights),
            front_end=hearing.front_end,
            speaker=mouth,
            button=button,
            leds=lights,
            link=ServiceLink(link_settings(settings, embedded.url)),
            sounds=sounds(settings),
            memory=Memory(),
        )
        log = TurnLog(wire(settings))
        daemon = Daemon(device(settings), parts, log)
        yield Simulation(daemon, ear, mouth, button, lights, embedded, log)


def serve(port: int, announce: Callable[[str], object]) -> None:
    """Be the embedded service until somebody ends it.

    Args:
        port: 0 takes any that is free.
        announce: Is told the address once it is known.
    """
    asyncio.run(_serve(port, announce))


async def _serve(port: int, announce: Callable[[str], object]) -> None:
    from pi_voice.sim.server import EmbeddedService

    async with EmbeddedService(port=port) as embedded:
        announce(embedded.url)
        await asyncio.Event().wait()


def rehearse(settings: Settings) -> None:
    """Make every part, without opening a card, a pin or a connection.

    Raises:
        PiVoiceError: A driver, a library or the key is missing.
    """
    ears(settings)
    buttons(settings)
    leds(settings)
    key = api_key(settings)
    if isinstance(key, KeyFile):
        key()


def try_service(settings: Settings) -> None:
    """Open one session with the configured service, and close it.

    Raises:
        PiVoiceError: It cannot be reached, or refuses the key or the settings.
    """
    asyncio.run(_try_service(settings))


async def _try_service(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        wanted = link_settings(settings, await service_url(settings, stack))
        transport = WebSocketTransport(
            wanted.url, wanted.model, wanted.api_key or NO_KEY, wanted.headers
        )
        transport.on("error", lambda _: None)  # connect raises it, too
        try:
            await transport.connect(initial_session_config=session_config(wanted))
            if transport.session_id is None:
                raise RemoteLinkError(
                    f"what answers at {wanted.url} does not speak the Realtime protocol. "
                    "Check [service] url",
                    retryable=False,
                )
        finally:
            await transport.aclose()


async def service_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the service; an embedded one runs until the stack is left."""
    if settings.service.url != EMBEDDED:
        return settings.service.url
    from pi_voice.sim.server import EmbeddedService

    return (await stack.enter_async_context(EmbeddedService())).url
