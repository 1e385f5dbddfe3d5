"""This checkout inside a box, and what pip needs there."""

from __future__ import annotations

from pi_voice.installer.release import in_checkout
from tests.rigs.systemd import image
from tests.rigs.systemd.box import Box, Options
from tests.rigs.systemd.image import Image

CHECKOUT = "/checkout"
SCRIPT = f"{CHECKOUT}/install.sh"
WHEELS = "/wheels"
# pip takes what was fetched before; a box has no network
PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}


def with_wheels(image: Image, *binds: str) -> Options:
    return Options(binds=(f"{image.wheels}:{WHEELS}", *binds))


def install(box: Box, *words: str) -> str:
    """Run install.sh on a copy of this checkout; what it said."""
    put_checkout(box)
    return box.run(SCRIPT, *words, environment=PIP)


def put_checkout(box: Box) -> None:
    if not box.at(CHECKOUT).exists():
        in_checkout(image.ROOT).copy_to(box.at(CHECKOUT))
