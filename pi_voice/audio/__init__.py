"""Ears and mouth: sound cards through PyAudio, resampling, speech detection, playback."""
