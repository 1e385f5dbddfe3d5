"""The virtual GPIO chip: lines that a test drives and reads, under the real lgpio and gpiozero."""
