"""How things stand: read off the device and what happens to it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action
from pi_voice.core.device import Device
from pi_voice.core.events import Event
from pi_voice.core.failures import Failure
from pi_voice.core.states import Connection, Mic, pattern
from pi_voice.health import Health
from pi_voice.hints import HINTS
from pi_voice.status import NOT_KEPT, Finding, Status

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # between looks while only sound comes, 25 times a second
AGAIN_S = 600.0  # a loose contact comes and goes; whoever reads the log knows it by then


class Overview:
    """Watches the daemon, and tells how things stand.

    Args:
        device: Whose state it is.
        health: Judges what the device cannot see.
        spent: What the conversation cost so far.
        name: Of the box.
        disk: Why the disk does not keep what should outlive a power cut, "" while it does.
        gaps: How often each end of the sound lost some.
        safe_mode: Why it runs in safe mode, and without what; "" if it does not.
        lacks: What else is wrong that nobody has met yet; asked only when somebody looks.
    """

    def __init__(
        self,
        device: Device,
        health: Health,
        spent: Callable[[], Mapping[str, object]],
        name: str,
        *,
        disk: Callable[[], str] = str,
        gaps: Callable[[], Mapping[str, int]] = dict,
        safe_mode: str = "",
        lacks: Callable[[], Iterable[Finding]] = tuple,
    ) -> None:
        self._device = device
        self._health = health
        self._spent = spent
        self._name = name
        self._disk = disk
        self._gaps = gaps
        self._safe_mode = safe_mode
        self._lacks = lacks
        self._began_s: float | None = None
        self._state_s = self._connection_s = 0.0
        self._seen = (pattern(device.condition), device.condition.connection)
        self._reasons: dict[type, str] = {}
        self._found: frozenset[str] = frozenset()
        self._told_s: dict[str, float] = {}
        self._looked_s = -inf

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None:
        """Take in one step of the daemon."""
        shown = any(isinstance(action, do.Show) for action in actions)
        if isinstance(event, ev.MicHeard) and not shown and now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        if self._began_s is None:
            self._began_s = self._state_s = self._connection_s = now_s
        if isinstance(event, ev.LinkDown | ev.MicLost | ev.SpeakerLost):
            self._reasons[type(event)] = event.reason
        elif isinstance(event, ev.LinkUp):
            self._reasons.pop(ev.LinkDown, None)
        box = self._device.condition
        seen = (pattern(box), box.connection)
        if seen[0] is not self._seen[0]:
            self._state_s = now_s
        if seen[1] is not self._seen[1]:
            self._connection_s = now_s
        self._seen = seen
        self._log_what_is_new(now_s)

    def line(self) -> str:
        """One line, for `systemctl status`."""
        box = self._device.condition
        return f"{pattern(box).value.replace('_', ' ')}; connection {box.connection}"

    def status(self, now_s: float) -> Status:
        """Everything, at this moment of the loop's clock."""
        box = self._device.condition
        is_well = box.connection in (Connection.ONLINE, Connection.ASLEEP)
        return Status(
            state=pattern(box).value,
            state_s=now_s - self._state_s,
            muted=box.muted,
            mute_kept=self._device.mute.is_kept,
            switched_off=self._device.mute.switched_off,
            microphone=self._device.microphone.value,
            microphone_reason=self._reasons.get(ev.MicLost, "") if box.mic is Mic.LOST else "",
            connection=box.connection.value,
            connection_s=now_s - self._connection_s,
            connection_reason="" if is_well else self._reasons.get(ev.LinkDown, ""),
            turn=box.turn.value,
            trouble=box.trouble.value if box.trouble else "",
            spent=self._spent(),
            findings=tuple(self._all_findings()),
            name=self._name,
            pid=os.getpid(),
            uptime_s=now_s - (self._began_s if self._began_s is not None else now_s),
            more={f"{end}_gaps": count for end, count in self._gaps().items() if count},
        )

    def _log_what_is_new(self, now_s: float) -> None:
        """One line for each thing that went wrong, with its name and what helps."""
        found = {finding.name: finding for finding in self._findings()}
        for name in found.keys() - self._found:
            if now_s - self._told_s.get(name, -AGAIN_S) >= AGAIN_S:
                self._told_s[name] = now_s
                logger.warning("%s: %s. %s", name, found[name].text, found[name].hint)
        self._found = frozenset(found)

    def _all_findings(self) -> Iterator[Finding]:
        """What was met, and what would be met at the next press."""
        met = list(self._findings())
        yield from met
        known = {finding.name for finding in met}
        if self._device.condition.mic is Mic.OPEN:  # whatever the kernel calls it
            known.add(Failure.NO_MICROPHONE)
        yield from (finding for finding in self._lacks() if finding.name not in known)

    def _findings(self) -> Iterator[Finding]:
        box = self._device.condition
        if box.mic is Mic.LOST:
            yield _failure(Failure.NO_MICROPHONE)
        if box.speaker_lost:
            yield _failure(Failure.NO_SPEAKER)
        if box.trouble is not None:
            yield _failure(box.trouble)
        if self._safe_mode:
            told = _failure(Failure.SAFE_MODE)
            yield replace(told, text=f"{told.text}: {self._safe_mode}")
        if trouble := self._disk():
            fact = f"what is muted and spent would not outlive a power cut ({trouble})"
            yield Finding(NOT_KEPT, fact, "Make room, or make [device] state_dir writable")
        for found in self._health.findings():
            yield Finding(found.code, found.text)


def _failure(failure: Failure) -> Finding:
    return Finding(failure.value, HINTS[failure].fact, HINTS[failure].fix)
