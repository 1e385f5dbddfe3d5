"""What a device wants of its realtime service, and the session that follows from it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pi_voice.transport.auth import ApiKey

TRANSCRIBER = "gpt-4o-mini-transcribe"


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Everything about the service that is configured, and nothing about the device.

    Attributes:
        url: wss://, or ws:// to this machine.
        model: Added to the URL unless it names one.
        api_key: How to get the key; None for services without one, or with credentials in
            `headers`.
        headers: Sent with the handshake; credentials among them replace the key.
        voice: None leaves it to the service.
        instructions: What the model is told at the start of every session.
        language: What the user speaks, as ISO 639-1, for the transcription; None lets it guess.
        transcription: Write down what was said, so that a conversation survives a lost session;
            a string names the model that does it.
        speed: Of the voice, 0.25 to 1.5.
        noise_reduction: What the service does to the sound it gets.
        max_output_tokens: Longest reply; None is unlimited.
        turn_detection: How the service finds the user's turns; None where the device does.
        encoding: Coding of the sound on the wire. With pcmu and pcma the device's sound has 8 kHz,
            else 24 kHz.
        device_id: Spreads the attempts of a fleet; the same at every start.
    """

    url: str
    model: str | None = None
    api_key: ApiKey | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    voice: str | None = None
    instructions: str = ""
    language: str | None = None
    transcription: bool | str = True
    speed: float = 1.0
    noise_reduction: Literal["near_field", "far_field"] | None = None
    max_output_tokens: int | None = None
    turn_detection: Literal["server_vad", "semantic_vad"] | None = None
    encoding: Literal["pcm", "pcmu", "pcma"] = "pcm"
    device_id: str = ""

    @property
    def phase(self) -> float:
        """Where this device stands in its fleet, in [0, 1)."""
        return zlib.crc32(self.device_id.encode()) / 2**32

    @property
    def key(self) -> ApiKey | None:
        """The key, or a word in its place where the service is this machine."""
        if self.api_key is None and self.url.startswith("ws://"):
            return "none"
        return self.api_key


def session_config(settings: LinkSettings) -> dict[str, Any]:
    """Build the whole session; how turns end is never left to the service's defaults."""
    wanted_reduction, tokens = settings.noise_reduction, settings.max_output_tokens
    voice = {} if settings.voice is None else {"voice": settings.voice}
    return {
        "output_modalities": ["audio"],
        "instructions": settings.instructions,
        "max_output_tokens": "inf" if tokens is None else tokens,
        "audio": {
            "input": {
                "format": settings.encoding,
                "turn_detection": _turn_detection(settings),
                "noise_reduction": wanted_reduction and {"type": wanted_reduction},
                "transcription": _transcription(settings),
            },
            "output": {"format": settings.encoding, "speed": settings.speed, **voice},
        },
    }


def _turn_detection(settings: LinkSettings) -> dict[str, Any] | None:
    if settings.turn_detection is None:
        return None
    return {
        "type": settings.turn_detection,
        "create_response": True,
        "interrupt_response": True,
    }


def _transcription(settings: LinkSettings) -> dict[str, str] | None:
    wanted = settings.transcription
    if not wanted:
        return None
    model = wanted if isinstance(wanted, str) else TRANSCRIBER
    language = {} if settings.language is None else {"language": settings.language}
    return {"model": model, **language}
