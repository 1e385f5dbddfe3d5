"""A Raspberry Pi with a microphone, a speaker, a button and a light becomes a voice device."""

__version__ = "0.1.0"
