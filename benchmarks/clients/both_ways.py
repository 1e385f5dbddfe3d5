"""The daemon as it is, but every frame goes up, also while a reply is heard.

A conversation has no such moment: who talks over a reply ends it. It is what an open line costs
when both talk, and what the floor is measured with.
"""

from __future__ import annotations

import sys

from pi_voice import build, cli
from pi_voice.core import actions as do
from pi_voice.core.actions import Action
from pi_voice.core.device import Device
from pi_voice.core.events import Event, MicHeard


class BothWays:
    """Decides as the device does, and opens the line for good."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def __getattr__(self, name: str) -> object:
        return getattr(self._device, name)

    def handle(self, event: Event) -> list[Action]:
        decided = [
            do.GateLink(muted=False) if isinstance(action, do.GateLink) else action
            for action in self._device.handle(event)
        ]
        if isinstance(event, MicHeard) and not any(isinstance(a, do.SendAudio) for a in decided):
            decided.append(do.SendAudio(b"".join(frame.pcm for frame in event.frames)))
        return decided


def main(path: str) -> None:
    made = build.device
    setattr(build, "device", lambda *given: BothWays(made(*given)))  # noqa: B010 - mypy knows its type
    cli.main(["run", "--config", path])


if __name__ == "__main__":
    main(sys.argv[1])
