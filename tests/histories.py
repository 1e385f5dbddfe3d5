"""Short ways to write histories of the device."""

from __future__ import annotations

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action
from pi_voice.core.activation import Activation, PushToTalk
from pi_voice.core.device import IDLE_TIMER, Device
from pi_voice.core.events import Event, LinkFault
from pi_voice.core.rules import Rules
from pi_voice.core.states import Turn

FRAME = b"\x01\x00" * 480
UP = ev.LinkUp("s1")
DOWN = ev.LinkDown(LinkFault.NETWORK, "no route")
REFUSED = ev.LinkDown(LinkFault.REFUSED, "the key")
SLEEPY = Rules(idle_hang_up_ms=60_000.0)


def frame(at_s: float, *, speech: bool = True, pcm: bytes = FRAME) -> ev.MicFrame:
    return ev.MicFrame(pcm, at_s, speech)


def heard(from_s: float, frames: int = 1, *, speech: bool = True) -> ev.MicHeard:
    return ev.MicHeard(tuple(frame(from_s + i * 0.02, speech=speech) for i in range(frames)))


def press(at_s: float = 1.0) -> ev.ButtonEdge:
    return ev.ButtonEdge(pressed=True, at_s=at_s)


def release(at_s: float = 2.0) -> ev.ButtonEdge:
    return ev.ButtonEdge(pressed=False, at_s=at_s)


def audio(reply: str = "r1", item: str = "i1", ms: int = 200) -> ev.ReplyAudio:
    return ev.ReplyAudio(reply, item, b"\x02\x00" * (24 * ms))


def device(activation: Activation | None = None, rules: Rules | None = None) -> Device:
    """A device that is started and not yet online."""
    made = Device(activation or PushToTalk(), rules)
    made.handle(ev.Started(muted=False))
    return made


def feed(to: Device, *events: Event) -> list[Action]:
    """All actions of these events, in order."""
    return [action for event in events for action in to.handle(event)]


def online(activation: Activation | None = None, rules: Rules | None = None) -> Device:
    made = device(activation, rules)
    made.handle(UP)
    return made


def asleep() -> Device:
    """A device that hung up because nobody talked."""
    made = online(rules=SLEEPY)
    made.handle(ev.TimerFired(IDLE_TIMER))
    return made


QUESTION = (press(1.0), ev.MicOpened(), heard(1.05, 50), release(2.0), heard(2.05, 10))


def thinking(activation: Activation | None = None) -> Device:
    """A device that asked for a reply."""
    made = online(activation)
    feed(made, *QUESTION)
    return made


def speaking() -> Device:
    """A device that plays a reply."""
    made = thinking()
    feed(made, ev.MicClosed(), ev.ReplyStarted("r1"), audio())
    return made


def sent(actions: list[Action]) -> bytes:
    return b"".join(a.pcm for a in actions if isinstance(a, do.SendAudio | do.SendTurn))


def kinds(actions: list[Action]) -> list[type]:
    """The kinds of the actions, timers left out."""
    return [type(a) for a in actions if not isinstance(a, do.StartTimer | do.StopTimer)]


def sounds(actions: list[Action]) -> list[str]:
    return [a.sound.value for a in actions if isinstance(a, do.PlaySound)]


def shown(actions: list[Action]) -> list[str]:
    return [a.pattern.value for a in actions if isinstance(a, do.Show)]


def turn(of: Device) -> Turn:
    """Whose turn it is; a call, because a type checker believes that attributes do not change."""
    return of.turn


def timers(actions: list[Action]) -> dict[str, float]:
    """The timers that were started, each with its ms."""
    return {a.name: a.after_ms for a in actions if isinstance(a, do.StartTimer)}
