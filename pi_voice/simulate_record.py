"""What a simulation has seen: the facts that its checks and its report are made of."""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Sound
from pi_voice.core.events import Event
from pi_voice.core.failures import Failure
from pi_voice.errors import PiVoiceError
from pi_voice.sim.clock import START_S

KEPT = 200  # of anything that is only looked at for a while
AGE = "maximum"  # the word that all reasons have which speak of a session's age
STEPS = 60  # that led to what must never happen
NOTICED_S = 40.0  # a dead link that nobody uses is found out by then, and told
BAD_NEWS = {Sound.NO_REPLY, Sound.TOO_LONG, *(Sound(failure.value) for failure in Failure)} - {
    Sound.MUTED
}


class Violation(PiVoiceError):
    """The box did what it must never do."""


@dataclasses.dataclass(slots=True)
class Spell:
    """One fault, from its beginning to its end.

    Attributes:
        name: In the table of faults.
        part: What it strikes: link, service, microphone, speaker or button.
        began_s: On the loop's clock.
        recover_s: How long the box may take to be well after it.
        ended_s: None while it lasts.
    """

    name: str
    part: str
    began_s: float
    recover_s: float
    ended_s: float | None = None

    def excuses(self, from_s: float, to_s: float, *, grace_s: float | None = None) -> bool:
        """It, or what follows from it, lies between these moments."""
        if self.ended_s is None:
            return self.began_s <= to_s
        grace_s = self.recover_s if grace_s is None else grace_s
        return self.began_s <= to_s and from_s <= self.ended_s + grace_s


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """An item was played to its end, or to where it was cut.

    Attributes:
        at_s: When.
        item_id: Which.
        from_s: When its first sample left the speaker; that of the end if none did.
        played_ms: How much of it left the speaker.
        interrupted: It was cut.
    """

    at_s: float
    item_id: str
    from_s: float
    played_ms: float
    interrupted: bool


class Record:
    """Watches the daemon, and is told of faults and turns.

    Attributes:
        spells: The newest faults.
        online: A session is open and acknowledged.
        downs: Sessions that were lost or renewed, by reason.
        sounds: When which sound was played.
        heard: What was played.
        outcomes: Turns by what became of them.
        faults: How often each struck.
        recoveries_s: How long the box took to be well after each.
        now_s: The time of the last step.
        problem: The first thing that must never happen.
        steps: The newest, with what struck between them.
    """

    def __init__(self) -> None:
        self.spells: deque[Spell] = deque(maxlen=KEPT)
        self.online = False
        self.downs: Counter[str] = Counter()
        self.sounds: deque[tuple[float, Sound]] = deque(maxlen=KEPT)
        self.heard: deque[Heard] = deque(maxlen=KEPT)
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.recoveries_s: dict[str, list[float]] = defaultdict(list)
        self.now_s = 0.0
        self.problem: Violation | None = None
        self.steps: deque[str] = deque(maxlen=STEPS)
        self._playing: dict[str, float] = {}
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """Stands for every event and every decision so far, with their times."""
        return self._digest.hexdigest()

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None:
        """Take in one step of the daemon."""
        self.now_s = now_s
        if actions or not isinstance(event, ev.MicHeard):
            self._write_down(event, actions)
        for action in actions:
            if isinstance(action, do.PlaySound):
                self.sounds.append((now_s, action.sound))
        if isinstance(event, ev.PlaybackEnded):
            from_s = self._playing.pop(event.item_id, now_s)
            one = Heard(now_s, event.item_id, from_s, event.played_ms, event.interrupted)
            self.heard.append(one)
        elif isinstance(event, ev.PlaybackStarted):
            self._playing[event.item_id] = event.at_s
        elif isinstance(event, ev.LinkUp):
            self.online = True
        elif isinstance(event, ev.LinkDown):
            self._on_link_down(event)

    def fail(self, what: str) -> None:
        """Remember what must never happen; the first of it ends the simulation."""
        if self.problem is None:
            self.problem = Violation(what)
            self._note(f"!! {what}")

    def strikes(self, spell: Spell) -> None:
        self.now_s = spell.began_s
        self.spells.append(spell)
        self.faults[spell.name] += 1
        self._note(f"++ {spell.name} begins")

    def ends(self, spell: Spell, now_s: float) -> None:
        spell.ended_s = self.now_s = now_s
        self._note(f"-- {spell.name} is over")

    def excuse(
        self, from_s: float, to_s: float, parts: Sequence[str] = (), *, grace_s: float | None = None
    ) -> str:
        """Name a fault of these parts, or of any, that lies between two moments; or nothing."""
        for spell in reversed(self.spells):
            mine = not parts or spell.part in parts
            if mine and spell.excuses(from_s, to_s, grace_s=grace_s):
                return spell.name
        return ""

    def told_since(self, at_s: float) -> Sound | None:
        """The first bad news that was spoken since then."""
        for sounded_s, sound in self.sounds:
            if sounded_s >= at_s and sound in BAD_NEWS:
                return sound
        return None

    def heard_whole(self, since_s: float) -> list[Heard]:
        """What was played to its end since then."""
        return [one for one in self.heard if one.at_s >= since_s and not one.interrupted]

    def _on_link_down(self, event: ev.LinkDown) -> None:
        if not self.online:
            return
        self.online = False
        self.downs[event.reason] += 1
        cut = self.excuse(self.now_s, self.now_s, ("link", "service"), grace_s=NOTICED_S)
        if not cut and not is_of_age(event.reason):
            self.fail(f"the link went down and nobody cut it: {event.reason}")

    def _write_down(self, event: Event, actions: Sequence[Action]) -> None:
        words = [_words(event), *map(_words, actions)]
        self._digest.update("\n".join((f"{self.now_s:.6f}", *words)).encode())
        if not isinstance(event, ev.MicHeard | ev.ReplyAudio):  # there are too many of them
            self._note(" → ".join((words[0], ", ".join(words[1:]) or "-")))

    def _note(self, what: str) -> None:
        self.steps.append(f"{self.now_s - START_S:.3f} s  {what}")


def is_of_age(reason: str) -> bool:
    """A session ended because no session lasts longer."""
    return AGE in reason


def _words(thing: object) -> str:
    """A thing without its sound, which a checksum stands for."""
    values = [getattr(thing, name) for name in getattr(thing, "__match_args__", ())]
    shown = (
        f"{zlib.crc32(value):x}"
        if isinstance(value, bytes)
        else str(len(value))
        if isinstance(value, tuple)
        else repr(value)
        for value in values
    )
    return f"{type(thing).__name__} {' '.join(shown)}"
