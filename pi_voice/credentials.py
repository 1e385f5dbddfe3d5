"""Where the key of the service comes from: systemd's credential, else its own file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pi_voice.errors import LinkError

CREDENTIAL = "api_key"  # LoadCredential=api_key:… in the unit


class KeyFile:
    """Reads the key at every connection, so that a new key works without a restart.

    Args:
        path: Used where systemd hands over no credential.
        environment: Where systemd says what it hands over.
    """

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        folder = (os.environ if environment is None else environment).get("CREDENTIALS_DIRECTORY")
        self._path = Path(folder) / CREDENTIAL if folder else path
        self._named = path

    def __call__(self) -> str:
        """The key, without the line break around it.

        Raises:
            LinkError: There is none; says where to put it.
        """
        try:
            key = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            key = ""
        if not key:
            raise LinkError(
                f"there is no key in {self._named}. Put it there, alone on one line; then: "
                "sudo systemctl restart pi-voice"
            )
        return key

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"
