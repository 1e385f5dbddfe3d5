"""What a reply cost, in the device's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_voice.core.events import Used
from pi_voice.transport.items import mapping
from pi_voice.transport.messages import Usage


def used(usage: Usage) -> Used:
    """Split the tokens of a reply by kind; what the service does not tell counts as none."""
    given, made = usage.input_tokens_details, usage.output_tokens_details
    cached = mapping(given.get("cached_tokens_details"))
    text_cached, audio_cached = _tokens(cached, "text"), _tokens(cached, "audio")
    if not cached:
        # Without details: what is remembered is the beginning of the conversation, mostly text.
        text_cached = min(_tokens(given, "cached"), _tokens(given, "text"))
    return Used(
        text_in=max(0, _tokens(given, "text") - text_cached),
        text_cached=text_cached,
        text_out=_tokens(made, "text"),
        audio_in=max(0, _tokens(given, "audio") - audio_cached),
        audio_cached=audio_cached,
        audio_out=_tokens(made, "audio"),
    )


def _tokens(details: Mapping[str, Any], kind: str) -> int:
    count = details.get(f"{kind}_tokens")
    return max(0, count) if type(count) is int else 0
