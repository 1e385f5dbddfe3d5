"""What the doctor asks of the machine: files, commands, the clock, the network.

Nothing here raises for a thing that is missing. Tests give another root and answer the rest
themselves.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pi_voice.doctor.chips import Chip, look

COMMAND_S = 3.0
PATIENCE_S = 5.0  # a handshake over a slow mobile network takes two
# iw and others live where the search path of a plain user does not look
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said.

    Attributes:
        code: Its exit code; None if it is not installed, or did not end in time.
        out: What it wrote, without the errors.
    """

    code: int | None
    out: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Space:
    """Room of a file system, in bytes."""

    free_bytes: int
    total_bytes: int


class System:
    """The machine as it is.

    Args:
        root: Where its file system begins; another folder in tests.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, name: str | Path) -> Path:
        return self.root / str(name).lstrip("/")

    def read(self, name: str | Path) -> str:
        """The text of a file; "" if it is missing, closed to us, or no text."""
        try:
            return self.path(name).read_bytes().decode(errors="replace").rstrip("\0")
        except OSError:
            return ""

    def exists(self, name: str | Path) -> bool:
        try:
            return self.path(name).exists()
        except OSError:  # a folder on the way is closed to us
            return False

    def closed(self, name: str | Path) -> bool:
        """True for a file that is there, or may be, and that we may not read."""
        try:
            self.path(name).stat()
        except PermissionError:  # on the way
            return True
        except OSError:
            return False
        return not os.access(self.path(name), os.R_OK)

    def writable(self, name: str | Path) -> bool:
        return os.access(self.path(name), os.W_OK | os.X_OK)

    def glob(self, pattern: str) -> list[str]:
        """Names below the root, sorted, as they would be on the machine itself."""
        found = sorted(self.root.glob(pattern.lstrip("/")))
        return [f"/{path.relative_to(self.root)}" for path in found]

    def link(self, name: str | Path) -> str:
        """Where a symbolic link points to; "" if it is none."""
        try:
            return os.readlink(self.path(name))
        except OSError:
            return ""

    def owner(self, name: str | Path) -> int | None:
        """The number of the user who owns a file; None if it cannot be told."""
        try:
            return self.path(name).stat().st_uid
        except OSError:
            return None

    def modified(self, name: str | Path) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.path(name).stat().st_mtime).astimezone()
        except OSError:
            return None

    def space(self, name: str | Path) -> Space | None:
        try:
            told = os.statvfs(self.path(name))
        except OSError:
            return None
        return Space(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)

    def has(self, command: str) -> bool:
        return shutil.which(command, path=SEARCH) is not None

    def run(self, *command: str, limit_s: float = COMMAND_S) -> Done:
        """Run a command in plain English; never with a shell."""
        environment = {**os.environ, "PATH": SEARCH, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": ""}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit_s,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired):
            return Done(None)
        return Done(done.returncode, done.stdout.decode(errors="replace"))

    def importable(self, module: str) -> bool:
        return importlib.util.find_spec(module) is not None

    def now(self) -> datetime:
        return datetime.now().astimezone()  # the wall clock itself is what is judged

    def uid(self) -> int:
        return os.geteuid()

    def machine(self) -> str:
        """The processor: aarch64, armv7l, x86_64 and others."""
        return platform.machine()

    def python(self) -> str:
        return platform.python_version()

    def proxy(self) -> str:
        """What the environment of this process names as its HTTPS proxy; "" if nothing."""
        return os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""

    def chips(self, pins: Iterable[int]) -> list[Chip]:
        """Every GPIO chip, with the users of these lines."""
        wanted = tuple(pins)
        return [look(self.path(name), wanted) for name in self.glob("/dev/gpiochip*")]

    # -- the network; these raise OSError, which says why

    def resolve(self, host: str, port: int) -> list[str]:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in answers))

    def handshake(self, host: str, port: int) -> str:
        """Shake hands as the service would: the version of TLS that was agreed on."""
        context = ssl.create_default_context()
        with (
            socket.create_connection((host, port), PATIENCE_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as secured,
        ):
            return secured.version() or "TLS"

    def redirect(self, host: str) -> str:
        """Where plain HTTP is sent on to; "" if nowhere, or nobody answers."""
        door = HTTPConnection(host, timeout=PATIENCE_S)
        try:
            door.request("GET", "/")
            return door.getresponse().getheader("Location") or ""
        except (OSError, HTTPException):
            return ""
        finally:
            door.close()
