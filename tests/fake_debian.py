"""A Debian made of a folder and a few dictionaries, for the installer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from pi_voice.installer.machine import Answer, Machine

YES: Answer = (0, "")
NO: Answer = (1, "")


class FakeDebian:
    """What the installer's commands find, do and say.

    Attributes:
        root: Its files.
        calls: Every command that changed something.
        packages: The installed ones.
        offered: Those that the distribution has.
        accounts: Groups and their members; a user is a group with itself in it.
        service: "inactive", "active", or "failed".
        broken: Versions that do not start, and what they say.
        rotten: Those whose program does not even tell its version.
        deaf: Versions that do not hear, and why.
        update: What `apt-get update` does.
        at_sync: What is looked at when everything is written to the disk.
        fails: Words of a command that fails, and what it says.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        self.packages = {"python3-venv", "python3-pyaudio"}
        self.offered = {"python3-venv", "python3-pyaudio", "python3-spidev", "python3-lgpio"}
        self.accounts: dict[str, set[str]] = {"root": {"root"}, "audio": set()}
        self.service = "inactive"
        self.enabled = False
        self.architecture = "arm64"
        self.broken: dict[str, str] = {}
        self.rotten: set[str] = set()
        self.deaf: dict[str, str] = {}
        self.fails: dict[str, str] = {}
        self.pids = 100
        self.update: Callable[[], None] = lambda: None
        self.at_sync: Callable[[], None] = lambda: None
        for folder in ("etc", "opt", "run/systemd/system", "usr/bin", "usr/local/bin", "var/lib"):
            (root / folder).mkdir(parents=True)
        (root / "usr/bin/systemctl").touch()
        (root / "etc/os-release").write_text('ID=raspbian\nID_LIKE="debian"\n')
        self.machine = Machine(root, self, pause=lambda _: None)

    def __call__(self, words: Sequence[str]) -> Answer:
        line = " ".join(words).replace(str(self.root), "")
        if said := next((said for part, said in self.fails.items() if part in line), None):
            return 1, said
        name, *rest = words
        if name.endswith("/bin/pi-voice"):
            return self._version(Path(name))
        tool: Callable[..., Answer] | None = getattr(self, f"_{Path(name).name}", None)
        if tool is None:
            tool = getattr(self, "_" + Path(name).name.replace("-", "_"), None)
        if tool is None:
            self.calls.append(line)
            return YES
        return tool(*rest)

    def _dpkg_query(self, *words: str) -> Answer:
        return (0, "installed") if words[-1] in self.packages else (1, "no packages found")

    def _apt_cache(self, *words: str) -> Answer:
        return (0, f"Package: {words[-1]}\n") if words[-1] in self.offered else NO

    def _dpkg(self, *_: str) -> Answer:
        return 0, f"{self.architecture}\n"

    def _apt_get(self, verb: str, *words: str) -> Answer:
        self.calls.append(" ".join(("apt-get", verb, *words)))
        if verb == "update":
            self.update()
        if verb == "install":
            self.packages.update(word for word in words if word.startswith("python3-"))
        return YES

    def _id(self, _: str, name: str) -> Answer:
        groups = [group for group, members in self.accounts.items() if name in members]
        return (0, " ".join(groups)) if name in self.accounts else (1, f"no such user {name}")

    def _getent(self, base: str, name: str) -> Answer:
        if name not in self.accounts or (base == "passwd" and name not in self.accounts[name]):
            return 2, ""
        return 0, f"{name}:x:1:{','.join(sorted(self.accounts[name] - {name}))}\n"

    def _systemd_sysusers(self, path: str) -> Answer:
        self.calls.append("systemd-sysusers")
        self.accounts["pi-voice"] = {"pi-voice"}
        for line in Path(path).read_text().splitlines():
            if line.startswith("m "):
                self.accounts.setdefault(line.split()[2], set()).add("pi-voice")
        return YES

    def _userdel(self, name: str) -> Answer:
        self.calls.append(f"userdel {name}")
        for members in self.accounts.values():
            members.discard(name)
        if not self.accounts[name]:
            del self.accounts[name]
        return YES

    def _groupdel(self, name: str) -> Answer:
        self.calls.append(f"groupdel {name}")
        del self.accounts[name]
        return YES

    def _python3(self, *words: str) -> Answer:
        self.calls.append("python3 -m venv")
        program = Path(words[-1]) / "bin" / "pi-voice"
        program.parent.mkdir(parents=True)
        program.touch()
        self.rotten.discard(Path(words[-1]).name)
        return YES

    def _version(self, program: Path) -> Answer:
        """`pi-voice --version` of a version."""
        is_sound = program.exists() and program.parents[1].name not in self.rotten
        return YES if is_sound else NO

    def _sync(self) -> Answer:
        self.at_sync()
        return YES

    def _systemctl(self, verb: str, *words: str) -> Answer:
        if verb == "show":
            return 0, f"{self.pids}\n"
        if verb in ("is-enabled", "is-active"):
            fact = self.enabled if verb == "is-enabled" else self.service == "active"
            return YES if fact else NO
        self.calls.append(f"systemctl {verb}")
        if verb in ("enable", "disable"):
            self.enabled = verb == "enable"
        if verb == "stop":
            self.service = "inactive"
        return self._start() if verb == "restart" else YES

    def _start(self) -> Answer:
        self.pids += 1
        (self.root / "var/lib/pi-voice").mkdir(exist_ok=True)
        self.service = "failed" if self.running in self.broken else "active"
        return YES if self.service == "active" else NO

    @property
    def running(self) -> str:
        """The version that the link leads to."""
        return (self.root / "opt/pi-voice/current").readlink().name

    def _journalctl(self, *_: str) -> Answer:
        return 0, self.broken.get(self.running, "")

    def _runuser(self, *words: str) -> Answer:
        """`pi-voice status` and `pi-voice doctor` of a version."""
        program, verb = words[5:7]
        version = Path(program).parents[1].name
        if verb == "status":
            return 0, json.dumps({"microphone": "closed"})
        found = [{"failure": None, "what": "all is fine"}]
        if reason := self.deaf.get(version):
            found.append({"failure": "no_microphone", "what": reason})
        return 2, f"noise of a library\n{json.dumps({'findings': found})}"

    def files(self) -> dict[str, str]:
        """Every file and link there is, with its content."""
        found = {}
        for path in self.root.rglob("*"):
            if path.is_symlink():
                found[str(path.relative_to(self.root))] = f"→ {path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(self.root))] = path.read_text(errors="replace")
            else:
                found[str(path.relative_to(self.root))] = "folder"
        return found
