"""The virtual Pi for tests: `pytest_plugins = ["tests.virtual_pi.plugin"]`.

One guest is booted for all tests of a run. It takes minutes, so it is booted only where its image
was built before, or where PI_VOICE_VIRTUAL_PI=1 asks for it: then the image is built first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pi_voice.installer.release import in_checkout

HERE = Path(__file__).parent
BUILD = HERE / "build.sh"
BUILD_S = 1200
GUEST_S = 1200  # four minutes on a computer with nothing else to do
ANSWERS = """
profile = "hobby-kit"
[config.audio]
microphone = "hw:CARD=Loopback,DEV=1"
speaker = "hw:CARD=Loopback,DEV=1"
[config.mute_button]
pin = 22
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """What a guest left behind.

    Attributes:
        folder: Everything that it wrote.
    """

    folder: Path

    def facts(self, scenario: str) -> dict[str, Any]:
        """What a scenario found out; fails with what went wrong in the guest."""
        path = self.folder / f"{scenario}.json"
        if not path.exists():
            pytest.fail(f"{scenario} was not played; the guest said: {self._last_words()}")
        facts: dict[str, Any] = json.loads(path.read_text())
        if "error" in facts:
            pytest.fail(f"{scenario}: {facts['error']}")
        return facts

    def was_slow(self) -> bool:
        """The box itself complained that its board does not keep up with real time."""
        journals = (path.read_text() for path in self.folder.glob("journal-*.txt"))
        return any("of its speed" in journal or "busy_board" in journal for journal in journals)

    def _last_words(self) -> str:
        logs = [self.folder / name for name in ("console.log", "guest.log")]
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())


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
    (folder / "answers.toml").write_text(ANSWERS)
    ended = subprocess.run([HERE / "boot.sh", folder, str(GUEST_S)], check=False)
    guest = Guest(folder)
    assert ended.returncode == 0, f"the guest ended with {ended.returncode}"
    return guest


def _build(*options: str) -> str:
    built = subprocess.run(
        [BUILD, *options], capture_output=True, text=True, check=False, timeout=BUILD_S
    )
    if built.returncode:
        pytest.fail(f"{BUILD.name} failed: {built.stderr[-2000:]}")
    return built.stdout
