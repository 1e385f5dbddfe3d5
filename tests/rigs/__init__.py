"""Real parts to test on: what a fake cannot show."""
