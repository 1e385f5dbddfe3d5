"""The virtual Pi: a stock Debian kernel with a simulated header and a loopback sound card."""
