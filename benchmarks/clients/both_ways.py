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

OPEN = do.GateLink(muted=False)


def both_ways(device: Device) -> Device:
    """Decides as before, and opens the line for good."""
    decide = device.handle

    def handle(event: Event) -> list[Action]:
        opened = [OPEN if isinstance(action, do.GateLink) else action for action in decide(event)]
        if isinstance(event, MicHeard) and not any(isinstance(a, do.SendAudio) for a in opened):
            opened.append(do.SendAudio(b"".join(frame.pcm for frame in event.frames)))
        return opened

    setattr(device, "handle", handle)  # noqa: B010 - mypy knows that it is a method
    return device


def main(path: str) -> None:
    made = build.device
    setattr(  # noqa: B010 - mypy knows its type
        build, "device", lambda *given, **named: both_ways(made(*given, **named))
    )
    cli.main(["run", "--config", path])


if __name__ == "__main__":
    main(sys.argv[1])
