"""Choices whose names are final and whose effect comes with a later version."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.config.settings import Settings
from pi_voice.config.tables import title
from pi_voice.config.toml_text import KeyPath, value_text

CHOICES: dict[KeyPath, tuple[str, ...]] = {
    ("activation", "mode"): ("server", "semantic"),
}


def refusals(settings: Settings) -> Iterator[str]:
    """One sentence for each choice that cannot be made yet."""
    for (table, key), words in CHOICES.items():
        word = getattr(getattr(settings, table), key)
        if word in words:
            default = value_text(getattr(getattr(Settings(), table), key))
            yield (
                f"{title((table,))} {key} = {value_text(word)}: comes with a later version; "
                f"choose another, e.g. {key} = {default}"
            )
