"""A machine made of a folder and of answers that a test writes down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pi_voice.config import Settings
from pi_voice.doctor.chips import Chip
from pi_voice.doctor.facts import End, Facts, Heard, Question, Refusal, Survey
from pi_voice.doctor.findings import Finding
from pi_voice.doctor.system import Done, Space, System
from pi_voice.errors import PiVoiceError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
UNIT_RUNS = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "SubState": "running",
    "NRestarts": "0",
    "MainPID": "812",
    "NeedDaemonReload": "no",
}


class FakeSystem(System):
    """What a test does not write down is missing.

    Attributes:
        commands: What a command says that begins so.
        modules: Those that can be imported.
        addresses: Of every host; an error is raised.
        certificate: The version of TLS of every host; an error is raised.
        location: Where plain HTTP is sent on to.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commands: dict[str, Done] = {}
        self.modules: set[str] = set()
        self.addresses: list[str] | OSError = ["192.0.2.1"]
        self.certificate: str | OSError = "TLSv1.3"
        self.location = ""
        self.time = NOON
        self.user = 0
        self.processor = "aarch64"
        self.found: list[Chip] = []
        self.room = Space(10 * 2**30, 30 * 2**30)
        self.named_proxy = ""
        self.ran: list[str] = []

    def write(self, name: str, text: str = "") -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def answer(self, command: str, out: str, code: int | None = 0) -> None:
        self.commands[command] = Done(code, out)

    def unit(self, **properties: str) -> None:
        told = {**UNIT_RUNS, **properties}
        self.answer("systemctl show pi-voice", "".join(f"{k}={v}\n" for k, v in told.items()))

    def accounts(self, **members: str) -> None:
        """A user pi-voice (999) and a user pi (1000), and groups by their members."""
        self.write("/etc/passwd", "pi-voice:x:999:999::/:\npi:x:1000:1000::/home/pi:/bin/bash\n")
        lines = (f"{name}:x:{30 + n}:{who}\n" for n, (name, who) in enumerate(members.items()))
        self.write("/etc/group", "".join(lines))

    def run(self, *command: str, limit_s: float = 3.0) -> Done:
        words = " ".join(command)
        self.ran.append(words)
        fitting = [known for known in self.commands if words.startswith(known)]
        return self.commands[max(fitting, key=len)] if fitting else Done(None)

    def has(self, command: str) -> bool:
        return any(known.split()[0] == command for known in self.commands)

    def importable(self, module: str) -> bool:
        return module in self.modules

    def now(self) -> datetime:
        return self.time

    def uid(self) -> int:
        return self.user

    def machine(self) -> str:
        return self.processor

    def proxy(self) -> str:
        return self.named_proxy

    def chips(self, pins: Iterable[int]) -> list[Chip]:
        return self.found

    def space(self, name: str | Path) -> Space | None:
        return self.room

    def resolve(self, host: str, port: int) -> list[str]:
        if isinstance(self.addresses, OSError):
            raise self.addresses
        return self.addresses

    def handshake(self, host: str, port: int) -> str:
        if isinstance(self.certificate, OSError):
            raise self.certificate
        return self.certificate

    def redirect(self, host: str) -> str:
        return self.location


class FakeSound:
    """Cards by what a survey would tell of them."""

    def __init__(self) -> None:
        self.cards = Survey(
            "PortAudio V19",
            (),
            End("microphone", "default", card_id="Device"),
            End("speaker", "default", card_id="Device"),
        )
        self.heard: Heard | PiVoiceError = Heard(120.0, 900)
        self.listened = 0

    def survey(self) -> Survey:
        return self.cards

    def listen(self) -> Heard:
        self.listened += 1
        if isinstance(self.heard, PiVoiceError):
            raise self.heard
        return self.heard


class Patient:
    """A machine, its configuration and its service, for the checks to look at."""

    def __init__(self, root: Path) -> None:
        self.system = FakeSystem(root)
        self.sound = FakeSound()
        self.settings = Settings()
        self.problems: tuple[str, ...] = ()
        self.offline = False
        self.muted = False
        self.part: PiVoiceError | None = None
        self.refusal: Refusal | None = None
        self.status: Mapping[str, object] | PiVoiceError = PiVoiceError("nobody answers. Start it")

    def rehearse(self) -> None:
        if self.part is not None:
            raise self.part

    def ask_box(self) -> Mapping[str, object]:
        if isinstance(self.status, PiVoiceError):
            raise self.status
        return self.status

    @property
    def facts(self) -> Facts:
        question = Question(
            Path("/etc/pi-voice/config.toml"),
            self.settings,
            self.sound,
            self.rehearse,
            lambda: self.refusal,
            self.ask_box,
            lambda: self.muted,
            self.problems,
            self.offline,
        )
        return Facts(self.system, question)


def words(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Level and fact of each."""
    return [(finding.level.value, finding.what) for finding in findings]


def levels(findings: Iterable[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]
