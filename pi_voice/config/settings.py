"""Every setting with its type, default, limits and reason; `Settings()` is what ships.

One frozen class per table of the configuration file. The text beside a field is what the README
shows; the type and the rule beside it are all that the loader checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pi_voice.config import checks
from pi_voice.config.schema import Secret, entries, setting
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Wish

VERSION = 1
SERVICE_URL = "wss://api.openai.com/v1/realtime"
HEADER_PINS = {"low": 0, "high": 27, "limit": "the header has GPIO 0–27; use the BCM number"}
GESTURES = (Wish.TALK, Wish.INTERRUPT, Wish.MUTE, Wish.HANG_UP, Wish.SAY_STATUS)


@dataclass(frozen=True, slots=True)
class Device:
    name: str = setting(
        "pi-voice", "Name of this box in the log and in reports", check=checks.not_empty
    )
    language: Literal["en", "de"] = setting("en", "Language of the spoken notices")
    state_dir: Path = setting(
        Path("/var/lib/pi-voice"), "Folder for what survives a power cut", check=checks.absolute
    )
    runtime_dir: Path = setting(
        Path("/run/pi-voice"), "Folder of the control socket", check=checks.absolute
    )
    drivers: Path = setting(
        Path("/etc/pi-voice/drivers"),
        'Folder of your own Python modules, for driver = "my_module:MyClass"',
        check=checks.absolute,
    )


@dataclass(frozen=True, slots=True)
class Service:
    url: str = setting(
        checks.EMBEDDED,
        'Realtime service: wss://…, or "embedded": a parrot inside, to try the box without a key',
        check=checks.service_url,
        example=SERVICE_URL,
    )
    model: str = setting("gpt-realtime-2.1", "Model (or Azure deployment)", check=checks.not_empty)
    api_key_file: Path = setting(
        Path("/etc/pi-voice/api_key"),
        "File that holds the key and nothing else; systemd's credential api_key goes before it",
        check=checks.absolute,
    )
    token_command: tuple[str, ...] = setting(
        (), "Command that prints a short-lived key, word by word; no shell; 10 s at most"
    )
    token_url: str | None = setting(
        None,
        "Address that hands out a short-lived key",
        check=checks.token_url,
        example="https://example.org/token",
    )
    voice: str | None = setting(
        None, 'Voice of the replies; "default" is the service\'s own', none="default"
    )
    instructions: str = setting(
        "You are a voice assistant. Answer in one or two short sentences.",
        "What the model is told at the start of every session; short replies cost least",
    )
    transcription: bool | str = setting(
        True,
        "Write down what was said, so that a conversation goes on after a lost link; "
        "true, false, or the model that does it",
    )
    speed: float = setting(1.0, "Speed of the voice", low=0.25, high=1.5)
    noise_reduction: Literal["near_field", "far_field"] | None = setting(
        None, "Let the service clean the sound: near_field for a headset, far_field for a room"
    )
    max_output_tokens: int | None = setting(
        None, "Longest reply in tokens", none="unlimited", low=1, high=4096, example=1000
    )
    format: Literal["pcm", "pcmu", "pcma"] = setting(
        "pcm", "Sound on the line: pcm (best), or pcmu or pcma (a sixth of the bytes, for LTE)"
    )
    headers: Mapping[str, Secret] = entries(
        "Extra HTTP headers, e.g. Azure's api-key; never shown", example="…"
    )


@dataclass(frozen=True, slots=True)
class Activation:
    mode: Literal["push_to_talk", "toggle", "voice", "server", "semantic"] = setting(
        "push_to_talk",
        "When you are heard: push_to_talk (hold the button), toggle (press, press again), "
        "voice (hands-free), server or semantic (the service hears everything, all the time, and "
        "tells by the pause or by the sense when you are done; needs a speakerphone)",
    )
    hot: bool = setting(
        False, "Keep the microphone open between presses, for cards that open slowly"
    )
    longest_turn_s: float = setting(
        60.0,
        "A longer turn is ended: the button is stuck or forgotten; in server and semantic what was "
        "said is forgotten",
        low=5,
        high=300,
        unit="s",
    )
    shortest_turn_ms: int = setting(
        100, "A shorter press is no turn: the service refuses it", low=100, high=2000, unit="ms"
    )
    tail_ms: int = setting(
        150, "Heard after the release: fingers are faster than tongues", low=0, high=1000, unit="ms"
    )
    pre_roll_ms: int = setting(
        300, "Heard before the first word where the microphone is open", low=0, high=1000, unit="ms"
    )
    reply_timeout_s: float = setting(
        20.0, "No reply by then: the box says so", low=2, high=60, unit="s"
    )


@dataclass(frozen=True, slots=True)
class Audio:
    microphone: str = setting(
        "default",
        "Card by name, part of it, id, USB path or VID:PID; pi-voice devices lists them",
        check=checks.not_empty,
    )
    speaker: str = setting("default", "As microphone", check=checks.not_empty)
    microphone_channel: int | None = setting(
        None,
        'Channel that hears best; "all" averages up to 8; an array with an echo-reference channel '
        "needs one chosen here",
        none="all",
        low=1,
        high=32,
        example=1,
    )
    batch_ms: Literal[20, 40, 60] = setting(
        40, "Sound per wake-up in ms: 20 answers a little sooner, 60 costs least CPU"
    )
    volume: int = setting(
        80, "Volume of the replies, as alsamixer shows it", low=0, high=100, unit="%"
    )
    mixer: str = setting(
        "auto",
        'Control of the card that sets the volume; "none": in software',
        check=checks.not_empty,
    )
    cushion_ms: int = setting(
        120, "Sound collected before a reply begins; grows by itself", low=20, high=500, unit="ms"
    )
    speaker_idle_s: float = setting(
        30.0, "The speaker is closed after this much silence", low=1, high=3600, unit="s"
    )
    echo: Literal["half_duplex", "gate", "aec", "hardware"] = setting(
        "half_duplex",
        "How the box does not hear itself: half_duplex (deaf while it talks), gate (only louder "
        "voices), aec (canceller), hardware (a speakerphone)",
    )


@dataclass(frozen=True, slots=True)
class Detector:
    driver: str = setting(
        "webrtcvad", "What tells speech from noise", names=("webrtcvad", "silero")
    )
    aggressiveness: int = setting(
        2, "How much webrtcvad must be convinced; 3 misses quiet voices", low=0, high=3
    )
    margin_db: float = setting(
        6.0, "Louder than the room by this much is speech", low=0, high=30, unit="dB"
    )
    hangover_ms: int = setting(
        600, "A pause this long ends a hands-free turn", low=100, high=3000, unit="ms"
    )


@dataclass(frozen=True, slots=True)
class Button:
    driver: str = setting("gpio", "How the button is connected", names=("gpio", "none"))
    pin: int = setting(17, "BCM number of the button's pin", **HEADER_PINS)
    pull: Literal["up", "down"] = setting(
        "up", "up: the button connects the pin to ground; down: to 3.3 V"
    )
    debounce_ms: int = setting(
        25, "Contacts bounce for this long after an edge", low=1, high=100, unit="ms"
    )
    hold: Wish | None = setting(Wish.TALK, "What pressing and holding does", only=GESTURES)
    tap: Wish | None = setting(
        None, "What a short press does", only=GESTURES, example=Wish.INTERRUPT
    )
    double: Wish | None = setting(None, "Two taps", only=GESTURES, example=Wish.MUTE)
    long: Wish | None = setting(None, "A press of long_ms", only=GESTURES, example=Wish.HANG_UP)
    tap_ms: int = setting(200, "A longer press is no tap", low=50, high=1000, unit="ms")
    double_ms: int = setting(
        300, "The second tap comes within this time", low=100, high=1000, unit="ms"
    )
    long_ms: int = setting(1500, "How long is long", low=500, high=10_000, unit="ms")


@dataclass(frozen=True, slots=True)
class MuteButton:
    pin: int | None = setting(
        None, "Pin of a button that mutes and unmutes; wired as [button]", example=5, **HEADER_PINS
    )


@dataclass(frozen=True, slots=True)
class MuteSwitch:
    pin: int | None = setting(
        None,
        "Pin of a latching switch; while closed nothing can unmute; wired as [button]",
        example=6,
        **HEADER_PINS,
    )


@dataclass(frozen=True, slots=True)
class Leds:
    driver: str = setting(
        "gpio",
        "gpio (one LED), rgb (three pins), apa102 or ws2812 (strips over SPI)",
        names=("gpio", "rgb", "apa102", "ws2812", "none"),
    )
    pin: int = setting(27, "Pin of the one LED", **HEADER_PINS)
    pins: tuple[int, int, int] = setting(
        (22, 23, 24), "Pins of red, green and blue, for driver rgb", **HEADER_PINS
    )
    mic_pin: int | None = setting(
        None, "Pin of a light that is on while the microphone is open", example=25, **HEADER_PINS
    )
    count: int = setting(
        3,
        "LEDs on the strip; the first is the light of the microphone, unless that has its own pin",
        low=1,
        high=1000,
    )
    brightness: int = setting(100, "By day", low=1, high=100, unit="%")
    night: str | None = setting(
        None, "Local time of the dimmed hours, from-to", check=checks.night, example="22:00-07:00"
    )
    night_brightness: int = setting(10, "By night", low=1, high=100, unit="%")
    patterns: Mapping[Pattern, str] = entries(
        'Your own lights: a colour and solid, pulse or blink, e.g. "blue blink 100 400"',
        check=checks.light,
        example="blue solid",
    )


@dataclass(frozen=True, slots=True)
class Prices:
    """Per million tokens, in the currency of [limits]."""

    text_in: float = setting(0.0, "Text to the model", low=0)
    text_cached: float = setting(0.0, "Text that the service remembered", low=0)
    text_out: float = setting(0.0, "Text from the model", low=0)
    audio_in: float = setting(0.0, "Sound to the model", low=0)
    audio_cached: float = setting(0.0, "Sound that the service remembered", low=0)
    audio_out: float = setting(0.0, "Sound from the model", low=0)


@dataclass(frozen=True, slots=True)
class Limits:
    turn_s: float = setting(
        120.0,
        "Sound sent per turn, 0: no limit; a turn lost on the way is sent twice; no effect in "
        "server and semantic",
        low=0,
        high=3600,
        unit="s",
    )
    session_min: float = setting(
        30.0, "Sound sent per session, 0: no limit", low=0, high=1440, unit="min"
    )
    hour_min: float = setting(30.0, "Sound sent per hour, 0: no limit", low=0, high=60, unit="min")
    day_min: float = setting(120.0, "Sound sent per day, 0: no limit", low=0, high=1440, unit="min")
    day_tokens: int = setting(0, "Tokens used per day, 0: no limit", low=0)
    day_money: float = setting(
        0.0, "Money spent per day, 0: no limit; needs the prices of the model", low=0
    )
    currency: str = setting("USD", "Currency of day_money and the prices", check=checks.not_empty)
    idle_hang_up_min: float = setting(
        10.0,
        "The line is closed after this much silence, 0: never; in server and semantic the "
        "microphone, too",
        low=0,
        high=1440,
        unit="min",
    )
    prices: Mapping[str, Prices] = entries("One table per model")


@dataclass(frozen=True, slots=True)
class Privacy:
    remote_unmute: bool = setting(
        False, "Let the control socket unmute; otherwise only a hand at the box can"
    )
    led_required: bool = setting(False, "Never open the microphone while no light can show it")


@dataclass(frozen=True, slots=True)
class Control:
    enabled: bool = setting(True, "Unix socket behind pi-voice status, mute, interrupt, say")
    group: str = setting("pi-voice", "Members of this group may use it", check=checks.not_empty)


@dataclass(frozen=True, slots=True)
class Cues:
    enabled: bool = setting(True, "Short sounds and spoken notices")
    volume: int = setting(50, "Their volume", low=0, high=100, unit="%")


@dataclass(frozen=True, slots=True)
class Log:
    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "How much is logged; debug adds every event, never a word that was said"
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, built once and passed down by constructors."""

    version: int = setting(VERSION, "Version of this file's words", low=1)
    device: Device = field(default_factory=Device)
    service: Service = field(default_factory=Service)
    activation: Activation = field(default_factory=Activation)
    audio: Audio = field(default_factory=Audio)
    detector: Detector = field(default_factory=Detector)
    button: Button = field(default_factory=Button)
    mute_button: MuteButton = field(default_factory=MuteButton)
    mute_switch: MuteSwitch = field(default_factory=MuteSwitch)
    leds: Leds = field(default_factory=Leds)
    limits: Limits = field(default_factory=Limits)
    privacy: Privacy = field(default_factory=Privacy)
    control: Control = field(default_factory=Control)
    cues: Cues = field(default_factory=Cues)
    log: Log = field(default_factory=Log)
