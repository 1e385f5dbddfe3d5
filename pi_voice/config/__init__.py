"""The configuration: TOML in, frozen settings out, every mistake at once with its fix."""

from pi_voice.config.reader import load, parse
from pi_voice.config.settings import Settings
from pi_voice.config.writer import dump, markdown_table

__all__ = ["Settings", "dump", "load", "markdown_table", "parse"]
