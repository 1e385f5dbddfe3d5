"""The device as a pure function of its history: events in, actions out."""
