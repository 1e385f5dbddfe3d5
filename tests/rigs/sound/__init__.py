"""The virtual sound card: PulseAudio with a room and a loudspeaker, reached through ALSA."""
