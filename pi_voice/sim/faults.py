"""What the embedded service can be told to do wrong, as data.

A script lists refusals at the door and faults at events. A fault waits for an event of a type,
counted over the life of the service, from or to a client:

    Script(faults=[Fault("session.updated", Close(1013))])                    # once, at the first
    Script(faults=[Fault("input_audio_buffer.append", Cut(), nth=10)])        # in mid-utterance
    Script(faults=[Fault("response.created", Silence(), nth=2)])              # then nothing more
    Script(faults=[Fault("response.created", Send("{not json"), nth=None)])   # every time
    Script(refusals=[Refusal(429, retry_after_s=2)], calls={3: Call("get_time")})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pi_voice.sim.parrot import Call
from pi_voice.sim.service_wire import Wire

SESSION_S = 3600.0  # the real service ends a session after 60 minutes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection with a code, as the service would; the event itself is sent before."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """Abort the connection without a word, as a dead network does."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing more in this session after the event; the connection stays and is read."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send something else after the event: an error, an unknown event, garbage as text.

    Attributes:
        what: Wire events, or text that goes out as it is.
        times: How often: many times is a storm.
        instead: The event itself is not sent.
    """

    what: Wire | str
    times: int = 1
    instead: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the event twice."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Send the event after the one that follows it."""


@dataclass(frozen=True, slots=True)
class Lose:
    """Send nothing more of the response that the event is of, not even its end."""


Deed = Close | Cut | Silence | Send | Repeat | Swap | Lose
Output = Wire | str | Close | Cut | Silence


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: The wire type of the event it waits for; of a client's event too.
        deed: What happens then. Repeat and Swap make sense for events of the service only.
        nth: At which of them, from 1; None is every time.
    """

    at: str
    deed: Deed
    nth: int | None = 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer a connection with an HTTP status instead of a session.

    Attributes:
        status: 401, 403, 429, 503 …
        retry_after_s: For the Retry-After header; None leaves it out.
        code: The protocol's word in the body, e.g. "invalid_api_key", "insufficient_quota".
    """

    status: int
    retry_after_s: int | None = None
    code: str = "refused"


@dataclass(frozen=True, slots=True)
class Script:
    """How the service behaves, if not as it should.

    Attributes:
        faults: What goes wrong, and when.
        refusals: One per connection attempt, in order; `itertools.repeat` refuses for ever.
        calls: Tool calls instead of an answer, by the number of the response in its session,
            from 1.
        session_s: Length of a session; `session_expired` and close code 1001 end it.
    """

    faults: Sequence[Fault] = ()
    refusals: Iterable[Refusal] = ()
    calls: Mapping[int, Call] = field(default_factory=dict)
    session_s: float = SESSION_S


class FaultLine:
    """Lets the events of one session pass, or not, as the script says.

    Args:
        script: The faults.
        seen: Events by type; one counter for all sessions of the service.
        planned: What else is done, once, at the next event of a type; shared by all sessions.
    """

    def __init__(
        self,
        script: Script,
        seen: Counter[str],
        planned: dict[str, list[Deed]] | None = None,
    ) -> None:
        self._faults = script.faults
        self._seen = seen
        self._planned = {} if planned is None else planned
        self._held: Wire | None = None
        self._lost = ""

    def outgoing(self, event: Wire) -> Iterator[Output]:
        """What is sent for an event of the service."""
        deeds = self._deeds(event)
        if self._lost and self._lost == _response_id(event):
            return
        if any(isinstance(deed, Lose) for deed in deeds):
            self._lost = _response_id(event)
        if any(isinstance(deed, Swap) for deed in deeds):
            self._held = event
            return
        if not any(isinstance(deed, Send) and deed.instead for deed in deeds):
            yield event
        if self._held:
            yield self._held
            self._held = None
        for deed in deeds:
            yield from _done(deed, event)

    def incoming(self, event: Wire) -> Iterator[Output]:
        """What an event of the client sets off, before it is answered."""
        for deed in self._deeds(event):
            yield from _done(deed, event)

    def _deeds(self, event: Wire) -> list[Deed]:
        kind = str(event.get("type"))
        self._seen[kind] += 1
        count = self._seen[kind]
        scripted = (f.deed for f in self._faults if f.at == kind and _hits(f, count))
        return [*scripted, *self._planned.pop(kind, ())]


def _hits(fault: Fault, count: int) -> bool:
    return fault.nth is None or fault.nth == count


def _response_id(event: Wire) -> str:
    response = event.get("response") or {}
    return str(event.get("response_id") or response.get("id") or "")


def _done(deed: Deed, event: Wire) -> Iterator[Output]:
    if isinstance(deed, Send):
        for _ in range(deed.times):
            yield deed.what
    elif isinstance(deed, Repeat):
        yield event
    elif isinstance(deed, Close | Cut | Silence):
        yield deed
