"""Where the key of the service comes from: systemd's credential, else its own file."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from pi_voice.errors import LinkError

CREDENTIAL = "api_key"  # LoadCredential=api_key:… in the unit
ALONE = "Put the key there, alone on one line; then: sudo systemctl restart pi-voice"


class KeyForbiddenError(LinkError):
    """There is a key, and this user may not read it; the service may."""


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
            LinkError: There is none that can be used; says which file, and what to do.
            KeyForbiddenError: This user may not know it.
        """
        try:
            key = self._path.read_text().strip()
        except PermissionError:
            raise KeyForbiddenError(_forbidden(self._path)) from None
        except UnicodeDecodeError:
            raise LinkError(f"{self._named} is no text. {ALONE}") from None
        except OSError:
            key = ""
        if not key:
            raise LinkError(f"there is no key in {self._named}. {ALONE}")
        if len(key.split()) > 1:
            raise LinkError(f"{self._named} holds more than one word. {ALONE}")
        if not (key.isascii() and key.isprintable()):
            raise LinkError(f"{self._named} holds letters that no key has. {ALONE}")
        return key

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"


def _forbidden(path: Path) -> str:
    try:
        us, mode = pwd.getpwuid(os.geteuid()).pw_name, path.stat().st_mode & 0o777
        who = f"{path.owner()}'s with mode {mode:o}"
    except (OSError, KeyError):  # the folder is closed, or somebody has no name
        return f"{path} may not be read by this user; use sudo"
    return f"{path} may not be read by {us}: it is {who}. Use sudo"
