"""Session settings in every spelling that programs use, made into the one of the GA wire.

Understood are the wire's own fields, the Agents SDK's (camelCase, and its older flat ones) and
kernl's. A field that is UNSET or absent stays away; None is null on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from msgspec import UNSET

from pi_voice.transport.heard import PCM_RATE_HZ
from pi_voice.transport.tool_shape import wire_tool_choice, wire_tools

Json = dict[str, Any]

PCM = {"type": "audio/pcm", "rate": PCM_RATE_HZ}
_FORMATS: dict[str, Json] = {
    **dict.fromkeys(("pcm16", "pcm", "audio/pcm"), PCM),
    **dict.fromkeys(("g711_ulaw", "pcmu", "audio/pcmu"), {"type": "audio/pcmu"}),
    **dict.fromkeys(("g711_alaw", "pcma", "audio/pcma"), {"type": "audio/pcma"}),
}
_OLD_INPUT = {
    "input_audio_format": "format",
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
}
_OLD_OUTPUT = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(fields: Mapping[Any, Any]) -> Json:
    """The same fields with snake_case names, UNSET ones left out; camelCase wins over both."""
    plain = {str(key): value for key, value in fields.items() if value is not UNSET}
    return plain | {
        _CAMEL.sub(r"_\1", key).lower(): plain.pop(key)
        for key in [key for key in plain if _CAMEL.search(key)]
    }


def wire_session(config: Mapping[str, Any]) -> Json:
    """A partial `session` object, with only the fields that `config` gives.

    Raises:
        TransportError: A tool is given twice, or its approval rules contradict each other.
    """
    fields = snake(config)
    raw = fields.pop("provider_data", None)
    options = fields.pop("provider_options", None)
    if isinstance(options, Mapping) and isinstance(options.get("openai"), Mapping):
        fields |= snake(options["openai"])
    _use_new_names(fields)
    session: Json = {}
    audio = _audio(fields)
    if audio:
        session["audio"] = audio
    for name, value in fields.items():
        session[name] = _TOP.get(name, _same)(value)
    if isinstance(raw, Mapping):
        session |= {key: value for key, value in raw.items() if value is not UNSET}
    return session


def wire_format(given: Any) -> Json | None:
    """A format in any spelling as the wire's; None if it is not known."""
    if isinstance(given, str):
        return _FORMATS.get(given.lower())
    if not isinstance(given, Mapping):
        return None
    fields = snake(given)
    kind = fields.get("type", fields.get("mime_type"))
    known = _FORMATS.get(kind.lower()) if isinstance(kind, str) else None
    if known is not None:
        return dict(known)
    return fields if isinstance(kind, str) else None


def wire_turn_detection(given: Any) -> Json | None:
    """Turn detection of the wire; None (push-to-talk) for kernl's manual mode, too."""
    if not isinstance(given, Mapping):
        return None
    fields = {key: value for key, value in snake(given).items() if value is not None}
    kind = fields.pop("mode", fields.get("type"))
    if kind in ("manual", "none"):
        return None
    return fields if kind is None else {"type": kind, **fields}


def _use_new_names(fields: Json) -> None:
    modalities = fields.pop("modalities", UNSET)
    if "output_modalities" not in fields and modalities is not UNSET:
        fields["output_modalities"] = modalities
    tokens = fields.pop("max_response_output_tokens", UNSET)
    if "max_output_tokens" not in fields and tokens is not UNSET:
        fields["max_output_tokens"] = tokens


def _audio(fields: Json) -> Json:
    """Take every audio setting out of `fields`; nested ones win over flat ones."""
    nested = snake(_mapping(fields.pop("audio", None)))
    ends: dict[str, Json] = {}
    for end, old_names in (("input", _OLD_INPUT), ("output", _OLD_OUTPUT)):
        given = {new: fields.pop(old) for old, new in old_names.items() if old in fields}
        if f"{end}_format" in nested:  # kernl
            given["format"] = nested[f"{end}_format"]
        if end == "output":
            _split_voice(given)
        given |= snake(_mapping(nested.get(end)))
        ends[end] = _audio_end(given)
    return {end: settings for end, settings in ends.items() if settings}


def _split_voice(given: Json) -> None:
    """In kernl the voice is an object that also knows its speed."""
    voice = given.get("voice")
    if isinstance(voice, Mapping):
        parts = snake(voice)
        if "voice_id" in parts:
            given["voice"] = parts["voice_id"]
            if "speed" in parts:
                given.setdefault("speed", parts["speed"])


def _audio_end(given: Json) -> Json:
    settings: Json = {}
    for name, value in given.items():
        if name == "format":
            shaped = wire_format(value)
            if shaped is not None:
                settings[name] = shaped
        elif name == "turn_detection":
            shaped = wire_turn_detection(value)
            if shaped != {}:
                settings[name] = shaped
        elif name in ("transcription", "noise_reduction"):
            settings[name] = snake(value) if isinstance(value, Mapping) else value
        elif name != "speed" or _is_number(value):
            settings[name] = value
    return settings


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _modalities(given: Any) -> Any:
    if isinstance(given, str):
        return [given]
    if isinstance(given, Iterable) and {"text", "audio"} <= set(given):
        return ["audio"]  # the wire takes one of them; sound comes with its transcript
    return given


def _prompt(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    fields = snake(given)
    if "prompt_id" in fields:
        fields["id"] = fields.pop("prompt_id")
    return fields


def _truncation(given: Any) -> Any:
    fields = _named(given)
    if isinstance(fields, dict) and "token_limits" in fields:
        fields["token_limits"] = _named(fields["token_limits"])
    return fields


def _named(given: Any) -> Any:
    return snake(given) if isinstance(given, Mapping) else given


def _same(given: Any) -> Any:
    return given


def _mapping(given: Any) -> Mapping[Any, Any]:
    return given if isinstance(given, Mapping) else {}


_TOP = {
    "output_modalities": _modalities,
    "prompt": _prompt,
    "reasoning": _named,
    "tracing": _named,
    "truncation": _truncation,
    "tools": wire_tools,
    "tool_choice": wire_tool_choice,
}
