"""What happened in each turn, and when: read off the events and actions of the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action
from pi_voice.core.events import Event
from pi_voice.frames import WIRE, AudioFormat

SOUND = (do.SendAudio, do.SendTurn, do.StreamAudio)
KEPT = 100  # newest turns; enough for medians, and a month does not fill the memory


@dataclass(slots=True)
class TurnRecord:
    """One turn of the user and its reply. Times are seconds of the loop's clock, None if never.

    Attributes:
        began_s: The press, the first frame of speech, or when the service told that it hears some.
        first_sent_s: When its first sound was handed to the link.
        committed_s: When a reply was asked for, or the service told that it heard the end.
        first_heard_s: When the first sample of the reply left the speaker.
        interrupted_s: When somebody interrupted the reply.
        sent_ms: Sound handed to the link.
        received_ms: Sound of the reply that arrived.
        heard_ms: Sound of the reply that left the speaker.
        truncated_at_ms: What the service was told of an interrupted reply.
    """

    began_s: float
    first_sent_s: float | None = None
    committed_s: float | None = None
    first_heard_s: float | None = None
    interrupted_s: float | None = None
    sent_ms: float = 0.0
    received_ms: float = 0.0
    heard_ms: float = 0.0
    truncated_at_ms: float | None = None


class TurnLog:
    """Watches the daemon; only turns that asked for a reply are kept.

    Attributes:
        turns: Oldest first.
    """

    def __init__(self, wire: AudioFormat = WIRE) -> None:
        self.turns: deque[TurnRecord] = deque(maxlen=KEPT)
        self._wire = wire
        self._open: TurnRecord | None = None
        self._items: dict[str, TurnRecord] = {}

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None:
        """Take in one step of the daemon."""
        if isinstance(event, ev.SpeechStarted):
            self._open = TurnRecord(began_s=now_s)
        elif isinstance(event, ev.SpeechStopped):
            self._close(now_s)
        for action in actions:
            self._note(event, action, now_s)
        if isinstance(event, ev.PlaybackStarted):
            record = self._items.get(event.item_id)
            if record is not None and record.first_heard_s is None:
                record.first_heard_s = event.at_s
        elif isinstance(event, ev.PlaybackEnded):
            self._end_item(event)

    def _note(self, event: Event, action: Action, now_s: float) -> None:
        if isinstance(action, do.GateLink) and not action.muted and not _is_again(event):
            self._open = TurnRecord(began_s=_time_of(event, now_s))
        elif isinstance(action, do.DiscardTurn):
            self._open = None
        elif isinstance(action, SOUND) and self._open:
            if self._open.first_sent_s is None:
                self._open.first_sent_s = now_s
            self._open.sent_ms += self._wire.duration_ms(len(action.pcm))
        elif isinstance(action, do.CommitTurn):
            self._close(now_s)
        elif isinstance(action, do.Play) and self.turns:
            record = self._items.setdefault(action.item_id, self.turns[-1])
            record.received_ms += self._wire.duration_ms(len(action.pcm))
        elif isinstance(action, do.StopPlayback):
            for record in self._items.values():
                record.interrupted_s = _time_of(event, now_s)

    def _close(self, now_s: float) -> None:
        if self._open:
            self._open.committed_s = now_s
            self.turns.append(self._open)
            self._open = None

    def _end_item(self, event: ev.PlaybackEnded) -> None:
        record = self._items.pop(event.item_id, None)
        if record is None:
            return
        record.heard_ms += event.played_ms
        if event.interrupted:
            record.truncated_at_ms = (record.truncated_at_ms or 0.0) + event.played_ms


def _is_again(event: Event) -> bool:
    """The turn is not new: the link lost it, or a part of it."""
    return isinstance(event, ev.LinkUp | ev.AudioDropped)


def _time_of(event: Event, now_s: float) -> float:
    if isinstance(event, ev.ButtonEdge | ev.Cue):
        return event.at_s
    if isinstance(event, ev.MicHeard) and event.frames:
        return event.frames[0].at_s
    return now_s
