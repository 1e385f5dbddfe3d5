"""The doctor on this machine: how it gets at the cards and at the service.

What is heavy, or may be missing on a box that is not well, is imported where it is used: in the
process of the check that needs it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pi_voice import config, remote
from pi_voice.config import Settings
from pi_voice.control_wire import Request, Verb
from pi_voice.core.events import MicLost
from pi_voice.core.failures import Failure
from pi_voice.core.reach import FAILURES
from pi_voice.doctor import page
from pi_voice.doctor.examination import examine
from pi_voice.doctor.facts import CardFacts, End, Facts, Heard, Question, Refusal, Survey
from pi_voice.doctor.findings import exit_code
from pi_voice.doctor.system import System
from pi_voice.errors import ConfigError, DeviceError, LinkError, PiVoiceError
from pi_voice.frames import AudioBatch
from pi_voice.report import CONTENTS, write

if TYPE_CHECKING:
    from pi_voice.audio.cards import Card, Direction
    from pi_voice.audio.inventory import Inventory

LISTEN_S = 0.5  # enough for a card that begins with silence
SILENT_S = 5.0  # no card takes longer to its first sound


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says.

    Attributes:
        usual: Where the configuration is, if there is one.
        named: The file that was asked for instead, and must be there.
        offline: Do not use the network.
    """

    usual: Path
    named: Path | None = None
    offline: bool = False


def doctor(wishes: Wishes, *, as_json: bool = False, everything: bool = False) -> int:
    """Examine the machine and print what is wrong; the exit code tells the worst."""
    findings = examine(Facts(System(), question(wishes)))
    if as_json:
        sys.stdout.write(f"{page.as_json(findings)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in page.lines(findings, everything=everything))
    return exit_code(findings)


def report(wishes: Wishes, out: Path | None = None) -> int:
    """Examine the machine, and write what helps somebody else to see what is wrong."""
    facts = Facts(System(), question(wishes))
    file = write(facts, examine(facts), out)
    sys.stdout.write(
        f"{file} holds {CONTENTS}.\n"
        "Keys, tokens, passwords, serial numbers and what was said are left out. Read it, then "
        "send it to whoever helps you.\n"
    )
    return 0


def question(wishes: Wishes) -> Question:
    """What the doctor shall look at; a configuration that cannot be used is among it."""
    path = wishes.named or wishes.usual
    settings, problems = Settings(), tuple[str, ...]()
    try:
        if os.access(path, os.R_OK) or (wishes.named and not path.exists()):
            settings = config.load(path)
    except PermissionError:  # a folder on the way is closed to us: a finding of its own
        pass
    except ConfigError as error:
        problems = error.problems
    box = remote.Box(settings.device.runtime_dir, settings.device.state_dir, settings.control.group)

    def ask_box() -> Mapping[str, object]:
        answer, _ = box.ask(Request(Verb.STATUS))
        return answer.status or {}

    return Question(
        config=path,
        settings=settings,
        sound=Cards(settings),
        rehearse=lambda: rehearse(settings),
        try_service=lambda: try_service(settings),
        ask_box=ask_box,
        muted=lambda: kept_muted(settings.device.state_dir),
        problems=problems,
        offline=wishes.offline,
    )


def kept_muted(folder: Path) -> bool:
    """Whether the box would start muted; true where we may not know."""
    from pi_voice.state import StateFile

    try:
        facts = StateFile(folder).load()
    except OSError:  # the folder of another user
        return True
    return facts is None or facts.get("muted") is True


def rehearse(settings: Settings) -> None:
    """Make every part without opening it.

    Raises:
        PiVoiceError: A driver or a library is missing.
    """
    try:
        from pi_voice import build
    except ImportError as error:
        raise ConfigError(f"a library is missing ({error}); run ./install.sh again") from error
    build.rehearse(settings)


def try_service(settings: Settings) -> Refusal | None:
    """Open one session and close it."""
    from pi_voice import build
    from pi_voice.transport.contracts import TransportError
    from pi_voice.transport.trouble import Trouble

    try:
        build.try_service(settings)
    except PiVoiceError as error:
        fact, _, fix = str(error).partition(". ")
        failure = Failure.MISCONFIGURED
        if type(error.__cause__) is LinkError:  # only a missing key is so bare
            failure = Failure.KEY_REFUSED
        elif isinstance(error, TransportError):
            failure = FAILURES[Trouble.of(fact, error).fault]
        return Refusal(failure, fact, fix)
    return None


class Cards:
    """The sound cards, through the same library as the service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def survey(self) -> Survey:
        """List all cards, and find those that are configured.

        Raises:
            DeviceError: There is no sound library.
        """
        try:
            from pi_voice.audio.cards import Direction
            from pi_voice.audio.devices import describe_devices, library
            from pi_voice.audio.portaudio import PortAudio
        except ImportError as error:
            fix = "Run: sudo apt install python3-pyaudio python3-numpy"
            raise DeviceError("a library for sound", f"is missing ({error})", fix) from error
        audio = self._settings.audio
        with PortAudio() as sound:
            cards = tuple(
                CardFacts(d.config, d.name, d.input_rates_hz, d.output_rates_hz, d.problem)
                for d in describe_devices(sound)
            )
            inventory = sound.inventory()
            return Survey(
                library(),
                cards,
                end_of(inventory, Direction.MICROPHONE, audio.microphone),
                end_of(inventory, Direction.SPEAKER, audio.speaker),
            )

    def listen(self) -> Heard:
        """Open the microphone for a moment.

        Raises:
            PiVoiceError: It gives no sound.
        """
        return asyncio.run(self._listen())

    async def _listen(self) -> Heard:
        from pi_voice import build_audio
        from pi_voice.audio.portaudio import PortAudio

        clock, first_s, peak = asyncio.get_running_loop().time, 0.0, 0
        try:
            with PortAudio() as sound:
                sound.inventory()  # the service has its list when somebody presses
                async with (
                    asyncio.timeout(SILENT_S),
                    build_audio.microphone(self._settings, sound) as microphone,
                ):
                    began_s = clock()
                    microphone.open()
                    async for heard in microphone.events():
                        if isinstance(heard, MicLost):
                            raise PiVoiceError(heard.reason)
                        if isinstance(heard, AudioBatch):
                            first_s = first_s or clock()
                            peak = max(peak, *map(abs, array("h", heard.pcm)))
                        if first_s and clock() - first_s >= LISTEN_S:
                            break
        except TimeoutError:
            raise PiVoiceError(
                f"the microphone opens, and gives no sound within {SILENT_S:g} s. Plug it in again"
            ) from None
        return Heard((first_s - began_s) * 1000, peak)


def end_of(inventory: Inventory, direction: Direction, wanted: str) -> End:
    """The facts about the microphone or the speaker that is configured."""
    card, problem, fix = None, "", ""
    try:
        pcm = inventory.find(wanted, direction)
        card = inventory.card_of(pcm) or _only_card(inventory, direction)
        if card and (no := inventory.refusal(wanted, direction, card)):
            raise no
    except DeviceError as error:
        problem, fix = error.fact, error.fix
    card = card or _named(inventory, wanted)
    told = re.search(r"is in use by (pid \d+ \(.*\))", problem)
    return End(
        direction,
        wanted,
        problem,
        fix,
        card.id if card else "",
        on_usb=bool(card and card.usb_path),
        holder=told[1] if told else "",
    )


def _only_card(inventory: Inventory, direction: Direction) -> Card | None:
    """The card behind "default", where there is but one."""
    able = [card for card in inventory.cards if inventory.kernel.nodes(card, direction)]
    return able[0] if len(able) == 1 else None


def _named(inventory: Inventory, wanted: str) -> Card | None:
    """The card that is named, though it cannot be opened."""
    from pi_voice.audio.inventory import card_name

    def names(card: Card) -> tuple[str, ...]:
        written = card_name(card, inventory.cards)
        return card.id, card.name, card.usb_id, written, f"usb:{card.usb_path}"

    return next((card for card in inventory.cards if wanted in names(card)), None)
