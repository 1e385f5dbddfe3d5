"""A device for the control socket: the real decisions, a microphone made of two events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pi_voice.control import ControlServer
from pi_voice.control_wishes import Access
from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.activation import VoiceActivated
from pi_voice.core.buttons import MUTE_SWITCH, Bindings
from pi_voice.core.device import Device
from pi_voice.core.events import Event
from pi_voice.core.rules import Rules
from pi_voice.status import Finding, Status

CLOSES_S = 0.05  # what a card takes to close


class ControlledBox:
    """Decides like a box that listens all the time.

    Attributes:
        said: What it was asked to speak.
        sticks: Its card never closes.
        findings: What its status complains about.
        log: What it logged.
        hand_unmutes: It has a button that does.
    """

    def __init__(self, *, remote_unmute: bool = False, switch: bool = False) -> None:
        bindings = Bindings(has_switch=switch)
        self._device = Device(VoiceActivated(), Rules(remote_unmute=remote_unmute), bindings)
        self._handle_open = False
        self._shown = "starting"
        self.remote_unmute = remote_unmute
        self.hand_unmutes = True
        self.said: list[str] = []
        self.sticks = False
        self.findings: tuple[Finding, ...] = ()
        self.log: tuple[str, ...] = ("one", "two", "three")

    def ask(self, event: Event) -> None:
        for action in self._device.handle(event):
            if isinstance(action, do.OpenMic):
                self._handle_open = True
                self.ask(ev.MicOpened())
            elif isinstance(action, do.CloseMic) and not self.sticks:
                asyncio.get_running_loop().call_later(CLOSES_S, self._close)
            elif isinstance(action, do.Show):
                self._shown = action.pattern
            elif isinstance(action, do.Say):
                self.said.append(action.text)
                self.speak()

    def start(self) -> None:
        """Be online and listen."""
        for event in (ev.Started(muted=False), ev.LinkUp("s1")):
            self.ask(event)

    def speak(self) -> None:
        """Be in the middle of a reply."""
        reply = f"r{len(self.said)}"
        self.ask(ev.ReplyStarted(reply))
        self.ask(ev.ReplyAudio(reply, f"item of {reply}", bytes(9600)))

    def close_switch(self) -> None:
        self.ask(ev.ButtonEdge(pressed=True, at_s=1.0, button=MUTE_SWITCH))

    def status(self) -> Status:
        now = self._device.condition
        return Status(
            state=self._shown,
            turn=now.turn,
            muted=now.muted,
            microphone="open" if self._handle_open else "closed",
            connection=now.connection,
            trouble=now.trouble or "",
            findings=self.findings,
        )

    def _close(self) -> None:
        self._handle_open = False
        self.ask(ev.MicClosed())


@asynccontextmanager
async def controlled(
    folder: Path, box: ControlledBox, *, group: str = "pi-voice"
) -> AsyncIterator[ControlServer]:
    """The box behind its socket in `folder`."""
    access = Access(
        box.ask,
        box.status,
        lambda: box.log,
        lambda: ("it broke",),
        remote_unmute=box.remote_unmute,
        hand_unmutes=box.hand_unmutes,
    )
    server = ControlServer(folder, access, group=group)
    box.start()
    async with server:
        yield server
