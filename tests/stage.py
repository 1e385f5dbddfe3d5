"""A session of the embedded service on a table: events in, events out, time as the test says."""

from __future__ import annotations

import base64
import math
from array import array
from typing import Any

from pi_voice.sim import service_config
from pi_voice.sim.faults import Script
from pi_voice.sim.service_records import Shelf
from pi_voice.sim.service_session import ServiceSession
from pi_voice.sim.service_wire import Names, Wire
from tests.wire_truth import check_client_event, check_server_event

MANUAL: Wire = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def tone(ms: int, *, hz: float = 440.0, peak: int = 8000, rate_hz: int = 24_000) -> bytes:
    """A loud sound, no two frames of which are alike."""
    step = 2 * math.pi * hz / rate_hz
    samples = (int(peak * math.sin(step * n)) + n % 7 for n in range(ms * rate_hz // 1000))
    return array("h", samples).tobytes()


def silence(ms: int) -> bytes:
    return bytes(ms * 48)


def base64_text(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


class Stage:
    """Talks to a session without a socket.

    Attributes:
        session: The one that is tried.
        now_s: The time that it is told.
    """

    def __init__(self, script: Script | None = None, *, turn_detection: Wire | None = None) -> None:
        script = script or Script()
        names = Names(1, 0.0)
        config = service_config.initial(names.new("sess"), "m", 1_800_000_000)
        self.now_s = 100.0
        self.shelf = Shelf()
        self.session = ServiceSession(names, config, script, self.shelf)
        self.session.open(self.now_s)
        self._take()
        update = {"type": "realtime", "audio": {"input": {"turn_detection": turn_detection}}}
        self.send("session.update", session=update)

    def send(self, kind: str, **fields: Any) -> list[Wire]:
        """Send a proper event; returns what comes back at once."""
        event = {"type": kind, **fields}
        check_client_event(event)
        return self.send_raw(event)

    def send_raw(self, event: Wire) -> list[Wire]:
        """Send whatever it is."""
        self.session.receive(event, self.now_s)
        return self._take()

    def speak(self, pcm: bytes, *, piece_bytes: int = 960) -> list[Wire]:
        """Append in frames of 20 ms."""
        return [
            event
            for start in range(0, len(pcm), piece_bytes)
            for event in self.send(
                "input_audio_buffer.append", audio=base64_text(pcm[start : start + piece_bytes])
            )
        ]

    def turn(self, pcm: bytes) -> list[Wire]:
        """Say something and end the turn; returns what came back at once."""
        return self.speak(pcm) + self.send("input_audio_buffer.commit")

    def wait(self, seconds: float = 60.0) -> list[Wire]:
        """Let time pass; returns all that is sent meanwhile."""
        end_s = self.now_s + seconds
        events = []
        while self.session.due_s is not None and self.session.due_s <= end_s:
            self.now_s = max(self.now_s, self.session.due_s)
            events += self._take()
        self.now_s = end_s
        return events

    def wait_for(self, kind: str) -> list[Wire]:
        """Let time pass until an event of this type; returns all up to the same moment."""
        events: list[Wire] = []
        while not any(event["type"] == kind for event in events):
            assert self.session.due_s is not None, f"{kind} will never come: {types(events)}"
            self.now_s = max(self.now_s, self.session.due_s)
            events += self._take()
        return events

    def _take(self) -> list[Wire]:
        events = self.session.poll(self.now_s)
        for event in events:
            check_server_event(event)
        return events


def types(events: list[Wire]) -> list[str]:
    return [str(event["type"]) for event in events]


def only(events: list[Wire], kind: str) -> Wire:
    """The one event of this type."""
    [found] = [event for event in events if event["type"] == kind]
    return found


def audio_of(events: list[Wire]) -> bytes:
    """The sound of all audio deltas."""
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return b"".join(base64.b64decode(delta) for delta in deltas)


def error_of(events: list[Wire]) -> Wire:
    error: Wire = only(events, "error")["error"]
    return error
