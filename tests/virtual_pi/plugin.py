"""The virtual Pi for tests: `pytest_plugins = ["tests.virtual_pi.plugin"]`.

One guest is booted for all tests of a run. It takes minutes, so it is booted only where its image
was built before, or where PI_VOICE_VIRTUAL_PI=1 asks for it: then the image is built first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pi_voice.installer.release import in_checkout
from tests.virtual_pi.facts import BUILD_S, GUEST_S, Guest

HERE = Path(__file__).parent
BUILD = HERE / "build.sh"
ANSWERS = """
profile = "hobby-kit"
[config.audio]
microphone = "hw:CARD=Loopback,DEV=1"
speaker = "hw:CARD=Loopback,DEV=1"
[config.mute_button]
pin = 22
"""


@pytest.fixture(scope="session")
def virtual_pi(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """A guest that was installed, used, abused, restarted, and is switched off."""
    wanted = os.environ.get("PI_VOICE_VIRTUAL_PI") == "1"
    if needs := _build("--needs").splitlines():
        (pytest.fail if wanted else pytest.skip)(f"no virtual Pi: {'; '.join(needs)}")
    image = Path(_build("--where").strip())
    if not (image / "root.img").exists():
        if not wanted:
            path = BUILD.relative_to(HERE.parent.parent)
            pytest.skip(f"no virtual Pi: it is not built; as root run: {path}")
        _build()
    folder = tmp_path_factory.mktemp("virtual-pi")
    in_checkout(HERE.parent.parent).copy_to(folder / "checkout")
    shutil.copytree(HERE / "guest", folder / "guest")
    shutil.copy(HERE.parent / "rigs" / "gpio" / "presses.py", folder)
    (folder / "answers.toml").write_text(ANSWERS)
    # whatever the guest did not get done is missed by the test of it
    subprocess.run([HERE / "boot.sh", folder, str(GUEST_S)], check=False)
    return Guest(folder)


def _build(*options: str) -> str:
    built = subprocess.run(
        [BUILD, *options], capture_output=True, text=True, check=False, timeout=BUILD_S
    )
    if built.returncode:
        pytest.fail(f"{BUILD.name} failed: {built.stderr[-2000:]}")
    return built.stdout
