"""Settings whose names are final and whose effect comes with a later version."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.config.settings import Settings
from pi_voice.config.tables import title
from pi_voice.config.toml_text import KeyPath, value_text

UNBUILT: frozenset[KeyPath] = frozenset()
CHOICES: dict[KeyPath, tuple[str, ...]] = {
    ("activation", "mode"): ("server", "semantic"),
}
NOTE = "no effect yet"


def is_unbuilt(path: KeyPath) -> bool:
    """True for a key that does nothing yet, or a key of a table that does nothing yet."""
    return path in UNBUILT or path[:1] in UNBUILT


def notices(settings: Settings) -> Iterator[str]:
    """One sentence for each setting that was changed and does nothing yet."""
    for table in Settings.__slots__:
        keys = getattr(getattr(settings, table), "__slots__", ())
        for key in keys:
            path = (table, key)
            value = getattr(getattr(settings, table), key)
            if is_unbuilt(path) and value != getattr(getattr(Settings(), table), key):
                shown = f" = {value_text(value)}" if isinstance(value, str | int | float) else ""
                yield f"{title((table,))} {key}{shown} has {NOTE}: it comes with a later version"


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
