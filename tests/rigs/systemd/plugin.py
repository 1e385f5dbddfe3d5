"""Boxes for tests: `pytest_plugins = ["tests.rigs.systemd.plugin"]`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.systemd import image
from tests.rigs.systemd.box import Box, Options, own_cgroup
from tests.rigs.systemd.checkout import WHEELS, install, with_wheels
from tests.rigs.systemd.image import Image


@pytest.fixture(scope="session")
def systemd_image() -> Image:
    """A Debian to begin with, made if this is the first time.

    Skipped where boxes cannot be had; a failure on the machines that are there to run them.
    """
    try:
        image.check_tools()
        own_cgroup()
        root = image.root((*image.SYSTEM, *image.PREPARED, *image.SOUND))
        return Image((root,), _wheels(root))
    except image.Missing as missing:
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"no system in a box: {missing}")


@pytest.fixture(scope="session")
def installed_image(
    systemd_image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """The same with the program on it: what install.sh makes of a checkout without a network."""
    changed = tmp_path_factory.mktemp("systemd") / "installed"
    with Box(systemd_image.layers, with_wheels(systemd_image)) as box:
        install(box)
        box.run("systemctl", "stop", "pi-voice")
        box.keep(changed)
    yield Image((changed, *systemd_image.layers), systemd_image.wheels)
    shutil.rmtree(changed)


@pytest.fixture(scope="session")
def systemd_box(installed_image: Image) -> Iterator[Box]:
    """A box on which the service runs; for tests that leave it as they found it."""
    with Box(installed_image.layers) as box:
        box.wait_for("ActiveState", "active")
        yield box


def _wheels(root: Path) -> Path:
    """Packages for pip, fetched by the Python that will use them."""
    place = image.cache() / image.wheels_name()
    with image.alone(place.with_suffix(".lock")):
        if place.is_dir():
            return place
        new = Path(tempfile.mkdtemp(dir=place.parent))
        with Box((root,), Options(network=True, binds=(f"{new}:{WHEELS}",))) as box:
            box.run("python3", "-m", "venv", "--system-site-packages", "/tmp/venv")
            pip = ("/tmp/venv/bin/pip", "wheel", "--no-cache-dir", "--wheel-dir", WHEELS)
            done = box.ask(*pip, *image.requirements())
            if done.returncode:
                shutil.rmtree(new)
                raise image.Missing(f"pip cannot fetch packages: {done.stdout[-2000:]}")
        new.chmod(0o755)
        new.rename(place)
    return place
