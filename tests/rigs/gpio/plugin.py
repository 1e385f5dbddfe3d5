"""The virtual GPIO chip for tests: `pytest_plugins = ["tests.rigs.gpio.plugin"]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.rigs.gpio import library
from tests.rigs.gpio.chip import GpioChip

LAST_WITH_WHEEL = (3, 12)  # of lgpio; there it is among the test's own requirements


@pytest.fixture
def gpio_chip() -> Iterator[GpioChip]:
    """A GPIO chip for one test; child processes find it through its environment.

    Skipped where it cannot be had; a failure on the machines that are there to run it.
    """
    try:
        found = library.find()
    except library.Missing as missing:
        must = os.environ.get("CI") == "true" and sys.version_info[:2] <= LAST_WITH_WHEEL
        end = pytest.fail if must else pytest.skip
        end(f"no virtual GPIO chip: {missing}")
    with GpioChip(found) as chip:
        yield chip
