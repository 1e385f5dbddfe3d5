"""What clients are measured against; each module is a program."""
