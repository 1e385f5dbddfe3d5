"""One box: a Debian that starts, is used and is thrown away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.rigs.systemd.image import Missing

START_S = 60.0  # it takes half a second; a machine under load gets there
STOP_S = 20.0
PR_SET_PDEATHSIG = 1  # prctl(2): die with whoever started it, even if that was killed
# what pip needs to reach its packages as it does outside
PASSED_ON = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE")
FILES_PASSED_ON = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", "/etc/hosts")
# everything that is changed is in memory, and is gone with the name space of its mounts
START = """
set -e
echo $$ >"$3/cgroup.procs"
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
folder=$2
shift 3
exec systemd-nspawn -q -D "$folder/root" --boot --register=no --keep-unit --console=pipe "$@"
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How a box is started.

    Attributes:
        network: It shares this machine's network; otherwise it only has a loopback of its own.
        read_only: Nothing can be written but what lives in memory.
        binds: Files and folders of this machine that are seen inside, as nspawn writes them.
    """

    network: bool = False
    read_only: bool = False
    binds: Sequence[str] = ()


class Box:
    """A running Debian; a context manager. Nothing of it outlives this process.

    Args:
        layers: The file system that it starts from, which is not changed: the lowest folder last.
        options: How it is started.
    """

    def __init__(self, layers: Sequence[Path], options: Options | None = None) -> None:
        self._layers = ":".join(map(str, layers))
        self._options = options or Options()
        self._process: subprocess.Popen[bytes] | None = None
        cgroups = own_cgroup()
        self._folder = Path(tempfile.mkdtemp(prefix="pi-voice-box-"))
        self._name = self._folder.name.replace("_", "x")  # which no name of a machine may hold
        self._cgroup = cgroups / self._name
        self._leader = 0

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader or process.pid, signal.SIGKILL)  # all inside dies with it
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        groups = [folder for folder, *_ in os.walk(self._cgroup, topdown=False)]
        for group in groups:
            with contextlib.suppress(OSError):  # its last process may still be on its way out
                os.rmdir(group)

    def _start(self) -> None:
        options = ["-M", self._name, "--timezone=off"]
        options += [f"--bind={bind}" for bind in self._options.binds]
        if self._options.read_only:
            options.append("--read-only")
        if self._options.network:
            options.append("--resolv-conf=bind-host")
            options += [f"--bind-ro={file}" for file in FILES_PASSED_ON if Path(file).exists()]
        else:
            options += ["--private-network", "--resolv-conf=off"]
        self._cgroup.mkdir()
        mounts = ["unshare", "--mount", "--propagation", "private"]
        folders = [self._layers, str(self._folder), str(self._cgroup)]
        log = self._folder.with_suffix(".log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*mounts, "sh", "-c", START, "sh", *folders, *options],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            self._wait_until_up(log)
        finally:
            log.unlink()

    def _wait_until_up(self, log: Path) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + START_S
        while not (self._leader and self._is_up()):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise Missing(f"a box does not start: {log.read_text(errors='replace')}")
            time.sleep(0.05)
            found = subprocess.run(
                ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
            )
            self._leader = int(found.stdout.split()[-1]) if found.stdout.strip() else 0

    def _is_up(self) -> bool:
        return self.ask("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def keep(self, folder: Path) -> None:
        """Copy what was changed so far into a folder, for boxes that begin there."""
        assert self._process is not None
        changed = f"/proc/{self._process.pid}/root{self._folder}/upper"
        subprocess.run(["cp", "-a", changed, str(folder)], check=True)

    def at(self, path: str) -> Path:
        """A file of the box, seen from outside."""
        return Path(f"/proc/{self._leader}/root") / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        """Write a file of the box, and make the folder that it belongs into."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def ask(
        self, *words: str, environment: Mapping[str, str] | None = None, timeout_s: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside; standard output and errors are told as one."""
        inside = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **(environment or {}),
        }
        if self._options.network:
            inside |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        given = [f"{name}={value}" for name, value in inside.items()]
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "env", "-i", *given, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command inside that must not fail; what it said."""
        done = self.ask(*words, environment=environment)
        assert done.returncode == 0, (
            f"{' '.join(words)} ended with {done.returncode}: {done.stdout}"
        )
        return done.stdout

    def processes(self, unit: str = "pi-voice") -> list[int]:
        """The processes of a unit, by their numbers outside; none while it is not running."""
        group = self._cgroup / "payload" / "system.slice" / f"{unit}.service" / "cgroup.procs"
        try:
            return [int(number) for number in group.read_text().split()]
        except OSError:  # the group goes with its last process
            return []

    def journal(self, unit: str = "pi-voice") -> str:
        """What a unit has said so far."""
        return self.run("journalctl", "-u", unit, "-o", "cat", "--no-pager")

    def show(self, name: str, unit: str = "pi-voice") -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def wait_for(self, name: str, value: str, *, within_s: float = START_S) -> None:
        """Return when a property of the service has a value."""
        deadline_s = time.monotonic() + within_s
        while (seen := self.show(name)) != value:
            assert time.monotonic() < deadline_s, f"{name} is {seen}, not {value}: {self.journal()}"
            time.sleep(0.05)


def own_cgroup() -> Path:
    """The control group of this process, below which each box has one of its own.

    Two boxes in one group would count and kill each other's services.

    Raises:
        Missing: There are none of the second version.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    trees = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::") and trees:
            return trees[0] / line.removeprefix("0::/")
    raise Missing("there is no second version of control groups here")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
