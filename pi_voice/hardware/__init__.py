"""Buttons and lights on the header of the Pi."""
