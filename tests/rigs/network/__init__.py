"""Networks that fail on purpose, between real sockets."""
