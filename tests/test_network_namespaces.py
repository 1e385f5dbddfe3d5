"""A device and its service on two networks of their own, with a cable that is pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RIG = Path(__file__).parent / "rigs" / "netns" / "cable.py"


def recoveries_s(cuts: int) -> list[float]:
    """How long after the cable was back the service heard the device again."""
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if os.geteuid() or unshare is None or ip is None:
        pytest.skip("needs root, unshare and ip, for networks of its own")
    allowed = subprocess.run([unshare, "-n", ip, "link", "add", "v0", "type", "veth"], check=False)
    if allowed.returncode:
        pytest.skip("this kernel gives nobody a network of his own, or has no veth")
    command = [unshare, "-n", sys.executable, "-m", "tests.rigs.netns.cable", "service", str(cuts)]
    root = RIG.parents[3]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return sorted(map(float, done.stdout.split()))


def test_a_cable_that_was_pulled_and_is_back_is_noticed() -> None:
    [took_s] = recoveries_s(1)
    assert took_s < 30


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_cable_that_is_pulled_sixty_times_costs_seconds() -> None:
    took_s = recoveries_s(60)
    assert took_s[30] <= 1
    assert took_s[57] <= 3
    assert took_s[-1] <= 10
