"""The daemon of `both_ways` with a clock at every door: CPU by part, told at the end.

A clock of the thread costs a microsecond; a profiler would cost more than what it measures.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.clients import both_ways
from benchmarks.parts.notes import note
from pi_voice.audio.frontend import FrontEnd
from pi_voice.audio.microphone import PyAudioMicrophone
from pi_voice.audio.speaker import PyAudioSpeaker
from pi_voice.core.device import Device
from pi_voice.transport.connection import Wire
from pi_voice.transport.link import ServiceLink
from pi_voice.transport.performer import Performer
from pi_voice.transport.protocol import RealtimeProtocol

DOORS: dict[str, tuple[tuple[type, str], ...]] = {
    "capture": ((PyAudioMicrophone, "_hear"),),
    "detector, resampler": ((FrontEnd, "process"),),
    "decisions": ((Device, "handle"),),
    "uplink": ((ServiceLink, "send_audio"),),
    "socket": ((Wire, "write_text"), (Wire, "data_received")),
    "downlink": ((RealtimeProtocol, "receive"), (Performer, "perform"), (PyAudioSpeaker, "play")),
    "playback": ((PyAudioSpeaker, "_fill"),),
}


class Clock:
    """CPU in each part, without what is spent in parts inside it."""

    def __init__(self) -> None:
        self.spent_s = dict.fromkeys(DOORS, 0.0)
        self._inside = threading.local()

    def watch(self, part: str, door: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            outer = getattr(self._inside, "spent_s", 0.0)
            self._inside.spent_s = 0.0
            begin_s = time.thread_time()
            try:
                return door(*given, **named)
            finally:
                spent_s = time.thread_time() - begin_s
                self.spent_s[part] += spent_s - self._inside.spent_s
                self._inside.spent_s = outer + spent_s

        return timed


def main(config: str) -> None:
    clock = Clock()
    for part, doors in DOORS.items():
        for owner, name in doors:
            setattr(owner, name, clock.watch(part, getattr(owner, name)))
    threading.Thread(target=_tell, args=[clock], daemon=True).start()
    both_ways.main(config)


def _tell(clock: Clock) -> None:
    """Every half second; who reads takes the difference of two."""
    while True:
        note("spent", spent_s=clock.spent_s)
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1])
