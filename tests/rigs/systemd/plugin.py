"""Boxes for tests: `pytest_plugins = ["tests.rigs.systemd.plugin"]`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.rigs.systemd import image
from tests.rigs.systemd.box import Box, Options
from tests.rigs.systemd.image import Image


@pytest.fixture(scope="session")
def systemd_image() -> Image:
    """What boxes start from, made if this is the first time.

    Skipped where boxes cannot be had; a failure on the machines that are there to run them.
    """
    try:
        image.check_tools()
        root = image.root((*image.SYSTEM, *image.PREPARED, *image.SOUND))
        return Image(root, _wheels(root))
    except image.Missing as missing:
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"no system in a box: {missing}")


def _wheels(root: Path) -> Path:
    """Packages for pip, fetched by the Python that will use them."""
    place = image.cache() / image.wheels_name()
    with image.alone(place.with_suffix(".lock")):
        if place.is_dir():
            return place
        new = Path(tempfile.mkdtemp(dir=place.parent))
        with Box(root, Options(network=True, binds=(f"{new}:/wheels",))) as box:
            box.run("python3", "-m", "venv", "--system-site-packages", "/tmp/venv")
            pip = ("/tmp/venv/bin/pip", "wheel", "--no-cache-dir", "--wheel-dir", "/wheels")
            done = box.ask(*pip, *image.requirements())
            if done.returncode:
                shutil.rmtree(new)
                raise image.Missing(f"pip cannot fetch packages: {done.stdout[-2000:]}")
        new.chmod(0o755)
        new.rename(place)
    return place
