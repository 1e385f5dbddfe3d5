"""Is the box still hearing and speaking? Judged by progress, not by a loop that turns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.events import Event
from pi_voice.errors import PiVoiceError
from pi_voice.frames import FRAME_MS

SILENT_S = 10.0
# The microphone and the speaker restart a stream by themselves within 10 s and say so; whoever
# says nothing for longer has died without a word.
DEAF_S = 30.0
DUMB_S = 150.0  # two minutes of a reply may wait, and a card has 30 s to open
LATE_S = 1.0  # a beat that is so late is worth a line
LATE_FOR_S = 3600.0  # and no news any more after an hour
BIG_MB = 150.0  # the box needs about 60: something leaks, so it starts afresh when nobody talks
HUGE_MB = 220.0  # and at once before the kernel chooses a victim


class UnwellError(PiVoiceError):
    """Only a new start helps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that whoever looks after the box should know.

    Attributes:
        code: One word for machines.
        text: One sentence, with what to do.
    """

    code: str
    text: str


SILENT_MICROPHONE = Finding(
    "silent_microphone",
    "the microphone delivers true silence: it is switched off at the card or in the mixer. "
    "Look at: alsamixer, or the switch on the microphone",
)


class Health:
    """Watches the daemon.

    Attributes:
        worst_lag_s: How late the loop ever was with a beat, in s.
    """

    def __init__(self) -> None:
        self.worst_lag_s = 0.0
        self._late_s, self._late_at_s = 0.0, -inf
        self._heard_s: float | None = None  # None while the handle is not open
        self._asked_s: float | None = None  # since when the handle owes an answer
        self._silent_ms = 0.0  # also over several presses
        self._playing: set[str] = set()
        self._progress_s = 0.0
        self._shown: Pattern | None = None
        self._due_s = inf

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None:
        """Take in one step of the daemon."""
        if isinstance(event, ev.MicHeard):
            self._hear(event, now_s)
        elif isinstance(event, ev.MicOpened | ev.MicClosed | ev.MicLost):
            self._asked_s = None
            self._heard_s = now_s if isinstance(event, ev.MicOpened) else None
        elif isinstance(event, ev.PlaybackEnded):
            self._playing.discard(event.item_id)
            self._progress_s = now_s
        elif isinstance(event, ev.PlaybackStarted | ev.SpeakerLost | ev.SpeakerOpened):
            self._progress_s = now_s
        for action in actions:
            if isinstance(action, do.Play):
                self._playing.add(action.item_id)
                self._progress_s = now_s
            elif isinstance(action, do.OpenMic | do.CloseMic):
                self._asked_s = now_s if self._asked_s is None else self._asked_s
            elif isinstance(action, do.Show):
                self._shown = action.pattern

    def beat(self, now_s: float, *, every_s: float, rss_mb: float) -> None:
        """Judge; called again and again.

        Args:
            now_s: The loop's clock.
            every_s: When the next beat is due, in s from now.
            rss_mb: Memory of the process, in MB; 0 if it is not known.

        Raises:
            UnwellError: The box is deaf, dumb or too big, and does not know it.
        """
        self._forgive(now_s)
        self._due_s = now_s + every_s
        if self._asked_s is not None and now_s - self._asked_s > DEAF_S:
            raise UnwellError(
                f"the microphone was not opened or closed within {DEAF_S:.0f} s; "
                "the service starts again by itself"
            )
        if self._heard_s is not None and now_s - self._heard_s > DEAF_S:
            raise UnwellError(
                f"the microphone is open and nothing came from it for {DEAF_S:.0f} s; "
                "the service starts again by itself"
            )
        if self._playing and now_s - self._progress_s > DUMB_S:
            raise UnwellError(
                f"a reply waits and nothing was played for {DUMB_S:.0f} s; "
                "the service starts again by itself"
            )
        if rss_mb > HUGE_MB or (rss_mb > BIG_MB and self._shown not in _BUSY):
            raise UnwellError(
                f"the service takes {rss_mb:.0f} MB of memory and starts afresh; "
                "please tell its makers: pi-voice report"
            )

    def _forgive(self, now_s: float) -> None:
        """While the loop stood still nobody could show progress."""
        lag_s = max(0.0, now_s - self._due_s)
        self.worst_lag_s = max(self.worst_lag_s, lag_s)
        if now_s - self._late_at_s > LATE_FOR_S:
            self._late_s = 0.0
        if lag_s > LATE_S:
            self._late_s, self._late_at_s = max(self._late_s, lag_s), now_s
        self._progress_s = min(now_s, self._progress_s + lag_s)
        if self._heard_s is not None:
            self._heard_s = min(now_s, self._heard_s + lag_s)
        if self._asked_s is not None:
            self._asked_s = min(now_s, self._asked_s + lag_s)

    def findings(self) -> list[Finding]:
        """What is not as it should be, and what no other part tells."""
        found = []
        if self._silent_ms >= SILENT_S * 1000:
            found.append(SILENT_MICROPHONE)
        if self._late_s:
            text = f"the board was busy for {self._late_s:.1f} s in one go: run fewer programs"
            found.append(Finding("busy_board", text))
        return found

    def _hear(self, event: ev.MicHeard, now_s: float) -> None:
        if self._heard_s is not None:
            self._heard_s = now_s
        for frame in event.frames:
            # true zeros; the quietest room and the cheapest card are louder
            self._silent_ms = 0.0 if any(frame.pcm) else self._silent_ms + FRAME_MS


_BUSY = (Pattern.OPENING, Pattern.LISTENING, Pattern.THINKING, Pattern.SPEAKING)
