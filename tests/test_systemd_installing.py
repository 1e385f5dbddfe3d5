"""install.sh on a real Debian with a real systemd: there, onwards, back and away."""

from __future__ import annotations

import os

import pytest

from tests.rigs.systemd import image, snapshot
from tests.rigs.systemd.box import Box, Options
from tests.rigs.systemd.checkout import CHECKOUT, PIP, SCRIPT, install, put_checkout, with_wheels
from tests.rigs.systemd.image import Image

pytest_plugins = ["tests.rigs.systemd.plugin"]
# the first run makes a Debian and fetches what goes into it
pytestmark = pytest.mark.timeout(1800)

CURRENT = "/opt/pi-voice/current"
CONFIG = "/etc/pi-voice/config.toml"


def version(box: Box) -> str:
    """The one that is in use."""
    box.wait_for("ActiveState", "active")
    return os.readlink(box.at(CURRENT)).removeprefix("versions/")


def edit(box: Box, name: str, old: str, new: str) -> None:
    """Change a file of the checkout, so that it is another version."""
    path = box.at(f"{CHECKOUT}/{name}")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_second_run_changes_nothing(installed_image: Image) -> None:
    with Box(installed_image.layers, with_wheels(installed_image)) as box:
        box.wait_for("ActiveState", "active")
        before, process = snapshot.taken(box.at("/")), box.show("MainPID")
        assert box.run(SCRIPT, environment=PIP) == "Everything is in place; nothing to do.\n"
        assert snapshot.differences(before, snapshot.taken(box.at("/"))) == []
        assert box.show("MainPID") == process


def test_a_dry_run_says_what_it_would_do_and_does_nothing(systemd_image: Image) -> None:
    with Box(systemd_image.layers, with_wheels(systemd_image)) as box:
        before = snapshot.taken(box.at("/"))
        told = install(box, "--dry-run")
        assert "This would be done:\n  - write /etc/sysusers.d/pi-voice.conf\n" in told
        assert snapshot.differences(before, snapshot.taken(box.at("/"))) == []


def test_a_purge_leaves_the_machine_as_it_was(systemd_image: Image, installed_image: Image) -> None:
    with Box(systemd_image.layers) as box:
        before = snapshot.taken(box.at("/"))
    with Box(installed_image.layers) as box:
        box.wait_for("ActiveState", "active")
        assert snapshot.differences(before, snapshot.taken(box.at("/")))
        box.run(SCRIPT, "uninstall", "--purge")
        assert snapshot.differences(before, snapshot.taken(box.at("/"))) == []
        assert box.ask("systemctl", "status", "pi-voice").returncode == 4  # no such unit


def test_an_uninstall_keeps_what_is_yours_for_the_next_time(installed_image: Image) -> None:
    with Box(installed_image.layers, with_wheels(installed_image)) as box:
        box.at(CONFIG).write_text(f"{box.at(CONFIG).read_text()}# mine\n")
        told = box.run(f"{CURRENT}/release/install.sh", "uninstall")
        assert "Kept: /etc/pi-voice, /var/lib/pi-voice and the user pi-voice" in told
        assert os.listdir(box.at("/opt/pi-voice")) == ["manifest.json"]
        again = box.run(SCRIPT, "--dry-run", environment=PIP)
        assert "put version" in again
        assert "config.toml\n" not in again
        assert box.at(CONFIG).read_text().endswith("# mine\n")
        box.run(SCRIPT, "uninstall", "--purge")
        assert box.ask("id", "pi-voice").returncode


def test_an_upgrade_can_be_taken_back(installed_image: Image) -> None:
    with Box(installed_image.layers, with_wheels(installed_image)) as box:
        old = version(box)
        edit(box, "pyproject.toml", 'version = "', 'version = "9.')
        box.run(SCRIPT, "upgrade", environment=PIP)
        assert version(box).startswith("9.")
        told = box.run(SCRIPT, "rollback")
        assert f"Version {old} is in use again" in told
        assert version(box) == old


def test_a_version_that_does_not_start_gives_way_to_the_one_before(installed_image: Image) -> None:
    with Box(installed_image.layers, with_wheels(installed_image)) as box:
        old = version(box)
        edit(box, "pi_voice/daemon.py", "\nimport ", "\nraise SystemExit('planted')\nimport ")
        done = box.ask(SCRIPT, "upgrade", environment=PIP)
        assert done.returncode == 1
        assert "does not start: planted" in done.stdout
        assert f"Version {old} runs again" in done.stdout
        assert version(box) == old
        assert os.listdir(box.at("/opt/pi-voice/versions")) == [old]


@pytest.mark.long
@pytest.mark.parametrize("suite", image.SUITES)
def test_a_bare_debian_gets_everything_from_the_network(systemd_image: Image, suite: str) -> None:
    with Box((image.root(image.SYSTEM, suite),), Options(network=True)) as box:
        put_checkout(box)
        told = box.run(SCRIPT)
        assert "install the packages python3-venv, python3-pyaudio" in told
        assert version(box)
        told = box.run(SCRIPT, "uninstall", "--purge")
        assert "These packages came with it and stay: python3-venv" in told
