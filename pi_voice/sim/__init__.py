"""A device, a room and a realtime service made of memory: demo, simulation and tests live on it."""
