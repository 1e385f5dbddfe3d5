"""What the checks judge: the configuration, and what was read of the machine, each thing once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pi_voice.config import Settings
from pi_voice.core.failures import Failure
from pi_voice.doctor.chips import Chip
from pi_voice.doctor.system import System
from pi_voice.errors import PiVoiceError

UNIT = "pi-voice.service"
USER = "pi-voice"
_ASKED = (
    "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,MainPID,"
    "NeedDaemonReload"
)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A sound card, or a door to a sound server.

    Attributes:
        config: What to write into the configuration.
        name: For people.
        microphone_hz: The rates at which it captures.
        speaker_hz: The rates at which it plays.
        problem: Why it cannot be used; "" if it can.
    """

    config: str
    name: str
    microphone_hz: tuple[int, ...] = ()
    speaker_hz: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The microphone or the speaker that the configuration names.

    Attributes:
        direction: "microphone" or "speaker".
        wanted: In the words of the configuration.
        problem: Why it cannot be used; "" if it can.
        fix: What helps against that.
        card_id: The card behind it; "" if there is none, or a sound server.
        on_usb: It is a USB card.
        holder: Who has it open, as "pid 812 (pipewire)"; "" if nobody.
    """

    direction: str
    wanted: str
    problem: str = ""
    fix: str = ""
    card_id: str = ""
    on_usb: bool = False
    holder: str = ""

    @property
    def holder_pid(self) -> int:
        found = re.match(r"pid (\d+)", self.holder)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Survey:
    """All that there is to hear and speak with."""

    library: str
    cards: tuple[CardFacts, ...]
    microphone: End
    speaker: End


@dataclass(frozen=True, slots=True)
class Heard:
    """What came out of the microphone.

    Attributes:
        first_ms: From the wish to open it to the first sound.
        peak: The largest sample, from 0 (digital silence) to 32,768.
    """

    first_ms: float
    peak: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no session with the service.

    Attributes:
        failure: What it means to the owner.
        reason: The fact.
        fix: What helps; "" where the hint of the failure says it best.
    """

    failure: Failure
    reason: str
    fix: str = ""


class Sound(Protocol):
    """How the doctor gets at the cards; each call may take seconds."""

    def survey(self) -> Survey: ...

    def listen(self) -> Heard:
        """Open the microphone for a moment; raises PiVoiceError if nothing is heard."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is examined, and by which means.

    Attributes:
        config: The file of the configuration.
        settings: What it says; the defaults where it cannot be used.
        problems: Why it cannot be used.
        offline: Nothing may go over the network.
        muted: What is kept on disk for the next start; True where that cannot be read.
        sound: The cards.
        ask_box: The status of the running service; raises PiVoiceError where there is none.
        rehearse: Makes every part without opening it; raises PiVoiceError if one cannot be made.
        try_service: Opens one session and closes it; says why if that fails.
    """

    config: Path
    settings: Settings
    sound: Sound
    rehearse: Callable[[], None]
    try_service: Callable[[], Refusal | None]
    ask_box: Callable[[], Mapping[str, object]]
    muted: Callable[[], bool]
    problems: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd knows of the service; all empty where there is no systemd."""

    properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def known(self) -> bool:
        return self["LoadState"] == "loaded"

    @property
    def active(self) -> bool:
        return self["ActiveState"] in ("active", "reloading")

    @property
    def pid(self) -> int:
        return _number(self["MainPID"])

    @property
    def restarts(self) -> int:
        return _number(self["NRestarts"])


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mounts."""

    folder: str
    kind: str
    options: tuple[str, ...]

    @property
    def read_only(self) -> bool:
        return "ro" in self.options


class Facts:
    """Everything that was asked once is kept for the next check."""

    def __init__(self, system: System, question: Question) -> None:
        self.system = system
        self.question = question
        self.settings = question.settings

    @cached_property
    def survey(self) -> Survey:
        return self.question.sound.survey()

    @cached_property
    def unit(self) -> Unit:
        told = self.system.run("systemctl", "show", UNIT, "--property", _ASKED)
        lines = told.out.splitlines() if told.ok else []
        return Unit(dict(line.split("=", 1) for line in lines if "=" in line))

    @cached_property
    def box(self) -> Mapping[str, object] | PiVoiceError:
        """What the running service says of itself, or why it says nothing."""
        try:
            return self.question.ask_box()
        except PiVoiceError as error:
            return error

    @property
    def muted(self) -> bool:
        told = self.box
        return self.question.muted() if isinstance(told, PiVoiceError) else bool(told.get("muted"))

    @cached_property
    def members(self) -> dict[str, set[str]]:
        """The users of each group; of their first group, too."""
        users = [line.split(":") for line in self.system.read("/etc/passwd").splitlines()]
        lines = [line.split(":") for line in self.system.read("/etc/group").splitlines()]
        return {
            name: {user for user in listed.split(",") if user}
            | {user[0] for user in users if len(user) > 3 and user[3] == number}
            for name, _, number, listed in (line for line in lines if len(line) == 4)
        }

    @cached_property
    def users(self) -> dict[str, int]:
        """Their numbers."""
        lines = (line.split(":") for line in self.system.read("/etc/passwd").splitlines())
        return {line[0]: int(line[2]) for line in lines if len(line) > 2 and line[2].isdigit()}

    @cached_property
    def me(self) -> str:
        """Who runs the doctor."""
        uid = self.system.uid()
        return next((name for name, number in self.users.items() if number == uid), f"uid {uid}")

    @cached_property
    def my_groups(self) -> set[str]:
        """The groups of this very process: who was added to one has to log in again."""
        found = re.search(r"^(?:Groups):(.*)$", self.system.read("/proc/self/status"), re.MULTILINE)
        numbers = set(found[1].split()) if found else set()
        lines = (line.split(":") for line in self.system.read("/etc/group").splitlines())
        return {line[0] for line in lines if len(line) == 4 and line[2] in numbers}

    @cached_property
    def mounts(self) -> list[Mount]:
        lines = (line.split() for line in self.system.read("/proc/self/mounts").splitlines())
        return [Mount(f[1], f[2], tuple(f[3].split(","))) for f in lines if len(f) > 3]

    def mount_of(self, folder: Path) -> Mount | None:
        """The file system on which a folder lies, or would lie."""
        above = {str(folder), *(str(parent) for parent in folder.parents)}
        found = [mount for mount in self.mounts if mount.folder in above]
        return max(found, key=lambda mount: len(mount.folder), default=None)

    @cached_property
    def pins(self) -> dict[int, str]:
        """Every pin of the header that the configuration uses, with the key that names it."""
        settings = self.settings
        named: list[tuple[int | None, str]] = [
            (settings.mute_button.pin, "[mute_button] pin"),
            (settings.mute_switch.pin, "[mute_switch] pin"),
            (settings.leds.mic_pin, "[leds] mic_pin"),
        ]
        if settings.button.driver == "gpio":
            named.append((settings.button.pin, "[button] pin"))
        if settings.leds.driver == "gpio":
            named.append((settings.leds.pin, "[leds] pin"))
        if settings.leds.driver == "rgb":
            named += [(pin, "[leds] pins") for pin in settings.leds.pins]
        return {pin: key for pin, key in named if pin is not None}

    @cached_property
    def chips(self) -> list[Chip]:
        return self.system.chips(self.pins)

    @property
    def has_strip(self) -> bool:
        return self.settings.leds.driver in ("apa102", "ws2812")

    @cached_property
    def board(self) -> str:
        """What the board calls itself; "" where it has no device tree."""
        return self.system.read("/proc/device-tree/model").strip("\0\n ")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
