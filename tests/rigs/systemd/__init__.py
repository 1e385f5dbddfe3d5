"""A Debian with a real systemd as its first process, thrown away after use."""
