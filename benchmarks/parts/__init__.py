"""What stands in for hardware in the process of the daemon; this folder is on its path.

The daemon imports `pyaudio` and the drivers of `panel` from here, and nothing else is changed.
"""
