"""The session's settings: what we asked for, what the service made of it, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from msgspec import UNSET, UnsetType

from pi_voice.transport.heard import G711_RATE_HZ, AudioShape
from pi_voice.transport.session_shape import PCM, wire_format, wire_session
from pi_voice.transport.wire import copied

Json = dict[str, Any]

DEFAULT_MODEL = "gpt-realtime-2.1"
DEFAULTS: Json = {  # the profile that the Agents SDK sends when it is given nothing
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": PCM,
            "noise_reduction": None,
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "semantic_vad"},
        },
        "output": {"format": PCM, "speed": 1},
    },
}
MOST_PENDING = 32  # updates that the service has not confirmed; older ones count as confirmed
# Their fields belong together: a part of the old value beside a part of the new one is wrong.
_WHOLE = frozenset({"turn_detection", "format", "prompt", "tool_choice", "truncation", "voice"})


def merge(old: Json, new: Mapping[str, Any]) -> Json:
    """`old` with the fields of `new` laid over it, at every depth."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, Mapping) and key not in _WHOLE:
            result[key] = merge(before, value)
        else:
            result[key] = value
    return result


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """The fields of `new` that `old` does not have or has otherwise."""
    result: Json = {}
    for key, value in new.items():
        before = old.get(key, UNSET)
        if before is not UNSET and before == value and type(before) is type(value):
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping) and key not in _WHOLE:
            inner = changes(before, value)
            if inner:
                result[key] = inner
        else:
            result[key] = value
    return result


class Session:
    """One session, and the settings that outlive it.

    Attributes:
        id: The service's name of the session; None before it is known.
        effective: The session object as the service last described it.
        expires_at_s: Unix time at which the service will end the session, if it said so.
        acknowledged: The service confirmed the settings that opened the session.
        rejected: The service refused them.
        tracing: Given explicitly, else UNSET: nothing is sent about it.
    """

    def __init__(self) -> None:
        self.tracing: Any | UnsetType = UNSET
        self._requested: Json = {}
        self._pending: list[tuple[str, Json]] = []  # updates on the wire, oldest first
        self._opening_id: str | None = None
        self._numbers = count(1)
        self.forget()

    @property
    def requested(self) -> Json:
        """The settings as we want them, in the shape of the wire."""
        requested = self._requested
        for _, patch in self._pending:
            requested = merge(requested, patch)
        return requested

    def forget(self) -> None:
        """The connection is gone; what was asked for stays."""
        self._requested = self.requested
        self._pending.clear()
        self._opening_id = None
        self.id: str | None = None
        self.effective: Json = {}
        self.expires_at_s: float | None = None
        self.acknowledged = False
        self.rejected = False

    # -- client events

    def begin(self, config: Mapping[str, Any], *, model: str | None, attached: bool) -> None:
        """Set what the next session opens with.

        Args:
            config: Settings in any spelling, laid over the default profile.
            model: None leaves it to the service.
            attached: The session belongs to a call that exists already and has its own formats.

        Raises:
            TransportError: The settings contradict themselves.
            TypeError: They hold something that JSON cannot say.
        """
        given = copied(wire_session(config))
        self.tracing = given.pop("tracing", UNSET)
        given.pop("model", None)
        profile: Json = {"type": "realtime"}
        if model is not None:
            profile["model"] = model
        profile = merge(profile, _without_formats(DEFAULTS) if attached else DEFAULTS)
        self._requested = merge(profile, given)
        self._pending.clear()

    def opening(self) -> Json:
        """The `session.update` that opens a session: everything we want."""
        self._opening_id = self._next_id()
        return {
            "type": "session.update",
            "event_id": self._opening_id,
            "session": self.requested,
        }

    def update(self, config: Mapping[str, Any]) -> Json | None:
        """A `session.update` with what `config` changes; None if it changes nothing.

        Raises:
            TransportError: The settings contradict themselves.
            TypeError: They hold something that JSON cannot say.
        """
        given = copied(wire_session(config))
        given.pop("model", None)  # a session cannot change it
        patch = changes(self.requested, given)
        if not patch:
            return None
        event_id = self._next_id()
        self._await(event_id, patch)
        return {
            "type": "session.update",
            "event_id": event_id,
            "session": {"type": "realtime", **patch},
        }

    def note(self, event: Mapping[str, Any]) -> None:
        """The program sent its own `session.update`; it counts like one of ours."""
        session = event.get("session")
        if isinstance(session, Mapping):
            event_id = event.get("event_id")
            patch = copied(session)
            patch.pop("model", None)
            self._await(event_id if isinstance(event_id, str) else "", patch)

    def trace(self) -> Json | None:
        """The update that sets tracing, once the service has named the session."""
        fixed = isinstance(self.effective.get("tracing"), Mapping)
        if self.tracing is UNSET or (fixed and not isinstance(self.tracing, str)):
            return None
        return {
            "type": "session.update",
            "event_id": self._next_id(),
            "session": {"type": "realtime", "tracing": self.tracing},
        }

    # -- server events

    def described(self, session: Any, *, updated: bool) -> None:
        """The service described the session, as new or as updated."""
        if isinstance(session, Mapping):
            self.effective = dict(session)
            name = session.get("id")
            self.id = name if isinstance(name, str) else self.id
            expiry = session.get("expires_at")
            if isinstance(expiry, int | float):
                self.expires_at_s = float(expiry)
        if not updated:
            return
        if self._opening_id is not None and not self.acknowledged:
            self.acknowledged = True
        else:
            self._confirm()

    def refused(self, event_id: str | None, param: str | None) -> None:
        """An error arrived; if it answers a `session.update`, the update did not happen."""
        about_session = event_id is None and (param or "").startswith("session")
        if not self.acknowledged and self._opening_id is not None:
            self.rejected = self.rejected or about_session or event_id == self._opening_id
        elif about_session:  # the service answers in order
            del self._pending[:1]
        self._pending = [entry for entry in self._pending if entry[0] != event_id]

    # -- what follows from the settings

    @property
    def interrupts(self) -> bool:
        """Whether the service ends a reply when it hears speech; yes unless it says no."""
        detection = self._audio("input").get("turn_detection")
        return (
            not isinstance(detection, Mapping) or detection.get("interrupt_response") is not False
        )

    @property
    def answers(self) -> bool:
        """Whether the service replies by itself to a turn that it detected."""
        detection = self._audio("input").get("turn_detection")
        return isinstance(detection, Mapping) and detection.get("create_response") is not False

    @property
    def detects_turns(self) -> bool:
        return isinstance(self._audio("input").get("turn_detection"), Mapping)

    @property
    def input_shape(self) -> AudioShape:
        return _shape(self._audio("input").get("format"))

    @property
    def output_shape(self) -> AudioShape:
        return _shape(self._audio("output").get("format"))

    def _await(self, event_id: str, patch: Json) -> None:
        self._pending.append((event_id, patch))
        if len(self._pending) > MOST_PENDING:
            self._confirm()

    def _confirm(self) -> None:
        if self._pending:
            self._requested = merge(self._requested, self._pending.pop(0)[1])

    def _audio(self, end: str) -> Mapping[str, Any]:
        for session in (self.effective, self.requested):
            audio = session.get("audio")
            settings = audio.get(end) if isinstance(audio, Mapping) else None
            if isinstance(settings, Mapping):
                return settings
        return {}

    def _next_id(self) -> str:
        return f"pv_session_{next(self._numbers)}"


def _shape(given: Any) -> AudioShape:
    """The coding behind a format in any spelling; PCM if it is not known."""
    known = wire_format(given)
    if known is not None and known.get("type") in ("audio/pcmu", "audio/pcma"):
        return AudioShape(G711_RATE_HZ, frame_bytes=1)
    return AudioShape()


def _without_formats(profile: Json) -> Json:
    audio = {
        end: {name: value for name, value in settings.items() if name != "format"}
        for end, settings in profile["audio"].items()
    }
    return {**profile, "audio": audio}
